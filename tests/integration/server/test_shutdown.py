"""A server that is asked to end: it finishes what it took, and nothing acknowledged is lost."""

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from fade_server.main import upgrade_database
from tests.conftest import ServerProcess, wait_until
from tests.helpers import free_port
from tests.integration.server.conftest import MakeDatabase

Start = Callable[..., ServerProcess]
SENDERS = 4
BATCH = 8


@pytest.fixture
def start(make_database: MakeDatabase) -> Iterator[Start]:
    """Start a server process on an empty database, with these settings."""
    started: list[ServerProcess] = []

    def start(**settings: str) -> ServerProcess:
        url = make_database()
        upgrade_database(url)
        started.append(ServerProcess(free_port(), url, settings, dashboard=False))
        started[-1].start()
        return started[-1]

    yield start
    for server in started:
        server.kill()


def open_run(server: ServerProcess, run: str) -> None:
    body = {"run_id": run, "attempt_key": "a1"}
    httpx.post(f"{server.url}/api/v1/projects/p/runs", json=body, timeout=30).raise_for_status()


def batch(first: int) -> dict[str, Any]:
    steps = list(range(first, first + BATCH))
    return {"attempt": 1, "steps": steps, "columns": {"accuracy": [0.5] * BATCH}}


def test_a_server_that_ends_under_load_stores_what_it_answered_and_no_more(start: Start) -> None:
    server = start()
    runs = [f"loaded-{number}" for number in range(SENDERS)]
    acknowledged = dict.fromkeys(runs, 0)
    for run in runs:
        open_run(server, run)

    def send(run: str) -> None:
        with httpx.Client(base_url=f"{server.url}/api/v1", timeout=30) as client:
            while True:
                try:
                    answer = client.post(f"/runs/{run}/steps", json=batch(acknowledged[run]))
                except httpx.TransportError:
                    return
                assert answer.json()["accepted"] == BATCH
                acknowledged[run] += BATCH

    with ThreadPoolExecutor() as pool:
        sending = [pool.submit(send, run) for run in runs]
        wait_until(lambda: min(acknowledged.values()) >= 5 * BATCH, "five batches of each")
        server.stop()
        for one in sending:
            one.result(30)
    server.start()
    stored = {run: server.get(f"/api/v1/runs/{run}").json()["step_count"] for run in runs}
    assert stored == acknowledged


def test_who_waits_for_news_does_not_hold_the_end_up(start: Start) -> None:
    server = start(FADEWATCH_GRACE_S="60")
    open_run(server, "watched")
    path = f"{server.url}/api/v1/runs/watched"
    with ThreadPoolExecutor() as pool, httpx.stream("GET", f"{path}/events", timeout=60) as stream:
        lines = stream.iter_lines()
        assert next(lines)
        poll = pool.submit(httpx.get, f"{path}/schedule?after=0&wait=30", timeout=60)
        wait_until(lambda: 'kind="long_poll"} 1.0' in server.get("/metrics").text, "the poll")
        begun = time.monotonic()
        server.stop()
        assert time.monotonic() - begun < 20
        assert poll.result(30).status_code == 200
        assert not list(lines)[-1]  # a whole event, not half of one


def test_a_draining_server_says_that_it_is_not_ready_and_still_serves(start: Start) -> None:
    server = start(FADEWATCH_DRAIN_S="600")
    open_run(server, "late")
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: server.get("/readyz").status_code == 503, "the drain to begin")
    assert server.get("/readyz").json()["detail"] == "the server is shutting down"
    assert server.get("/healthz").status_code == 200
    answer = httpx.post(f"{server.url}/api/v1/runs/late/steps", json=batch(0), timeout=30)
    assert answer.json()["accepted"] == BATCH
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(30) == 0
