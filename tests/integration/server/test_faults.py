"""Faults on our side: a problem document that tells nothing, and a log that tells all."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text

from fade_server.main import create_app, upgrade_database
from fade_server.settings import Settings
from tests.integration.server.api import Api, serve
from tests.integration.server.conftest import MakeDatabase


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/fade.db"))
    with serve(app) as started:
        yield started


def test_an_unexpected_error_is_named_by_a_number_that_the_log_has(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    api.open_run("broken")
    with api.context.store.write() as session:
        session.execute(text("UPDATE runs SET schedule = '{}'"))
    with caplog.at_level(logging.ERROR):
        answer = api.get("/runs/broken")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    detail = answer.json()["detail"]
    assert "Error" not in detail
    number = detail.rsplit(" ", 1)[1]
    assert any(number in record.getMessage() and record.exc_info for record in caplog.records)


def test_a_database_that_does_not_answer_is_unavailable_for_now(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    with api.context.store.write() as session:
        session.execute(text("ALTER TABLE runs RENAME TO gone"))
    answer = api.get("/runs")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "gone" not in answer.text
    assert "the database did not answer" in caplog.text


def test_readiness_fails_when_the_schema_is_another(api: Api) -> None:
    with api.context.store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    answer = api.get("http://127.0.0.1/readyz")
    assert answer.status_code == 503
    assert "9999" in answer.json()["detail"]
    assert api.get("http://127.0.0.1/healthz").json() == {"status": "ok"}


def test_readiness_fails_while_the_database_takes_no_changes(make_database: MakeDatabase) -> None:
    url = make_database()
    upgrade_database(url)
    with serve(create_app(Settings(database_url=url)), "http://127.0.0.1") as api:
        assert api.get("/readyz").status_code == 200
        engine = api.context.store.engine
        make_read_only(engine)
        answer = api.get("/readyz")
        assert answer.status_code == 503
        assert "the database takes no changes" in answer.json()["detail"]
        assert "read" in answer.json()["detail"]
        assert api.get("/healthz").status_code == 200


def make_read_only(engine: Engine) -> None:
    """Make every connection from now on refuse changes, by the database's own means."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA query_only = ON"))
    else:
        name = engine.url.database
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(
                text(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
            )
    engine.dispose()


def test_nothing_of_a_batch_is_stored_when_its_last_part_fails(api: Api) -> None:
    api.open_run("atomic")
    with api.context.store.write() as session:
        session.execute(text("ALTER TABLE schedules RENAME TO gone"))
    body = {"attempt": 1, "steps": [0], "columns": {"loss": [1.0]}}
    assert api.post("/runs/atomic/steps", json=body).status_code == 503
    with api.context.store.write() as session:
        session.execute(text("ALTER TABLE gone RENAME TO schedules"))
    assert api.run("atomic")["step_count"] == 0
    assert api.post("/runs/atomic/steps", json=body).json()["accepted"] == 1
