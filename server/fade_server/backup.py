"""The whole store into one file, and back."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, inspect, select

from fade_server.errors import BackupError
from fade_server.queries.engine import open_engine
from fade_server.schema import upgrade_engine
from fade_server.tables import runs

PAGES = 1000
"""Pages that SQLite copies at a time; writers get their turn in between."""

_HEADS = {b"SQLite format 3\0": "sqlite", b"PGDMP": "postgresql"}


def back_up(url: str, file: Path, *, force: bool = False) -> None:
    """Write the store to a file, while servers may go on using it.

    SQLite is copied by its own online backup, PostgreSQL is dumped by ``pg_dump`` in its custom
    format. The file appears under its name once it is complete.

    Args:
        url: As in ``Settings.database_url``.
        file: Where to.
        force: Replace a file that is there.

    Raises:
        BackupError: The file is there, the store is not, or ``pg_dump`` is missing or fails.
    """
    if file.exists() and not force:
        raise BackupError(f"{file} is there already; choose another name or pass --force")
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    engine = _open_existing(url)
    try:
        if engine.dialect.name == "sqlite":
            with closing(sqlite3.connect(part)) as target, closing(_raw(engine)) as source:
                source.backup(target, pages=PAGES)
        else:
            _postgresql(engine, "pg_dump", "--format=custom", "--no-owner", f"--file={part}")
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
        engine.dispose()


def restore(url: str, file: Path, *, force: bool = False) -> None:
    """Replace the store by what a backup holds, and bring it to the schema of this version.

    Args:
        url: As in ``Settings.database_url``; the kind of database that the backup is of.
        file: What ``back_up`` wrote.
        force: Also replace a store that has runs.

    Raises:
        BackupError: The file is no backup of this kind of database, the store has runs, or
            ``pg_restore`` is missing or fails.
    """
    kind = _kind(file)
    engine = open_engine(url)
    try:
        if kind != engine.dialect.name:
            raise BackupError(
                f"{file} is a backup of {kind}, and the store is {engine.dialect.name}; "
                "restore it into the same kind of database"
            )
        count = _count_runs(engine)
        if count and not force:
            raise BackupError(
                f"the store has {count} runs, which would be gone; pass --force to replace them"
            )
        if kind == "sqlite":
            with closing(sqlite3.connect(file)) as source, closing(_raw(engine)) as target:
                source.backup(target)
        else:
            options = ("--clean", "--if-exists", "--no-owner", "--single-transaction")
            _postgresql(engine, "pg_restore", *options, str(file))
        upgrade_engine(engine)
    finally:
        engine.dispose()


def _open_existing(url: str) -> Engine:
    engine = open_engine(url)
    if engine.dialect.name == "sqlite" and not Path(str(engine.url.database)).is_file():
        raise BackupError(f"there is no store at {engine.url.database}")
    return engine


def _raw(engine: Engine) -> sqlite3.Connection:
    return sqlite3.connect(str(engine.url.database), timeout=30)


def _kind(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            head = opened.read(16)
    except OSError as error:
        raise BackupError(f"{file} cannot be read: {error.strerror}") from error
    found = next((kind for mark, kind in _HEADS.items() if head.startswith(mark)), None)
    if found is None:
        raise BackupError(f"{file} is not a backup: neither a SQLite file nor a pg_dump archive")
    return found


def _count_runs(engine: Engine) -> int:
    if not inspect(engine).has_table("runs"):
        return 0
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(runs)) or 0


def _postgresql(engine: Engine, program: str, *arguments: str) -> None:
    path = shutil.which(program)
    if path is None:
        raise BackupError(
            f"{program} was not found; install PostgreSQL's client programs, of the server's "
            "version or newer, and put them on the PATH"
        )
    _, options = engine.dialect.create_connect_args(engine.url)
    completed = subprocess.run(
        [path, "--dbname", str(options["dbname"]), *arguments],
        env=os.environ | _environment(options), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if completed.returncode:
        raise BackupError(f"{program} failed: {completed.stderr.strip()[-1000:]}")


def _environment(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the connection as libpq's variables: arguments can be seen by every user."""
    names = {
        "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD",
        "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT",
    }  # fmt: skip
    return {names[name]: str(one) for name, one in options.items() if name in names}
