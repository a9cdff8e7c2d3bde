"""Work that is due by the clock rather than by a change."""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Periodic:
    """One thread that does something again and again.

    1. The work begins ``interval_s`` after it last ended, or at once after ``wake``.
    2. Work that raises is logged, and is done again the next time.
    3. ``stop`` returns after the work at hand, or when it has waited long enough.

    Args:
        name: Of the thread.
        interval_s: Pause between two turns, in seconds.
        work: What to do.
    """

    def __init__(self, name: str, interval_s: float, work: Callable[[], object]) -> None:
        self._interval_s, self._work = interval_s, work
        self._woken = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin with the first turn."""
        self._thread.start()

    def wake(self) -> None:
        """Begin the next turn now."""
        self._woken.set()

    def stop(self, timeout_s: float | None = None) -> None:
        """End, and wait for the work at hand.

        Args:
            timeout_s: Longest wait, in seconds; None for as long as it takes.
        """
        self._stopping = True
        self._woken.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._work()
            except Exception:
                log.exception("periodic work failed: %s", self._thread.name)
            self._woken.wait(self._interval_s)
            self._woken.clear()
