"""How far the detectors have read each run, and what they read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, insert, or_, select, tuple_, update
from sqlalchemy.orm import Session

from fade_server.tables import attempts, runs, schedules, steps, watches

Row = dict[str, Any]
Cursor = tuple[int, int]
"""Attempt and step of the newest record that was read."""


@dataclass(frozen=True, slots=True)
class WatchRow:
    """A row of ``watches``; documents as they are stored."""

    run_pk: int
    attempt: int
    step: int
    state: dict[str, Any]
    ledger: dict[str, Any]
    updated_at: float

    @property
    def cursor(self) -> Cursor:
        """Attempt and step of the newest record that was read."""
        return self.attempt, self.step


def find_watch(session: Session, pk: int) -> WatchRow | None:
    """Return how far a run was watched, or None when it never was."""
    row = session.execute(select(watches).where(watches.c.run_pk == pk)).one_or_none()
    return None if row is None else WatchRow(*row)


def find_cursor(session: Session, pk: int) -> Cursor | None:
    """Return only the place of the newest record that was read, or None."""
    statement = select(watches.c.attempt, watches.c.step).where(watches.c.run_pk == pk)
    row = session.execute(statement).one_or_none()
    return None if row is None else (row.attempt, row.step)


def save_watch(session: Session, watch: WatchRow, *, fresh: bool) -> None:
    """Insert or update how far a run was watched; the caller holds the run's lock."""
    columns = {name: getattr(watch, name) for name in WatchRow.__slots__}
    if fresh:
        session.execute(insert(watches).values(columns))
    else:
        statement = update(watches).where(watches.c.run_pk == watch.run_pk)
        session.execute(statement.values(columns))


def records_after(
    session: Session, pk: int, cursor: Cursor, names: Sequence[str], limit: int
) -> list[Row]:
    """Return the next shown records of a run, in the order of attempts and steps.

    Args:
        session: Open session.
        pk: The run.
        cursor: Place of the record before them.
        names: Scalar columns wanted.
        limit: Most records to return.
    """
    place = tuple_(steps.c.attempt, steps.c.step)
    wanted = ("attempt", "step", "nonfinite", "vectors", "pass_at_k", "extra")
    statement = (
        select(*(steps.c[name] for name in (*wanted, *names)))
        .where(steps.c.run_pk == pk, place > tuple_(*cursor), ~steps.c.superseded)
        .order_by(steps.c.attempt, steps.c.step)
        .limit(limit)
    )
    return [dict(row) for row in session.execute(statement).mappings()]


def unwatched_runs(session: Session) -> list[str]:
    """Return the ids of the runs that have records which the detectors have not read."""
    behind = or_(
        watches.c.run_pk.is_(None),
        attempts.c.ordinal > watches.c.attempt,
        and_(attempts.c.ordinal == watches.c.attempt, attempts.c.last_step > watches.c.step),
    )
    statement = (
        select(runs.c.id)
        .join(attempts, attempts.c.run_pk == runs.c.pk)
        .outerjoin(watches, watches.c.run_pk == runs.c.pk)
        .where(attempts.c.last_step.is_not(None), behind)
        .distinct()
    )
    return list(session.scalars(statement))


def recent_schedules(session: Session, pk: int, step: int, limit: int) -> list[Row]:
    """Return event, version, alpha and delta of the newest schedules up to a step, oldest first.

    Args:
        session: Open session.
        pk: The run.
        step: Largest step that they are for.
        limit: Most to return; it bounds how far back this reads.
    """
    names = ("event", "version", "alpha", "delta")
    statement = (
        select(*(schedules.c[name] for name in names))
        .where(schedules.c.run_pk == pk, schedules.c.step <= step, ~schedules.c.superseded)
        .order_by(schedules.c.step.desc(), schedules.c.id.desc())
        .limit(limit)
    )
    rows = session.execute(statement).mappings().all()
    return [dict(row) for row in reversed(rows)]
