"""SQLite files of other tools, opened so that nothing of them changes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from fade_client.errors import LogError

MAGIC = b"SQLite format 3\0"

_MADE_UP = """
    SELECT 1 FROM sqlite_master WHERE type = 'view'
    UNION ALL
    SELECT 1 FROM sqlite_master AS made, pragma_table_xinfo(made.name) AS part
    WHERE made.type = 'table' AND part.hidden > 1
"""
"""What can have rows without end, or values of any size, in a file of a few pages."""


@contextmanager
def open_database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database read-only, in which everything is as large as it looks.

    Raises:
        LogError: It cannot be read, or has a view or a computed column.
    """
    address = path.absolute().as_uri()
    try:
        with closing(sqlite3.connect(f"{address}?mode=ro", uri=True)) as connection:
            if connection.execute(_MADE_UP).fetchone():
                raise LogError(f"the database {path} has views or computed columns; logs have none")
            yield connection
    except sqlite3.Error as error:
        raise LogError(f"the database {path} cannot be read: {error}") from error


def columns(connection: sqlite3.Connection, table: str) -> frozenset[str]:
    """Return the names of a table's columns; none where there is no such table."""
    rows = connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    return frozenset(str(name) for (name,) in rows)


def has_columns(path: Path, head: bytes, table: str, wanted: frozenset[str]) -> bool:
    """Say whether a file is a database with this table and at least these columns."""
    if not head.startswith(MAGIC):
        return False
    try:
        with open_database(path) as connection:
            return wanted <= columns(connection, table)
    except LogError:
        return False
