"""Wakes the requests that wait for news of a run, or of any."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class AnyRun:
    """What one listener to all runs has not looked at yet; used inside its event loop."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._runs: set[str] = set()

    def note(self, run_id: str) -> None:
        """Say that a run has changed."""
        self._runs.add(run_id)
        self.changed.set()

    def take(self) -> set[str]:
        """Return the runs that changed since the last call."""
        self.changed.clear()
        taken, self._runs = self._runs, set()
        return taken


class Notifier:
    """Tell waiting coroutines that a run has changed.

    1. ``notify`` may be called from any thread and does not wait.
    2. A change that is notified after ``listen`` began sets its event, so none is missed.
    3. A listener that has left costs nothing.
    4. After ``close`` every event is set, and ``closed`` says why: whoever waits should answer.

    Args:
        tell: Passes on to the other server processes what this one changed; must not wait.
    """

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._events: dict[str, dict[asyncio.Event, asyncio.AbstractEventLoop]] = {}
        self._any: dict[AnyRun, asyncio.AbstractEventLoop] = {}
        self.closed = False

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

    @contextmanager
    def listen_any(self) -> Iterator[AnyRun]:
        """Yield what is told of every run that changes; inside a running loop."""
        listener = AnyRun()
        with self._lock:
            self._any[listener] = asyncio.get_running_loop()
        try:
            yield listener
        finally:
            with self._lock:
                del self._any[listener]

    def notify(self, run_id: str) -> None:
        """Say that this process has changed a run."""
        self.wake(run_id)
        if self._tell is not None:
            self._tell(run_id)

    def wake(self, run_id: str | None) -> None:
        """Set the events of everyone who listens to this run; None: to any at all."""
        # Under the lock, so that no listener can leave and close its loop in between.
        with self._lock:
            for one in list(self._events) if run_id is None else [run_id]:
                for event, loop in self._events.get(one, {}).items():
                    loop.call_soon_threadsafe(event.set)
            for listener, loop in self._any.items():
                if run_id is None:
                    loop.call_soon_threadsafe(listener.changed.set)
                else:
                    loop.call_soon_threadsafe(listener.note, run_id)

    def close(self) -> None:
        """Send everyone home who waits: the process is about to end."""
        self.closed = True
        with self._lock:
            for listeners in self._events.values():
                for event, loop in listeners.items():
                    loop.call_soon_threadsafe(event.set)
            for listener, loop in self._any.items():
                loop.call_soon_threadsafe(listener.changed.set)

    def listeners(self, run_id: str) -> int:
        """Return how many listen to this run now."""
        with self._lock:
            return len(self._events.get(run_id, ()))
