"""The migrations, on both databases."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

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

RUN: dict[str, Any] = {
    "pk": 1, "id": "r", "project": "p", "name": "r", "mode": "observe", "status": "running",
    "config": "{}", "scheduler": "{}", "created_at": 1.0, "updated_at": 1.0, "attempt": 1,
    "step_count": 1, "last": "{}", "metrics": "[]", "schedule": "{}", "override_version": 0,
    "revision": 1,
}  # fmt: skip
OLD_ROWS: dict[str, dict[str, Any]] = {
    "runs": RUN,
    "attempts": {
        "run_pk": 1, "ordinal": 1, "key": "a", "mode": "observe", "status": "running",
        "scheduler": "{}", "created_at": 1.0,
    },
    "steps": {"run_pk": 1, "attempt": 1, "step": 0, "recorded_at": 1.0, "superseded": False},
    "weights": {
        "run_pk": 1, "attempt": 1, "step": 0, "prompts": 1, "group_size": 2,
        "rewards": bytes(8), "advantages": bytes(8),
    },
}  # fmt: skip
"""As version 0001 stored them."""


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


def test_weights_that_were_stored_before_0002_are_whole_batches(engine: Engine) -> None:
    config = alembic_config(engine)
    command.upgrade(config, "0001")
    with engine.begin() as connection:
        for table, row in OLD_ROWS.items():
            names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), row)
    assert "run: fadewatch db upgrade" in str(engine_problem(engine))
    upgrade_engine(engine)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT sampled FROM weights")) in (False, 0)
        assert connection.scalar(text("SELECT override_step FROM runs")) is None
    command.downgrade(config, "0001")
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT group_size FROM weights")) == 2


def test_levels_in_the_longer_blocks_of_0003_are_left_to_be_written_anew(engine: Engine) -> None:
    config = alembic_config(engine)
    command.upgrade(config, "0003")
    level = {"run_pk": 1, "level": 1, "metric": "loss", "block": 0, "data": bytes(16)}
    with engine.begin() as connection:
        for table, row in {"runs": RUN, "levels": level}.items():
            names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), row)
    upgrade_engine(engine)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM levels")) == 0
        assert connection.scalar(text("SELECT count(*) FROM runs")) == 1


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
