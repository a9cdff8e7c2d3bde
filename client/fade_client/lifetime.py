"""What happens to the runs of a process when it forks or ends without ``finish``."""

import atexit
import os
import signal
import threading
import weakref
from types import FrameType
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


def flush_on_sigterm() -> None:
    """Have SIGTERM flush every run before it ends the process, as it would have without.

    Only where nobody has decided otherwise: a trainer's own handler, set before or after, is
    left alone, and so is a process that ignores the signal.
    """
    # Only the main thread may set a handler.
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)


def _on_sigterm(number: int, _frame: FrameType | None) -> None:
    # First, so that a second signal ends the process at once.
    signal.signal(number, signal.SIG_DFL)
    _flush_all()
    signal.raise_signal(number)


def _flush_all() -> None:
    for run in list(_live):
        run.flush()


def _renew_all() -> None:
    # A child that is asked to end has nothing of ours to wait for.
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for run in list(_live):
        run.renew_after_fork()


atexit.register(_flush_all)
os.register_at_fork(after_in_child=_renew_all)
