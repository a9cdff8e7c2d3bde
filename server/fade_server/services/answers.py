"""Answers of the last while, so that what many open pages ask for is worked out once."""

import threading

from cachetools import LRUCache

MOST_BYTES = 64 * 2**20
"""What a process keeps at most."""


class Answers:
    """The newest answers by their ETag, which names the version of what they say.

    Only a cache: nothing is wrong, or lost, without it. It may be used from any thread.

    Args:
        most_bytes: Of all that are kept; what was not asked for longest goes first.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._known: LRUCache[str, bytes] = LRUCache(most_bytes, getsizeof=len)
        self._lock = threading.Lock()

    def get(self, tag: str) -> bytes | None:
        """Return the answer with this ETag, or None."""
        with self._lock:
            return self._known.get(tag)

    def keep(self, tag: str, answer: bytes) -> None:
        """Keep an answer, unless it alone is too long."""
        with self._lock:
            if len(answer) <= self._known.maxsize:
                self._known[tag] = answer
