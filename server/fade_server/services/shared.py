"""Reads that many wait for at the same time, done once for all of them."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import anyio.to_thread

T = TypeVar("T")


class SharedReads:
    """Do in a thread what several coroutines ask for at once, and give each what was found.

    1. What a caller gets was read after it asked, so it never misses what it has heard of: a
       caller takes part in a read that has not begun yet, not in one that is under way.
    2. Of one thing at most one read is under way and one waits, however many ask.
    3. A caller that gives up takes nothing from the others; a read that fails fails for all.

    It may be used from several event loops; each shares within itself.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[Any]] = {}
        self._waiting: dict[Hashable, asyncio.Task[Any]] = {}

    async def get(self, key: Hashable, read: Callable[[], T]) -> T:
        """Return what ``read`` returns.

        Args:
            key: What is read; the same for all who can share.
            read: Runs in a thread.
        """
        place = asyncio.get_running_loop(), key
        task: asyncio.Task[T] | None = self._waiting.get(place)
        if task is None:
            before = self._under_way.get(place)
            task = asyncio.create_task(self._begin(place, before, read))
            task.add_done_callback(_look_at)
            self._waiting[place] = task
        return await asyncio.shield(task)

    async def _begin(
        self, place: Hashable, before: asyncio.Task[Any] | None, read: Callable[[], T]
    ) -> T:
        if before is not None:
            await asyncio.wait([before])
        task = self._under_way[place] = self._waiting.pop(place)
        try:
            return await anyio.to_thread.run_sync(read)
        finally:
            if self._under_way[place] is task:
                del self._under_way[place]


def _look_at(task: asyncio.Task[Any]) -> None:
    """Take note of how a read ended that everybody has left."""
    if not task.cancelled():
        task.exception()
