"""The database's schema: upgrade it, or say why it cannot be used."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Engine

from fade_server.errors import SchemaError
from fade_server.queries.engine import open_engine
from fade_server.tables import SCHEMA_HEAD


def migrations_folder() -> Path:
    """Return the folder of migrations: inside the installed package, else in the repository."""
    package = Path(__file__).parent
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent.parent / "migrations"


def alembic_config(engine: Engine) -> Config:
    """Return Alembic's configuration for commands on this engine."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config


def upgrade_engine(engine: Engine) -> None:
    """Bring a database to the schema of this version; harmless when it is there.

    Raises:
        SchemaError: The database was written by a newer version.
    """
    try:
        command.upgrade(alembic_config(engine), "head")
    except CommandError as error:
        raise SchemaError(engine_problem(engine) or str(error)) from error


def prepare_engine(engine: Engine) -> None:
    """Upgrade an embedded database; make sure that any other is at the schema of this version.

    Raises:
        SchemaError: It is not, or was written by a newer version.
    """
    problem = engine_problem(engine)
    if problem is not None and engine.dialect.name == "sqlite":
        upgrade_engine(engine)
        problem = engine_problem(engine)
    if problem is not None:
        raise SchemaError(problem)


def engine_problem(engine: Engine) -> str | None:
    """Return why a database cannot be used by this version, or None."""
    with engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    if present == SCHEMA_HEAD:
        return None
    known = [one.revision for one in _scripts(engine).walk_revisions()]
    if present is not None and present not in known:
        return (
            f"the database is at schema {present}, which this version does not know; "
            "it was written by a newer one, so upgrade fadewatch"
        )
    state = "has no schema" if present is None else f"is at schema {present}"
    return f"the database {state}, this version needs {SCHEMA_HEAD}; run: fadewatch db upgrade"


def upgrade_database(url: str) -> None:
    """Bring the database of a URL to the schema of this version.

    Args:
        url: As in ``Settings.database_url``.

    Raises:
        SchemaError: The database was written by a newer version.
    """
    engine = open_engine(url)
    try:
        upgrade_engine(engine)
    finally:
        engine.dispose()


def schema_problem(url: str) -> str | None:
    """Return why the database of a URL cannot be used by this version, or None.

    Args:
        url: As in ``Settings.database_url``.
    """
    engine = open_engine(url)
    try:
        return engine_problem(engine)
    finally:
        engine.dispose()


def _scripts(engine: Engine) -> ScriptDirectory:
    return ScriptDirectory.from_config(alembic_config(engine))
