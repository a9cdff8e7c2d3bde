"""A bell wakes the one who waits, whenever it is rung."""

import threading

from fade_client.bell import Bell
from tests.unit.client.fakes import TIMEOUT_S


def test_a_bell_that_rang_before_ends_the_next_wait_and_only_that() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    bell.wait(TIMEOUT_S)
    assert bell._rung.empty()
    bell.wait(0.0)
    bell.wait(-1.0)


def test_a_bell_wakes_the_thread_that_waits() -> None:
    bell, woken = Bell(), threading.Event()

    def wait() -> None:
        bell.wait(TIMEOUT_S)
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    bell.ring()
    assert woken.wait(TIMEOUT_S)
    thread.join()
