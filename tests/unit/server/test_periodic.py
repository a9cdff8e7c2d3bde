"""Work by the clock."""

import threading

import pytest

from fade_server.services.periodic import Periodic

TURNS = 3


def test_the_first_turn_comes_at_once_and_a_wake_brings_the_next() -> None:
    turns = threading.Semaphore(0)
    periodic = Periodic("test", 3600.0, turns.release)
    periodic.start()
    assert turns.acquire(timeout=10)
    periodic.wake()
    assert turns.acquire(timeout=10)
    periodic.stop()
    assert not turns.acquire(blocking=False)


def test_turns_follow_each_other_by_themselves() -> None:
    turns = threading.Semaphore(0)
    periodic = Periodic("test", 0.001, turns.release)
    periodic.start()
    assert all(turns.acquire(timeout=10) for _ in range(TURNS))
    periodic.stop()


def test_work_that_raises_is_logged_and_done_again(caplog: pytest.LogCaptureFixture) -> None:
    turns = threading.Semaphore(0)

    def broken() -> None:
        turns.release()
        raise ValueError("no luck")

    periodic = Periodic("fadewatch-test", 0.001, broken)
    periodic.start()
    assert all(turns.acquire(timeout=10) for _ in range(TURNS))
    periodic.stop()
    assert "periodic work failed: fadewatch-test" in caplog.text
