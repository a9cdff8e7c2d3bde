"""What became of the records: counted always, said once."""

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger("fade_client")

MAX_NAMES = 256
"""Names of dropped values that are counted one by one; the rest together."""


@dataclass(frozen=True, slots=True)
class RunStats:
    """Where the steps of this attempt are.

    Attributes:
        logged: Steps recorded in the spool.
        confirmed: Steps that the server holds.
        rejected: Steps that the server refused for good; ``*.rejected.jsonl`` says why.
        pending: Steps in the spool that still have to be sent; 0 where there is no server.
        lost: Calls of ``log_step`` that recorded nothing, by reason: ``step`` (did not
            increase), ``disk``, ``finished``, ``forked``, ``error``.
        dropped: Single values left out of a recorded step, by name.
    """

    logged: int
    confirmed: int
    rejected: int
    pending: int
    lost: Mapping[str, int]
    dropped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FinishReport:
    """What ``finish`` could say about the attempt.

    Attributes:
        status: ``finished`` or ``failed``.
        stats: The counts at that moment.
        path: The spool that is still there, or None where the server has all of it.
    """

    status: str
    stats: RunStats
    path: Path | None


class Ledger:
    """Counts of one attempt, shared by the trainer's thread and the sender's."""

    def __init__(self) -> None:
        self.confirmed = 0
        self.rejected = 0
        self._lost: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def lose(self, reason: str, message: str, *args: object, exc_info: bool = False) -> None:
        """Count a call that recorded nothing; warn at the first one of its reason."""
        with self._lock:
            self._lost[reason] += 1
        self.warn(f"lost {reason}", message, *args, exc_info=exc_info)

    def drop(self, name: str, why: str) -> None:
        """Count a value that was left out; warn at the first one of its name."""
        with self._lock:
            known = name in self._dropped or len(self._dropped) < MAX_NAMES
            name = name if known else "(other names)"
            self._dropped[name] += 1
        self.warn(f"dropped {name}", "left out of the record: %s (said once a name)", why)

    def warn(self, key: str, message: str, *args: object, exc_info: bool = False) -> None:
        """Log a warning, once a key."""
        with self._lock:
            if key in self._said:
                return
            self._said.add(key)
        log.warning(message, *args, exc_info=exc_info)

    def stats(self, observed: int, *, has_server: bool) -> RunStats:
        """Return the counts as they are now.

        Args:
            observed: Steps that the scheduler was shown: those in the spool, and those that the
                disk did not take; 0 where there is no spool.
            has_server: Whether they are to be sent.
        """
        with self._lock:
            lost, dropped = dict(self._lost), dict(self._dropped)
        logged = max(0, observed - lost.get("disk", 0))
        settled = self.confirmed + self.rejected
        pending = max(0, logged - settled) if has_server else 0
        return RunStats(logged, self.confirmed, self.rejected, pending, lost, dropped)

    def renew_after_fork(self) -> None:
        """In a forked child: a lock that no vanished thread holds."""
        self._lock = threading.Lock()
