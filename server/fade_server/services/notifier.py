"""Wakes the requests of this process that wait for news of a run."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Notifier:
    """Tell waiting coroutines that a run has changed.

    1. ``notify`` may be called from any thread and does not wait.
    2. A change that is notified after ``listen`` began sets its event, so none is missed.
    3. A listener that has left costs nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[str, dict[asyncio.Event, asyncio.AbstractEventLoop]] = {}

    @contextmanager
    def listen(self, run_id: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set at every change of this run; inside a running loop."""
        event = asyncio.Event()
        with self._lock:
            self._events.setdefault(run_id, {})[event] = asyncio.get_running_loop()
        try:
            yield event
        finally:
            with self._lock:
                listeners = self._events[run_id]
                del listeners[event]
                if not listeners:
                    del self._events[run_id]

    def notify(self, run_id: str) -> None:
        """Set the events of everyone who listens to this run."""
        # Under the lock, so that no listener can leave and close its loop in between.
        with self._lock:
            for event, loop in self._events.get(run_id, {}).items():
                loop.call_soon_threadsafe(event.set)

    def listeners(self, run_id: str) -> int:
        """Return how many listen to this run now."""
        with self._lock:
            return len(self._events.get(run_id, ()))
