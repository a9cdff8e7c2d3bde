"""How many requests a key, and how many wrong keys an address, may send."""

import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from fade_server.settings import Settings

INGEST_ENDINGS = ("/steps", "/schedule")
"""Paths that a trainer asks at every step; they have a limit of their own."""


class Limits:
    """Counts requests in this process's memory; each server process counts for itself.

    Args:
        settings: The limits.
    """

    def __init__(self, settings: Settings) -> None:
        self._counter = FixedWindowRateLimiter(MemoryStorage())
        self._requests = parse(settings.request_limit)
        self._ingest = parse(settings.ingest_limit)
        self._guesses = parse(settings.guess_limit)

    def take(self, key_id: str, path: str) -> int | None:
        """Count a request; return None, or how many seconds to wait when it is one too many."""
        ingest = path.endswith(INGEST_ENDINGS)
        limit, kind = (self._ingest, "ingest") if ingest else (self._requests, "request")
        return None if self._counter.hit(limit, kind, key_id) else self._wait(limit, kind, key_id)

    def guess_wait(self, address: str) -> int | None:
        """Return None, or how many seconds an address must wait before it may guess again."""
        if self._counter.test(self._guesses, "guess", address):
            return None
        return self._wait(self._guesses, "guess", address)

    def count_guess(self, address: str) -> None:
        """Count a wrong key or password."""
        self._counter.hit(self._guesses, "guess", address)

    def _wait(self, limit: RateLimitItem, *names: str) -> int:
        reset = self._counter.get_window_stats(limit, *names).reset_time
        return max(1, math.ceil(reset - time.time()))
