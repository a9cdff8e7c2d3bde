"""A server process killed at any moment: nothing acknowledged is lost, nothing is stored twice."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.process import BaseProcess
from threading import Event
from typing import Any

import httpx
import pytest

from fade_core import scheduler
from fade_server.services.codec import schedule_document
from tests.conftest import wait_until
from tests.helpers import free_port
from tests.integration.server.served import FORKS, serve

KILLS = 20
BATCH = 8


class Killable:
    """A server process that imports nothing when it starts, so that twenty starts take seconds."""

    def __init__(self, url: str) -> None:
        self.url, self.port = url, free_port()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api/v1", timeout=30)
        self._process: BaseProcess | None = None

    def start(self) -> None:
        self._process = FORKS.Process(target=serve, args=(self.url, self.port), daemon=True)
        self._process.start()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.join()
        self._process.close()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer, or None when there was none."""
        try:
            answer = self.client.post(path, json=body)
        except httpx.TransportError:
            return None
        if answer.status_code == 503:
            return None
        document: dict[str, Any] = answer.raise_for_status().json()
        return document


@pytest.fixture
def server(database_url: str) -> Iterator[Killable]:
    started = Killable(database_url)
    started.start()
    yield started
    started.kill()
    started.client.close()


def test_a_server_killed_twenty_times_loses_nothing_acknowledged(server: Killable) -> None:
    opening = {"run_id": "killed", "attempt_key": "a"}
    wait_until(lambda: bool(server.post("/projects/p/runs", opening)), "the first start")
    acknowledged: list[int] = []
    enough = Event()

    def send() -> None:
        while not enough.is_set():
            steps = list(range(len(acknowledged), len(acknowledged) + BATCH))
            columns = {"accuracy": [step / 1e6 for step in steps]}
            body = {"attempt": 1, "steps": steps, "columns": columns}
            answer = server.post("/runs/killed/steps", body)
            while answer is None:
                # The next try is the same batch: whether the one before was stored, nobody knows.
                time.sleep(0.002)
                answer = server.post("/runs/killed/steps", body)
            assert answer["accepted"] + answer["duplicates"] == BATCH
            assert answer["duplicates"] in (0, BATCH)
            acknowledged.extend(steps)

    moments = random.Random(20)
    with ThreadPoolExecutor() as pool:
        sending = pool.submit(send)
        for _ in range(KILLS):
            more = len(acknowledged) + BATCH
            wait_until(lambda more=more: sending.done() or len(acknowledged) >= more, "a batch")  # type: ignore[misc]
            time.sleep(moments.uniform(0, 0.03))
            server.kill()
            server.start()
        enough.set()
        sending.result(timeout=60)
    _holds(server, acknowledged)


def _holds(server: Killable, steps: list[int]) -> None:
    run = server.client.get("/runs/killed").json()
    assert (run["step_count"], run["last_step"]) == (len(steps), steps[-1])
    query: dict[str, Any] = {"metrics": "accuracy", "points": 100_000}
    curve = server.client.get("/runs/killed/series", params=query).json()["series"]["accuracy"]
    assert curve == {"step": steps, "value": [step / 1e6 for step in steps]}
    wanted = scheduler.replay([(step, step / 1e6, float("nan")) for step in steps])
    path = "/runs/killed/schedule/history"
    trail = server.client.get(path, params={"limit": 10_000}).json()["schedules"]
    assert trail == list(map(schedule_document, wanted))[-10_000:]
