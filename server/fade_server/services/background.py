"""Work that follows a change of a run: after the answer, off the path of the trainer's records."""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Protocol

log = logging.getLogger(__name__)

Job = Callable[[str], bool | None]
"""Brings something that is derived from a run's records nearer to them, given the run's id: a
bounded piece of it. Returns whether there is more to do."""


class Following(Protocol):
    """Whoever does the work: a thread of this process, or another process."""

    def start(self) -> None:
        """Begin."""

    def stop(self, timeout_s: float | None = None) -> None:
        """End after the piece of work at hand, or when that has taken too long."""

    def changed(self, run_id: str) -> None:
        """Say that a run has new records; never waits."""

    @property
    def backlog(self) -> int:
        """How many runs have work left."""

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing is left to do, and return whether that was so in time."""


class Background:
    """One thread that does every job for every run that changed, piece by piece.

    1. ``changed`` never waits; changes of a run that come while it waits its turn are one.
    2. A job works from the store, not from the change: what a killed process left undone is done
       at the next change of the run, or when the service looks for such runs.
    3. A job comes before those after it, for every run; the runs take turns, a piece each.
    4. A job that raises is logged and keeps neither the other jobs nor other runs from theirs.

    Args:
        jobs: The most urgent first; complete when ``start`` is called.
        after_piece: Called after every piece of work, in its thread.
    """

    def __init__(
        self, jobs: Sequence[Job] = (), after_piece: Callable[[], object] | None = None
    ) -> None:
        self._jobs, self._after_piece = jobs, after_piece
        self._ready = threading.Condition()
        # By the place of the job; the runs are ordered sets.
        self._waiting: defaultdict[int, dict[str, None]] = defaultdict(dict)
        self._busy = self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="fadewatch-jobs", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float | None = None) -> None:
        """End after the piece of work at hand; what still waits is left to the next start.

        Args:
            timeout_s: How long to wait for the piece at hand, in seconds; after that it is left
                to the next start too. None waits for it.
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
            for place in range(len(self._jobs)):
                self._waiting[place][run_id] = None
            self._ready.notify_all()

    @property
    def backlog(self) -> int:
        """How many runs have work left, with the one at hand."""
        with self._ready:
            return len(set().union(*self._waiting.values())) + self._busy

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing is left to do, and return whether that was so in time."""
        with self._ready:
            return self._ready.wait_for(lambda: not (self._left() or self._busy), timeout_s)

    def _left(self) -> bool:
        return any(self._waiting.values())

    def _work(self) -> None:
        while (task := self._next()) is not None:
            self._finish(*task, more=self._do(*task))
            if self._after_piece is not None:
                self._after_piece()

    def _do(self, place: int, run_id: str) -> bool:
        try:
            return bool(self._jobs[place](run_id))
        except Exception:
            log.exception("a job for the run %s failed", run_id)
            return False

    def _next(self) -> tuple[int, str] | None:
        with self._ready:
            self._ready.wait_for(lambda: self._left() or self._stopping)
            if self._stopping:
                return None
            self._busy = True
            place = min(place for place, runs in self._waiting.items() if runs)
            run_id = next(iter(self._waiting[place]))
            del self._waiting[place][run_id]
            return place, run_id

    def _finish(self, place: int, run_id: str, *, more: bool) -> None:
        with self._ready:
            self._busy = False
            if more:
                self._waiting[place][run_id] = None
            self._ready.notify_all()
