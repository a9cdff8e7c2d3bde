"""Jobs that follow the change of a run."""

import threading
import time
from collections.abc import Iterator

import pytest

from fade_server.services.background import Background


@pytest.fixture
def done() -> list[str]:
    return []


@pytest.fixture
def background(done: list[str]) -> Iterator[Background]:
    made = Background([done.append])
    yield made
    made.stop()


def test_every_changed_run_gets_its_turn(background: Background, done: list[str]) -> None:
    background.start()
    background.changed("a")
    background.changed("b")
    assert background.wait_idle(10)
    assert done == ["a", "b"]


def test_an_end_does_not_wait_longer_than_it_is_told(caplog: pytest.LogCaptureFixture) -> None:
    entered, leave = threading.Event(), threading.Event()

    def stuck(_: str) -> None:
        entered.set()
        leave.wait(10)

    background = Background([stuck])
    background.changed("a")
    background.start()
    assert entered.wait(10)
    background.stop(0.01)
    assert "left to the next start" in caplog.text
    leave.set()
    background.stop()


def test_changes_of_a_run_that_waits_are_one(done: list[str]) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(run_id: str) -> None:
        done.append(run_id)
        entered.set()
        assert leave.wait(10)

    background = Background([slow])
    background.start()
    background.changed("a")
    assert entered.wait(10)
    for _ in range(5):
        background.changed("a")
    assert background.backlog == 2
    leave.set()
    assert background.wait_idle(10)
    assert background.backlog == 0
    background.stop()
    assert done == ["a", "a"]


def test_what_came_before_the_start_is_done(background: Background, done: list[str]) -> None:
    background.changed("old")
    background.start()
    assert background.wait_idle(10)
    assert done == ["old"]


def test_a_job_that_raises_stops_no_other(
    done: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(run_id: str) -> None:
        raise ValueError(run_id)

    background = Background([broken, done.append])
    background.start()
    background.changed("a")
    background.changed("b")
    assert background.wait_idle(10)
    background.stop()
    assert done == ["a", "b"]
    assert "a job for the run a failed" in caplog.text


def test_the_first_job_is_done_for_every_run_before_the_next(done: list[str]) -> None:
    pieces = {"a": 2, "b": 1}

    def urgent(run_id: str) -> bool:
        done.append(f"urgent {run_id}")
        pieces[run_id] -= 1
        return pieces[run_id] > 0

    background = Background([urgent, done.append])
    background.changed("a")
    background.changed("b")
    background.start()
    assert background.wait_idle(10)
    background.stop()
    assert done == ["urgent a", "urgent b", "urgent a", "a", "b"]


def test_a_run_that_changes_again_and_again_is_done_now_and_then(done: list[str]) -> None:
    background = Background([done.append], rest_s=0.2)
    background.start()
    begun = time.monotonic()
    changes = 0
    while time.monotonic() - begun < 0.5:
        background.changed("a")
        changes += 1
    assert background.wait_idle(10)
    background.stop()
    assert 2 <= len(done) <= 1 + (time.monotonic() - begun) / 0.2
    assert changes > len(done)


def test_the_end_leaves_the_rest_to_the_next_start(done: list[str]) -> None:
    background = Background([done.append])
    background.changed("a")
    background.stop()
    assert done == []
