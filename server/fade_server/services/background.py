"""Work that follows a change of a run: after the answer, off the path of the trainer's records."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence

log = logging.getLogger(__name__)

Job = Callable[[str], None]
"""Brings something that is derived from a run's records up to date, given the run's id."""


class Background:
    """One thread that runs every job for every run that changed.

    1. ``changed`` never waits; changes of a run that come while it waits its turn are one.
    2. A job works from the store, not from the change: what a killed process left undone is done
       at the next change of the run, or when ``start`` is told of it.
    3. A job that raises is logged and keeps neither the other jobs nor other runs from theirs.

    Args:
        jobs: Run in this order; complete when ``start`` is called.
    """

    def __init__(self, jobs: Sequence[Job] = ()) -> None:
        self._jobs = jobs
        self._ready = threading.Condition()
        self._waiting: dict[str, None] = {}  # an ordered set
        self._busy = self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self, unfinished: Iterable[str] = ()) -> None:
        """Begin, with the runs that an earlier process left behind."""
        self._waiting = dict.fromkeys(unfinished)
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="fadewatch-jobs", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float | None = None) -> None:
        """End after the run at hand; what still waits is left to the next start.

        Args:
            timeout_s: How long to wait for the run at hand, in seconds; after that it is left to
                the next start too. None waits for it.
        """
        with self._ready:
            self._stopping = True
            self._ready.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                log.warning("the work at hand is left to the next start")

    def changed(self, run_id: str) -> None:
        """Say that a run has new records."""
        with self._ready:
            self._waiting[run_id] = None
            self._ready.notify_all()

    @property
    def backlog(self) -> int:
        """How many runs have work left, with the one at hand."""
        with self._ready:
            return len(self._waiting) + self._busy

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing is left to do, and return whether that was so in time."""
        with self._ready:
            return self._ready.wait_for(lambda: not (self._waiting or self._busy), timeout_s)

    def _work(self) -> None:
        while (run_id := self._next()) is not None:
            for job in self._jobs:
                try:
                    job(run_id)
                except Exception:
                    log.exception("a job for the run %s failed", run_id)

    def _next(self) -> str | None:
        with self._ready:
            self._busy = False
            self._ready.notify_all()
            self._ready.wait_for(lambda: self._waiting or self._stopping)
            if self._stopping:
                return None
            self._busy = True
            run_id = next(iter(self._waiting))
            del self._waiting[run_id]
            return run_id
