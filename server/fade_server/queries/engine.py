"""The connection to the store: one engine, read and write transactions, SQLite's settings."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session

from fade_core.errors import SettingError

BUSY_TIMEOUT_MS = 30_000
"""How long SQLite waits for another process's write transaction."""

POOL_SIZE = 40
"""Connections; as many as the threads that serve requests, so that none waits for one."""

POOL_WAIT_S = 10.0
"""How long a request waits for a connection."""

_DISK_FULL = "53100"  # PostgreSQL's


def expand_url(url: str) -> URL:
    """Return the URL with its driver named and ``~`` expanded.

    Args:
        url: ``sqlite:///file`` or ``postgresql://...``.

    Raises:
        SettingError: The database is neither SQLite in a file nor PostgreSQL.

    >>> str(expand_url("postgres://db/fade"))
    'postgresql+psycopg://db/fade'
    """
    if url.startswith("postgres://"):
        url = "postgresql" + url.removeprefix("postgres")
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingError(f"database_url is not a database URL: {error}") from error
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise SettingError(
            "database_url must be sqlite:///FILE or postgresql://USER@HOST/NAME, "
            f"got {parsed.render_as_string()}"
        )
    return parsed.set(database=str(Path(str(parsed.database)).expanduser()))


def open_engine(url: str, *, connections: int = POOL_SIZE, wait_s: float = POOL_WAIT_S) -> Engine:
    """Return an engine for the store; the folder of a SQLite file is made.

    Args:
        url: As for ``expand_url``.
        connections: Most of them at a time.
        wait_s: How long to wait for one that is free, in seconds.
    """
    parsed = expand_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite:
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        parsed,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=wait_s,
        pool_pre_ping=not sqlite,
        hide_parameters=True,  # errors are logged, and what is stored can be secret
        json_serializer=lambda document: orjson.dumps(document).decode(),
        json_deserializer=orjson.loads,
    )
    if sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    # The driver would begin and commit by itself; transactions are ours.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    kind = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {kind}")


def is_full(error: DBAPIError) -> bool:
    """Return whether the database refused to write because its disk is full."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_FULL or getattr(error.orig, "sqlstate", None) == _DISK_FULL


class Store:
    """The database of one service process.

    1. ``write`` commits all of its block or, after an exception, nothing of it.
    2. On SQLite one ``write`` runs at a time; on PostgreSQL the statements lock rows.
    3. ``read`` never waits for a ``write``, and sees one moment from its first statement on.

    Args:
        url: As for ``expand_url``.
        connections: As for ``open_engine``.
        wait_s: As for ``open_engine``.
    """

    def __init__(
        self, url: str, *, connections: int = POOL_SIZE, wait_s: float = POOL_WAIT_S
    ) -> None:
        self.engine = open_engine(url, connections=connections, wait_s=wait_s)
        sqlite = self.engine.dialect.name == "sqlite"
        # SQLite reads like this anyway.
        snapshot = {} if sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reader = self.engine.execution_options(**snapshot)
        self._writer = self.engine.execution_options(sqlite_begin="IMMEDIATE")
        # Threads of one process queue here, which is fairer than SQLite's own waiting.
        self._turn = threading.Lock() if sqlite else nullcontext()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session for reading."""
        with Session(self._reader) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session whose transaction is committed at the end of the block."""
        with self._turn, Session(self._writer) as session, session.begin():
            yield session

    def check_writable(self) -> None:
        """Do what a change does up to the point where something changes.

        Raises:
            DBAPIError: The database takes no changes: it is a standby, or read-only.
        """
        with self.write() as session:
            # No row, so that no other process has to wait for this one.
            session.execute(text("UPDATE runs SET revision = revision WHERE 1 = 0"))

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
