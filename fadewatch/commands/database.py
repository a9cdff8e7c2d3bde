"""``fadewatch db``: the schema of the store."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fade_server.services.context import Context

app = typer.Typer(help="Look after the store's schema.", no_args_is_help=True)

Database = Annotated[
    str | None,
    typer.Option("--db", help="File or SQLAlchemy URL; default: FADEWATCH_DATABASE_URL."),
]


def database_url(db: str | None) -> str | None:
    """Turn a ``--db`` argument into a SQLAlchemy URL; a bare path means SQLite."""
    return db if db is None or "://" in db else f"sqlite:///{db}"


@contextmanager
def explained() -> Iterator[None]:
    """End the command with status 2 and the explanation of one of our errors, not its trace."""
    from fade_core.errors import FadeError  # noqa: PLC0415

    try:
        yield
    except FadeError as problem:
        typer.secho(str(problem), fg="red", err=True)
        raise typer.Exit(2) from problem


@contextmanager
def opened_store(db: str | None) -> "Iterator[Context]":
    """Open the store for a command that works without a server; errors are ``explained``.

    Args:
        db: The ``--db`` argument; None for the settings' own.
    """
    from fade_server.queries.engine import Store  # noqa: PLC0415  the light install lacks it
    from fade_server.schema import prepare_engine  # noqa: PLC0415
    from fade_server.services.context import Context  # noqa: PLC0415
    from fade_server.services.notifier import Notifier  # noqa: PLC0415
    from fade_server.settings import read_settings  # noqa: PLC0415

    with explained():
        settings = read_settings(database_url=database_url(db))
        store = Store(settings.database_url)
        try:
            prepare_engine(store.engine)
            yield Context(store, settings, Notifier(), time.time)
        finally:
            store.close()


@app.command()
def upgrade(db: Database = None) -> None:
    """Bring the schema up to date. Safe to repeat; take a backup of a large store first."""
    from fade_server.main import upgrade_database  # noqa: PLC0415  the light install lacks it
    from fade_server.settings import read_settings  # noqa: PLC0415

    with explained():
        upgrade_database(read_settings(database_url=database_url(db)).database_url)
    typer.echo("The schema is up to date.")
