"""A wake-up call that may be rung from anywhere, a signal handler and a finalizer included."""

import contextlib
import queue


class Bell:
    """Wake one waiting thread.

    A ``threading.Event`` takes a lock to be set; a signal that arrives in the middle of that
    would wait for ever on the thread that it interrupted. A ``SimpleQueue`` has no such moment.
    """

    def __init__(self) -> None:
        self._rung: queue.SimpleQueue[None] = queue.SimpleQueue()

    def ring(self) -> None:
        """Wake the waiting thread, or let its next wait end at once."""
        # Bounded, however often it rings before anybody listens.
        if self._rung.empty():
            self._rung.put(None)

    def wait(self, timeout_s: float) -> None:
        """Wait until the bell rings, or rang since the last wait, or the time is over."""
        with contextlib.suppress(queue.Empty):
            self._rung.get(timeout=max(0.0, timeout_s))
