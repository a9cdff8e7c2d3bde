"""The process behind the server: it does its work, is replaced when it dies, and dies with it."""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from fade_server.main import upgrade_database
from fade_server.services.worker import Worker
from fade_server.settings import Settings
from tests.conftest import ServerProcess, wait_until
from tests.helpers import free_port
from tests.integration.server.conftest import MakeDatabase

# Nothing is seen by looking again: only by being told.
SETTINGS = {"FADEWATCH_RECHECK_S": "60", "FADEWATCH_SWEEP_S": "600"}


@pytest.fixture
def server(make_database: MakeDatabase) -> Iterator[ServerProcess]:
    url = make_database()
    upgrade_database(url)
    started = ServerProcess(free_port(), url, SETTINGS, dashboard=False)
    started.start()
    yield started
    started.kill()


def test_an_alert_of_the_worker_ends_a_wait_at_the_server(server: ServerProcess) -> None:
    _open(server, "told")
    begun = _live(server, "told")
    _send(server, "told", [0, 1], loss=[math.nan] * 2)
    asked = {"after": 10**6, "alerts_after": begun["alert_version"], "wait": 30}
    found = _live(server, "told", **asked)
    assert [one["detector"] for one in found["alerts"]] == ["non_finite"]


def test_a_worker_that_is_killed_is_replaced_and_nothing_is_left_out(
    server: ServerProcess,
) -> None:
    _open(server, "orphaned")
    first = _worker(server)
    first.suspend()
    _send(server, "orphaned", [0, 1], loss=[math.nan] * 2)
    first.kill()
    wait_until(lambda: bool(_live(server, "orphaned")["alerts"]), "the alert")
    assert _worker(server).pid != first.pid
    wait_until(lambda: "\nfadewatch_background_backlog 0.0" in server.get("/metrics").text, "0")


def test_the_worker_leaves_signals_to_the_server_and_dies_with_it(tmp_path: Path) -> None:
    server = ServerProcess(free_port(), tmp_path / "fade.db", SETTINGS, dashboard=False)
    server.start()
    for run in ("before", "after"):
        _open(server, run)
        _send(server, run, [0, 1], loss=[math.nan] * 2)
        wait_until(lambda run=run: bool(_live(server, run)["alerts"]), "the alert")  # type: ignore[misc]
        worker = _worker(server)
        worker.terminate()
    assert worker.is_running()
    server.kill()
    worker.wait(20)
    assert not worker.is_running()


def test_a_worker_that_does_not_read_never_holds_up_who_tells_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/fade.db"
    upgrade_database(url)
    worker = Worker(Settings(database_url=url), lambda _: None)
    worker.start()
    (child,) = [
        one for one in psutil.Process().children() if "worker_child" in " ".join(one.cmdline())
    ]
    child.suspend()
    for _ in range(20_000):  # more than a pipe holds
        worker.changed("nobody-knows-this-run")
    assert worker.backlog
    child.resume()
    assert worker.wait_idle(60)
    worker.stop(20)
    assert not child.is_running()


def test_a_worker_that_is_started_while_the_service_ends_ends_too(tmp_path: Path) -> None:
    worker = Worker(Settings(database_url=f"sqlite:///{tmp_path}/fade.db"), lambda _: None)
    worker.stop()
    # What follows a worker that died, a moment too late.
    child = worker._spawn()
    worker._attend(child)
    assert child.returncode is not None


def test_a_worker_that_cannot_start_keeps_nobody_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fade_server.services.worker.COMMAND", (sys.executable, "-c", ""))
    worker = Worker(Settings(database_url=f"sqlite:///{tmp_path}/fade.db"), lambda _: None)
    worker.start()
    worker.changed("a-run")
    worker.stop(20)


def _worker(server: ServerProcess) -> psutil.Process:
    assert server.process is not None
    found: list[psutil.Process] = []

    def look() -> bool:
        assert server.process is not None
        found[:] = psutil.Process(server.process.pid).children()
        return bool(found)

    wait_until(look, "the worker")
    return found[0]


def _open(server: ServerProcess, run: str) -> None:
    body = {"run_id": run, "attempt_key": "a"}
    httpx.post(f"{server.url}/api/v1/projects/p/runs", json=body, timeout=30).raise_for_status()


def _send(server: ServerProcess, run: str, steps: list[int], loss: list[float]) -> None:
    told = ["NaN" if math.isnan(one) else one for one in loss]
    body = {"attempt": 1, "steps": steps, "columns": {"loss": told}}
    httpx.post(f"{server.url}/api/v1/runs/{run}/steps", json=body, timeout=30).raise_for_status()


def _live(server: ServerProcess, run: str, **asked: Any) -> dict[str, Any]:
    path = f"{server.url}/api/v1/runs/{run}/schedule"
    answer = httpx.get(path, params=asked, timeout=60).raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
