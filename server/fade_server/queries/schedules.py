"""What the scheduler computed and what people pinned."""

import math
from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, or_, select, update
from sqlalchemy.orm import Session

from fade_core.scheduler import Schedule
from fade_server.queries.bulk import insert_columns
from fade_server.tables import schedules

_NAMES = tuple(field.name for field in fields(Schedule))
_COLUMNS = [schedules.c[name] for name in _NAMES]


def add_schedules(
    session: Session,
    pk: int,
    attempt: int,
    entries: Sequence[tuple[Schedule, bool]],
    *,
    event: str,
    recorded_at: float,
) -> None:
    """Insert schedules, each with whether it is superseded from the start."""
    count, chain = len(entries), [schedule for schedule, _ in entries]
    columns: dict[str, list[Any]] = {
        "run_pk": [pk] * count,
        "attempt": [attempt] * count,
        "event": [event] * count,
        "recorded_at": [recorded_at] * count,
        "superseded": [superseded for _, superseded in entries],
    }
    for name in _NAMES:
        columns[name] = list(map(attrgetter(name), chain))
    for name in ("h_hat", "h_star"):
        columns[name] = [None if math.isnan(one) else one for one in columns[name]]
    insert_columns(session, schedules, columns)


def supersede_schedules(session: Session, pk: int, before_attempt: int, first: int) -> None:
    """Mark the schedules of older attempts for steps above ``first``.

    The one for ``first`` itself was computed from the steps below it, so it stays.
    """
    session.execute(
        update(schedules)
        .where(
            schedules.c.run_pk == pk,
            schedules.c.attempt < before_attempt,
            schedules.c.step > first,
            ~schedules.c.superseded,
        )
        .values(superseded=True)
    )


def schedule_for_step(session: Session, pk: int, attempt: int, step: int) -> Schedule | None:
    """Return the newest computed schedule for a step or before it, of this attempt or older."""
    statement = (
        select(*_COLUMNS)
        .where(
            schedules.c.run_pk == pk,
            schedules.c.attempt <= attempt,
            schedules.c.step <= step,
            schedules.c.event == "computed",
            ~schedules.c.superseded,
        )
        .order_by(schedules.c.step.desc(), schedules.c.id.desc())
        .limit(1)
    )
    row = session.execute(statement).one_or_none()
    return None if row is None else _schedule(row)


def list_schedules(
    session: Session,
    pk: int,
    low: int,
    high: int,
    limit: int,
    before: tuple[Any, ...] | None = None,
) -> list[tuple[int, Schedule]]:
    """Return the trail of one run, the newest first, each entry with its id.

    Args:
        session: Open session.
        pk: The run.
        low: Smallest step that a schedule is for.
        high: Largest.
        limit: Most to return.
        before: Step and id of the last entry of the page before.
    """
    statement = (
        select(schedules.c.id, *_COLUMNS)
        .where(
            schedules.c.run_pk == pk,
            schedules.c.step.between(low, high),
            ~schedules.c.superseded,
        )
        .order_by(schedules.c.step.desc(), schedules.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        step, entry = before
        same = and_(schedules.c.step == step, schedules.c.id < entry)
        statement = statement.where(or_(schedules.c.step < step, same))
    return [(row.id, _schedule(row)) for row in session.execute(statement)]


def list_changes(
    session: Session, pk: int, limit: int, before: int | None = None
) -> list[Row[Any]]:
    """Return what people changed and the trainer confirmed of one run, the newest first.

    Args:
        session: Open session.
        pk: The run.
        limit: Most to return.
        before: Id of the last entry of the page before.
    """
    columns = (schedules.c.id, schedules.c.event, schedules.c.recorded_at, *_COLUMNS)
    statement = (
        select(*columns)
        .where(schedules.c.run_pk == pk, schedules.c.event != "computed")
        .order_by(schedules.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(schedules.c.id < before)
    return list(session.execute(statement))


def read_schedule_columns(
    session: Session, pk: int, names: Sequence[str], low: int, high: int
) -> list[Sequence[Any]]:
    """Return the named columns of the computed schedules for steps in [low, high]."""
    place = {"pk": pk, "low": low, "high": high}
    rows = session.execute(_computed(tuple(names)), place).all()
    return list(zip(*rows, strict=True)) if rows else [() for _ in names]


@lru_cache(maxsize=64)
def _computed(names: tuple[str, ...]) -> Select[Any]:
    return (
        select(*(schedules.c[name] for name in names))
        .where(
            schedules.c.run_pk == bindparam("pk"),
            schedules.c.event == "computed",
            ~schedules.c.superseded,
            schedules.c.step.between(bindparam("low"), bindparam("high")),
        )
        .order_by(schedules.c.step, schedules.c.id)
    )


def _schedule(row: Row[Any]) -> Schedule:
    columns = {field.name: row._mapping[field.name] for field in fields(Schedule)}
    for name in ("h_hat", "h_star"):
        if columns[name] is None:
            columns[name] = math.nan
    return Schedule(**columns)
