"""What happens to the runs of a process when it forks or ends without ``finish``."""

import atexit
import os
import weakref
from typing import Protocol


class Watched(Protocol):
    """A run, as far as its process's life concerns it."""

    def flush(self) -> None:
        """The process ends: send what can be sent soon."""

    def renew_after_fork(self) -> None:
        """This is a forked child: leave everything to the parent."""


# The one state of this module: a fork has to reach every run of the process.
_live: "weakref.WeakSet[Watched]" = weakref.WeakSet()


def watch(run: Watched) -> None:
    """Call the run at a fork and at the end of the process, without keeping it alive."""
    _live.add(run)


def _flush_all() -> None:
    for run in list(_live):
        run.flush()


def _renew_all() -> None:
    for run in list(_live):
        run.renew_after_fork()


atexit.register(_flush_all)
os.register_at_fork(after_in_child=_renew_all)
