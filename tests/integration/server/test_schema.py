"""The migrations, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from fade_server.errors import SchemaError
from fade_server.main import create_app, schema_problem, upgrade_database
from fade_server.queries.engine import open_engine
from fade_server.schema import alembic_config, engine_problem, upgrade_engine
from fade_server.settings import Settings
from fade_server.tables import SCHEMA_HEAD
from tests.helpers import ROOT
from tests.integration.server.api import serve
from tests.integration.server.conftest import MakeDatabase


@pytest.fixture
def engine(make_database: MakeDatabase) -> Iterator[Engine]:
    opened = open_engine(make_database())
    yield opened
    opened.dispose()


def test_the_migrations_end_at_the_schema_that_the_service_wants(engine: Engine) -> None:
    scripts = ScriptDirectory.from_config(alembic_config(engine))
    assert scripts.get_heads() == [SCHEMA_HEAD]


def test_the_migrations_make_the_tables_and_take_them_away(engine: Engine) -> None:
    config = alembic_config(engine)
    upgrade_engine(engine)
    command.check(config)
    upgrade_engine(engine)
    command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]


def test_an_empty_database_is_named_with_the_cure(make_database: MakeDatabase) -> None:
    url = make_database()
    assert "run: fadewatch db upgrade" in str(schema_problem(url))
    upgrade_database(url)
    assert schema_problem(url) is None


def test_a_database_of_a_newer_version_is_refused(engine: Engine) -> None:
    upgrade_engine(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "a newer one" in str(engine_problem(engine))


def test_an_embedded_database_is_upgraded_at_the_start(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/folder/fade.db"
    with serve(create_app(Settings(database_url=url)), "http://127.0.0.1") as api:
        assert api.get("/readyz").status_code == 200
    assert schema_problem(url) is None


def test_an_embedded_database_of_a_newer_version_stops_the_start(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/fade.db"
    upgrade_database(url)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    app = create_app(Settings(database_url=url))
    with pytest.raises(SchemaError, match="newer"), serve(app):
        pass


def test_a_postgresql_that_is_behind_stops_the_start(make_postgres: MakeDatabase) -> None:
    app = create_app(Settings(database_url=make_postgres()))
    with pytest.raises(SchemaError, match="fadewatch db upgrade"), serve(app):
        pass


def test_migrations_by_hand_use_the_database_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/fade.db"
    monkeypatch.setenv("FADEWATCH_DATABASE_URL", url)
    command.upgrade(Config(str(ROOT / "alembic.ini")), "head")
    assert schema_problem(url) is None
