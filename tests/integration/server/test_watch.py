"""The detectors behind the ingest: every record once, whoever reads it and whoever dies."""

import json
import random
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete

from fade_core.diagnosis import diagnose
from fade_core.report import report_json
from fade_server import tables
from fade_server.main import create_app
from fade_server.services import watch
from fade_server.settings import Settings
from tests.conftest import ServerProcess, wait_until
from tests.helpers import ROOT
from tests.integration.server.alarms import NAN, Record, alerts, columnar, diagnosis, losses, send
from tests.integration.server.api import Api, serve
from tests.unit.core.streams import failing, healthy

FAILING = failing("entropy_collapse", length=120, start=50)


def wanted(records: Sequence[Record]) -> list[Any]:
    found: list[Any] = json.loads(json.dumps(report_json(diagnose(records))["findings"]))
    return found


@pytest.mark.parametrize("size", [1, 7, 120])
def test_the_service_finds_what_a_diagnosis_of_the_whole_run_finds(api: Api, size: int) -> None:
    run, records = f"whole-{size}", FAILING[: 120 if size > 1 else 75]
    api.open_run(run)
    for start in range(0, len(records), size):
        api.send(run, [r["step"] for r in records[start : start + size]],
                 **columnar(records[start : start + size]))  # fmt: skip
    assert api.context.background.wait_idle(60)
    found = diagnosis(api, run)
    assert found["findings"] == wanted(records)
    assert found["findings"][0]["detector"] == "entropy_collapse"
    assert (found["steps"], found["step"]) == (len(records), records[-1]["step"])


def test_more_records_than_are_read_at_once_are_all_read(api: Api) -> None:
    records = [{"step": t, "loss": 0.1} for t in range(2 * watch.CHUNK)]
    api.open_run("long")
    send(api, "long", records)
    assert diagnosis(api, "long")["steps"] == 2 * watch.CHUNK


def test_a_new_attempt_goes_on_where_the_older_one_went_wrong(api: Api) -> None:
    again = [healthy(t) for t in range(55, 90)]
    api.open_run("resumed", "a")
    send(api, "resumed", FAILING[:80])
    api.open_run("resumed", "b")
    send(api, "resumed", again, attempt=2)
    found = diagnosis(api, "resumed")
    assert found["findings"] == wanted([*FAILING[:80], *again])
    assert (found["steps"], found["attempt"], found["step"]) == (115, 2, 89)


def test_what_was_superseded_before_it_was_read_is_not_read(api: Api) -> None:
    api.open_run("unread", "a")
    api.context.background.stop()
    api.send("unread", [r["step"] for r in FAILING[:80]], **columnar(FAILING[:80]))
    api.open_run("unread", "b")
    again = [healthy(t) for t in range(45, 80)]
    api.send("unread", [r["step"] for r in again], 2, **columnar(again))
    api.context.background.start()
    assert api.context.background.wait_idle(60)
    assert diagnosis(api, "unread")["findings"] == wanted([*FAILING[:45], *again])


def test_a_record_that_comes_late_is_not_looked_at(api: Api) -> None:
    api.open_run("late")
    send(api, "late", losses([0.1] * 5, start=10))
    send(api, "late", losses([NAN] * 5))
    assert diagnosis(api, "late")["steps"] == 5
    assert alerts(api, "late") == []


def test_a_run_that_no_detector_can_check_is_not_healthy(api: Api) -> None:
    api.open_run("blind")
    assert api.run("blind")["health"] == "unknown"
    send(api, "blind", [{"step": 0, "tokens": 1.0}])
    run = api.run("blind")
    assert (run["health"], run["headline"][:14]) == ("unknown", "Nothing found;")
    statuses = {each["detector"]: each["status"] for each in diagnosis(api, "blind")["coverage"]}
    assert statuses["entropy_collapse"] == statuses["schedule_drift"] == "not_checked"
    assert statuses["non_finite"] == "checked"


