"""Work that follows a change of a run: after the answer, off the path of the trainer's records."""

import logging
import threading
import time
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
    5. A run that changes again within ``rest_s`` waits that long, so that many changes are one.

    Args:
        jobs: The most urgent first; complete when ``start`` is called.
        after_piece: Called after every piece of work, in its thread.
        rest_s: How long a run is left alone after a job is up to date with it, in seconds.
    """

    def __init__(
        self,
        jobs: Sequence[Job] = (),
        after_piece: Callable[[], object] | None = None,
        rest_s: float = 0.0,
    ) -> None:
        self._jobs, self._after_piece, self._rest_s = jobs, after_piece, rest_s
        self._ready = threading.Condition()
        # By the place of the job; the runs are ordered sets.
        self._waiting: defaultdict[int, dict[str, None]] = defaultdict(dict)
        # By the end of their rest; they rest equally long, so the first ends first.
        self._resting: dict[tuple[int, str], float] = {}
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
            places = [at for at in range(len(self._jobs)) if run_id not in self._waiting[at]]
            for place in places:
                self._waiting[place][run_id] = None
            if places:
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
            while not self._stopping:
                task, wait_s = self._choose(time.monotonic())
                if task is not None:
                    self._busy = True
                    del self._waiting[task[0]][task[1]]
                    return task
                self._ready.wait(wait_s)
            return None

    def _choose(self, now: float) -> tuple[tuple[int, str] | None, float | None]:
        """Return what to do now; where there is nothing, in how many seconds there is, if any."""
        while self._resting and next(iter(self._resting.values())) <= now:
            del self._resting[next(iter(self._resting))]
        tasks = (
            (place, run_id) for place in sorted(self._waiting) for run_id in self._waiting[place]
        )
        rests = []
        for task in tasks:
            if task not in self._resting:
                return task, None
            rests.append(self._resting[task] - now)
        return None, min(rests, default=None)

    def _finish(self, place: int, run_id: str, *, more: bool) -> None:
        with self._ready:
            self._busy = False
            if more:
                self._waiting[place][run_id] = None
            elif self._rest_s:
                self._resting[place, run_id] = time.monotonic() + self._rest_s
            self._ready.notify_all()
