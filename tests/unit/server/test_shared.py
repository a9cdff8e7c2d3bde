"""The promises of SharedReads, in the order its docstring makes them."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from fade_server.services.shared import SharedReads


class Reading:
    """A read that says how often it began, and ends when it is let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = threading.Semaphore(0)

    def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        self.may_end.acquire()
        return number


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


def test_who_asks_while_a_read_is_under_way_gets_the_next_one() -> None:
    async def go() -> list[int]:
        reads, reading = SharedReads(), Reading()
        first = asyncio.create_task(reads.get("run", reading))
        await until(lambda: reading.begun == 1)
        second = asyncio.create_task(reads.get("run", reading))
        reading.may_end.release(2)
        return [await first, await second]

    assert asyncio.run(go()) == [1, 2]


def test_any_number_of_callers_is_two_reads() -> None:
    async def go() -> list[int]:
        reads, reading = SharedReads(), Reading()
        early = [asyncio.create_task(reads.get("run", reading)) for _ in range(20)]
        await until(lambda: reading.begun == 1)
        late = [asyncio.create_task(reads.get("run", reading)) for _ in range(20)]
        reading.may_end.release(40)
        return await asyncio.gather(*early, *late)

    assert asyncio.run(go()) == [1] * 20 + [2] * 20


def test_what_is_not_the_same_is_not_shared() -> None:
    async def go() -> list[int]:
        reads = SharedReads()
        return list(await asyncio.gather(reads.get("a", lambda: 1), reads.get("b", lambda: 2)))

    assert asyncio.run(go()) == [1, 2]


def test_who_gives_up_takes_nothing_from_the_others() -> None:
    async def go() -> int:
        reads, reading = SharedReads(), Reading()
        leaves = asyncio.create_task(reads.get("run", reading))
        stays = asyncio.create_task(reads.get("run", reading))
        await until(lambda: reading.begun == 1)
        leaves.cancel()
        reading.may_end.release()
        return await stays

    assert asyncio.run(go()) == 1


def test_a_read_that_fails_fails_for_all_and_the_next_one_is_new() -> None:
    def fail() -> int:
        raise LookupError("gone")

    async def go() -> int:
        reads = SharedReads()
        both = [asyncio.create_task(reads.get("run", fail)) for _ in range(2)]
        for one in both:
            with pytest.raises(LookupError, match="gone"):
                await one
        return await reads.get("run", lambda: 3)

    assert asyncio.run(go()) == 3


def test_each_event_loop_shares_within_itself() -> None:
    reads = SharedReads()
    assert [asyncio.run(reads.get("run", lambda: 1)) for _ in range(2)] == [1, 1]