def test_a_run_that_nobody_ever_watched_is_watched_from_its_first_step(
    database_url: str, api: Api
) -> None:
    api.open_run("old")
    send(api, "old", FAILING)
    with api.context.store.write() as session:
        session.execute(delete(tables.watches))
        session.execute(delete(tables.alerts))
    assert "old" in watch.unfinished(api.context)
    other = create_app(Settings(database_url=database_url, sweep_s=0.05))
    with serve(other) as second:
        wait_until(lambda: watch.unfinished(second.context) == [], "the sweep")
        assert diagnosis(second, "old")["findings"] == wanted(FAILING)
        assert alerts(second, "old")[0]["detector"] == "entropy_collapse"


def test_processes_that_watch_the_same_run_read_every_record_once(
    database_url: str, api: Api
) -> None:
    api.open_run("shared")
    contexts = [create_app(Settings(database_url=database_url)).state.context for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        for start in range(0, len(FAILING), 10):
            part = FAILING[start : start + 10]
            api.send("shared", [r["step"] for r in part], **columnar(part))
            list(pool.map(lambda context: watch.watch(context, "shared"), contexts))
    assert api.context.background.wait_idle(60)
    for context in contexts:
        context.store.close()
    found = diagnosis(api, "shared")
    assert (found["steps"], found["findings"]) == (len(FAILING), wanted(FAILING))
    names = [one["detector"] for one in alerts(api, "shared")]
    assert len(names) == len(set(names))


KILLED = """
import os, sys
from fade_server.queries.engine import Store
from fade_server.services.background import Background
from fade_server.services.batch import StepBatch
from fade_server.services.context import Context
from fade_server.services.ingest import ingest
from fade_server.services.notifier import Notifier
from fade_server.settings import Settings

settings = Settings(database_url=sys.argv[1])
kill = Background([lambda run_id: os.kill(os.getpid(), 9)])
context = Context(Store(settings.database_url), settings, Notifier(), lambda: 1.0, kill)
kill.start()
ingest(context, "killed", StepBatch(1, [0, 1, 2], [None] * 3, {"loss": [float("nan")] * 3}))
kill.wait_idle(60)
"""


def test_what_a_process_stored_before_it_was_killed_is_watched_by_another(
    database_url: str, api: Api
) -> None:
    api.open_run("killed")
    command = [sys.executable, "-c", KILLED, database_url]
    assert subprocess.run(command, cwd=ROOT, timeout=60).returncode == -9
    assert api.run("killed")["step_count"] == 3
    assert alerts(api, "killed") == []
    with serve(create_app(Settings(database_url=database_url))) as second:
        wait_until(lambda: bool(alerts(second, "killed")), "the alert")
        assert alerts(second, "killed")[0]["severity"] == "critical"


@pytest.mark.slow
def test_a_server_that_is_killed_again_and_again_skips_no_record(
    server: ServerProcess, tmp_path: Path
) -> None:
    body = {"run_id": "r", "attempt_key": "a"}
    base = f"{server.url}/api/v1"
    httpx.post(f"{base}/projects/p/runs", json=body, timeout=30).raise_for_status()
    moments = random.Random(0)
    kills = {moments.randrange(0, len(FAILING), 5) for _ in range(2)}
    for start in range(0, len(FAILING), 5):
        part = FAILING[start : start + 5]
        batch = {"attempt": 1, "steps": [r["step"] for r in part]} | columnar(part)
        httpx.post(f"{base}/runs/r/steps", json=batch, timeout=30).raise_for_status()
        if start in kills:
            server.kill()
            server.start()

    def read() -> dict[str, Any]:
        found: dict[str, Any] = server.get("/api/v1/runs/r/diagnosis").json()
        return found

    wait_until(lambda: read()["steps"] == len(FAILING), "the detectors")
    assert read()["findings"] == wanted(FAILING)
