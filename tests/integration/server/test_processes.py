"""Several server processes on one PostgreSQL: any of them serves any run."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from sqlalchemy import create_engine

from fade_core import scheduler
from fade_server.main import upgrade_database
from fade_server.queries.channel import Channel
from fade_server.services.codec import schedule_document
from tests.conftest import ServerProcess, wait_until
from tests.helpers import free_port

NEVER_S = 30.0
"""Between two looks by itself: what is seen earlier, was heard."""

CLIENT = httpx.Client(timeout=30)


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    CLIENT.close()


@pytest.fixture(scope="module")
def url(make_postgres: Callable[[], str]) -> str:
    made = make_postgres()
    upgrade_database(made)
    return made


@pytest.fixture(scope="module")
def pair(url: str) -> Iterator[list[ServerProcess]]:
    settings = {"FADEWATCH_RECHECK_S": str(NEVER_S)}
    both = [ServerProcess(free_port(), url, settings, dashboard=False) for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(ServerProcess.start, both))
    yield both
    for one in both:
        one.kill()


def test_a_poll_at_one_process_sees_what_another_stores(pair: list[ServerProcess]) -> None:
    here, there = pair
    _open(here, "heard")
    with ThreadPoolExecutor() as pool:
        for step in range(3):
            poll = pool.submit(_poll, here, "heard", after=step)
            wait_until(lambda: _is_asked(here), "the poll to have come")
            sent = _when(lambda step=step: _send(there, "heard", [step]))  # type: ignore[misc]
            answer, seen = poll.result(timeout=60)
            assert answer["schedule"]["version"] == step + 1
            assert seen - sent < NEVER_S / 3


def test_what_one_process_pins_reaches_a_trainer_at_another(pair: list[ServerProcess]) -> None:
    here, there = pair
    _open(here, "pinned")
    with ThreadPoolExecutor() as pool:
        poll = pool.submit(_poll, here, "pinned", after=1000, override_after=0)
        body = {"alpha": 1.5, "reason": "a test"}
        override = f"{there.url}/api/v1/runs/pinned/schedule/override"
        wait_until(lambda: _is_asked(here), "the poll to have come")
        sent = _when(lambda: CLIENT.put(override, json=body).raise_for_status())
        answer, seen = poll.result(timeout=60)
    assert answer["schedule"]["alpha"] == 1.5
    assert seen - sent < NEVER_S / 3


def test_word_comes_again_after_the_connection_was_cut(pair: list[ServerProcess], url: str) -> None:
    here, there = pair
    _open(here, "cut")
    with psycopg.connect(url, autocommit=True) as connection:
        channels = (
            "SELECT pid FROM pg_stat_activity "
            "WHERE application_name = 'fadewatch_runs' AND datname = current_database()"
        )
        old = connection.execute(channels).fetchall()
        assert len(old) == 2
        connection.execute(f"SELECT pg_terminate_backend(pid) FROM ({channels}) AS old")

        def connected_again() -> bool:
            new = connection.execute(channels).fetchall()
            return len(new) == 2 and not {*new} & {*old}

        wait_until(connected_again, "two new connections")
    with ThreadPoolExecutor() as pool:
        poll = pool.submit(_poll, here, "cut", after=0)
        wait_until(lambda: _is_asked(here), "the poll to have come")
        sent = _when(lambda: _send(there, "cut", [0]))
        _, seen = poll.result(timeout=60)
    assert seen - sent < NEVER_S / 3


def test_a_channel_that_saw_the_end_before_it_was_told_ends_well(url: str) -> None:
    engine, connected = create_engine(url), Event()
    channel = Channel(engine)
    channel.start(lambda _: connected.set())
    assert connected.wait(30)
    # What `stop` does first; the thread, awake for a message, can be quicker than the rest of it.
    channel._stopping.set()
    channel.send("a-run")
    assert channel._thread is not None
    channel._thread.join(30)
    channel.stop()
    engine.dispose()


def test_two_processes_that_store_one_run_at_once_keep_one_order(
    pair: list[ServerProcess],
) -> None:
    _open(pair[0], "both")
    steps = range(100)

    def send(which: int) -> int:
        mine = [steps[at : at + 2] for at in range(0, len(steps), 2)][which::2]
        # Every other batch is sent to both, as a client does that lost an answer.
        again = [steps[at : at + 2] for at in range(0, len(steps), 2)][1 - which :: 4]
        return sum(
            _send(pair[which], "both", list(part)) for part in sorted([*mine, *again], key=min)
        )

    with ThreadPoolExecutor() as pool:
        assert sum(pool.map(send, range(2))) == len(steps)
    stored = pair[1].get("/api/v1/runs/both/series", metrics="accuracy").json()["series"]
    assert stored["accuracy"]["step"] == list(steps)
    run = pair[1].get("/api/v1/runs/both").json()
    assert (run["step_count"], run["last_step"]) == (100, 99)
    _is_one_chain(pair[0], "both", 100)


def test_a_rolling_restart_loses_nothing(pair: list[ServerProcess]) -> None:
    _open(pair[0], "rolling")
    stored: list[int] = []
    restarted = Event()

    def send() -> None:
        while not restarted.is_set():
            server = step = len(stored)
            while not _accepted(pair[server % 2], "rolling", step):
                server += 1
            stored.append(step)

    with ThreadPoolExecutor() as pool:
        sending = pool.submit(send)
        for server in pair:
            enough = len(stored) + 20
            wait_until(lambda enough=enough: len(stored) >= enough, "more steps")  # type: ignore[misc]
            server.stop()
            server.start()
        restarted.set()
        sending.result(timeout=60)
    curve = pair[0].get("/api/v1/runs/rolling/series", metrics="accuracy", points=100_000)
    assert curve.json()["series"]["accuracy"]["step"] == stored
    _is_one_chain(pair[1], "rolling", len(stored))


def _open(server: ServerProcess, run: str) -> None:
    body = {"run_id": run, "attempt_key": "a"}
    CLIENT.post(f"{server.url}/api/v1/projects/p/runs", json=body).raise_for_status()


def _send(server: ServerProcess, run: str, steps: list[int]) -> int:
    body = {"attempt": 1, "steps": steps, "columns": {"accuracy": [s / 1e6 for s in steps]}}
    answer = CLIENT.post(f"{server.url}/api/v1/runs/{run}/steps", json=body)
    accepted: int = answer.raise_for_status().json()["accepted"]
    return accepted


def _accepted(server: ServerProcess, run: str, step: int) -> bool:
    try:
        _send(server, run, [step])
    except httpx.TransportError:
        return False
    return True


def _poll(server: ServerProcess, run: str, **known: int) -> tuple[dict[str, Any], float]:
    answer = server.get(f"/api/v1/runs/{run}/schedule", wait=25, **known)
    return answer.json(), time.monotonic()


def _is_asked(server: ServerProcess) -> bool:
    assert server.process is not None
    connections = psutil.Process(server.process.pid).net_connections("tcp")
    return any(one.laddr.port == server.port and one.status == "ESTABLISHED" for one in connections)


def _when(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return began


def _is_one_chain(server: ServerProcess, run: str, steps: int) -> None:
    """Check that the stored schedules are what the scheduler makes of the order they have."""
    path = f"/api/v1/runs/{run}/schedule/history"
    trail = server.get(path, limit=10_000).json()["schedules"]
    order = [one["step"] - 1 for one in sorted(trail, key=lambda one: one["version"])][1:]
    assert sorted(order) == list(range(steps))
    wanted = scheduler.replay([(step, step / 1e6, float("nan")) for step in order])
    assert sorted(trail, key=lambda one: one["version"]) == list(map(schedule_document, wanted))
