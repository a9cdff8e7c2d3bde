"""What happens to the runs of a process when it forks or ends without ``finish``."""

import atexit
import os
import signal
import sys
import threading
import weakref
from types import FrameType
from typing import Protocol

EXIT_TIMEOUT_S = 2.0
"""How long a process that ends without ``finish`` waits for each sender."""


class Watched(Protocol):
    """A run, as far as its process's life concerns it."""

    def flush(self, status: str | None = None) -> None:
        """The process ends: send what can be sent soon, with how the run ended if that is known."""

    def renew_after_fork(self) -> None:
        """This is a forked child: leave everything to the parent."""


# The one state of this module: a fork has to reach every run of the process, and its end has to
# wait for what was left behind by the runs that were forgotten.
_live: "weakref.WeakSet[Watched]" = weakref.WeakSet()
_left: "set[Leftover]" = set()


class Leftover(Protocol):
    """What sends the last records of a run that is gone."""

    thread: threading.Thread

    def ask_to_close(self, timeout_s: float) -> None:
        """Have the thread send what is left within that time, and end."""


def watch(run: Watched) -> None:
    """Call the run at a fork and at the end of the process, without keeping it alive."""
    _live.add(run)


def leave(sender: Leftover) -> None:
    """Let the sender of a forgotten run end by itself, and the process wait for it."""
    _left.difference_update([one for one in tuple(_left) if not one.thread.is_alive()])
    _left.add(sender)
    sender.ask_to_close(EXIT_TIMEOUT_S)


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
    _flush_all(None)
    signal.raise_signal(number)


def _at_exit() -> None:
    # The interpreter leaves there the exception that ended the program.
    has_failed = getattr(sys, "last_value", None) is not None
    _flush_all("failed" if has_failed else None)


def _flush_all(status: str | None) -> None:
    for run in list(_live):
        run.flush(status)
    for sender in tuple(_left):
        sender.thread.join(EXIT_TIMEOUT_S)


def _renew_all() -> None:
    # A child that is asked to end has nothing of ours to wait for.
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _left.clear()
    for run in list(_live):
        run.renew_after_fork()


atexit.register(_at_exit)
os.register_at_fork(after_in_child=_renew_all)
