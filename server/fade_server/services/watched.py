"""What the detectors know of a run, between two readings."""

from dataclasses import dataclass
from functools import cached_property

from fade_core import diagnosis, resume
from fade_core.diagnosis import Ledger
from fade_core.findings import Finding
from fade_core.monitor import Monitor, State
from fade_server.queries.watches import Cursor, WatchRow

NOWHERE: Cursor = (0, -1)
"""Before the first record."""


Seen = tuple[int, list[Finding]]
"""A step, and all that is to be said of it."""


@dataclass(frozen=True)
class Watched:
    """What the detectors know of a run.

    Attributes:
        monitor: The detectors.
        cursor: Attempt and step of the newest record; ``NOWHERE`` before the first.
        state: Of the monitor.
        ledger: The incidents so far.
    """

    monitor: Monitor
    cursor: Cursor
    state: State
    ledger: Ledger

    @cached_property
    def looked(self) -> bool:
        """Whether any detector with a signal could check the run, and none of them failed."""
        covered = diagnosis.coverage(self.monitor, self.state)
        checked = {each.detector for each in covered if each.status == "checked"}
        failed = any(each.status == "error" for each in covered)
        return bool(checked - {"non_finite"}) and not failed


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading some more records.

    Attributes:
        before: The stored cursor that it started from; None when nothing was stored.
        after: What is known now.
        trace: Step and findings of each record, in order.
        more: Whether there are more records to read.
    """

    before: Cursor | None
    after: Watched
    trace: list[Seen]
    more: bool


def load(row: WatchRow | None) -> Watched:
    """Return what is known of a run from its stored form; None is a run never watched."""
    monitor = Monitor()
    if row is None:
        return Watched(monitor, NOWHERE, monitor.start(), Ledger())
    state = resume.from_json(monitor, row.state)
    return Watched(monitor, row.cursor, state, resume.ledger_from_json(row.ledger))
