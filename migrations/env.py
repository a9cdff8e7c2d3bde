"""Runs migrations: on the engine that the service hands over, or by hand on the settings'."""

from alembic import context
from sqlalchemy import Engine

from fade_server.queries.engine import open_engine
from fade_server.settings import Settings
from fade_server.tables import metadata


def run(engine: Engine) -> None:
    """Run the migrations in one transaction; on SQLite, it keeps other processes out."""
    with engine.connect().execution_options(sqlite_begin="IMMEDIATE") as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=True,
            transactional_ddl=True,
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("migrations need a database; there is no offline mode")

given = context.config.attributes.get("engine")
if given is not None:
    run(given)
else:
    own = open_engine(Settings().database_url)
    try:
        run(own)
    finally:
        own.dispose()
