"""The keys as the gate sees them: looked up once, remembered for seconds."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import anyio.to_thread
from cachetools import TTLCache
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from fade_server.queries import keys as key_queries
from fade_server.queries.engine import Store
from fade_server.queries.keys import KeyRow
from fade_server.services.keys import fits, split_key

log = logging.getLogger(__name__)

REMEMBER_S = 2.0
"""How long another process's revocation may take to be noticed, in seconds."""

REMEMBERED = 4096
"""Most keys remembered; ids that do not exist count too."""

USE_EVERY_S = 60.0
"""How often the last use of a key is written, in seconds."""

_Answer = TypeVar("_Answer")


class Keyring:
    """Looks keys up for every request, without a query for every request.

    1. What was looked up holds for ``REMEMBER_S``; ``forget`` ends that at once.
    2. A query runs in a thread, so the event loop never waits for the database.
    3. Whether a key has expired is decided at each use.

    Args:
        store: The database.
        clock: Seconds since the epoch.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._found: TTLCache[str, Any] = TTLCache(REMEMBERED, REMEMBER_S)
        self._used: TTLCache[str, bool] = TTLCache(REMEMBERED, USE_EVERY_S)
        self._lock = threading.Lock()
        self._generation = 0
        self._writing: set[asyncio.Task[None]] = set()

    async def verify(self, presented: str) -> KeyRow | None:
        """Return the live key that was presented, or None."""
        parts = split_key(presented)
        if parts is None:
            return None
        row = await self.find(parts[0])
        return row if row is not None and fits(parts[1], row.hash) else None

    async def find(self, key_id: str) -> KeyRow | None:
        """Return a live key by its id, or None; it counts as used."""
        if len(key_id) > 32:
            return None
        row = await self._remembered(
            f"key {key_id}", lambda session: key_queries.find_key(session, key_id)
        )
        if row is None or not row.is_live(self._clock()):
            return None
        self._note_use(key_id)
        return row

    async def any_live(self) -> bool:
        """Return whether any key can be used."""
        now = self._clock()
        return await self._remembered("any", lambda session: key_queries.any_live_key(session, now))

    def forget(self) -> None:
        """Look everything up again: a key was made or revoked."""
        with self._lock:
            self._generation += 1
            self._found.clear()

    async def finish(self) -> None:
        """Wait for what is still being written."""
        await asyncio.gather(*self._writing)

    async def _remembered(self, name: str, query: Callable[[Session], _Answer]) -> _Answer:
        with self._lock:
            if name in self._found:
                known: _Answer = self._found[name]
                return known
            generation = self._generation
        answer = await anyio.to_thread.run_sync(self._read, query)
        with self._lock:
            # What was read before a key was revoked must not outlive its revocation.
            if generation == self._generation:
                self._found[name] = answer
        return answer

    def _read(self, query: Callable[[Session], _Answer]) -> _Answer:
        with self._store.read() as session:
            return query(session)

    def _note_use(self, key_id: str) -> None:
        if key_id in self._used:
            return
        self._used[key_id] = True
        task = asyncio.get_running_loop().create_task(self._write_use(key_id, self._clock()))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write_use(self, key_id: str, now: float) -> None:
        def write() -> None:
            with self._store.write() as session:
                key_queries.note_use(session, key_id, now, USE_EVERY_S)

        try:
            await anyio.to_thread.run_sync(write)
        except SQLAlchemyError as error:
            log.warning("the last use of key %s was not noted: %s", key_id, type(error).__name__)
