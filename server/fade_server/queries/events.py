"""What of runs is told to those who watch them: narrow rows, read often."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from fade_server.tables import alerts, runs

OPEN_STATES = ("firing", "acknowledged")
"""States of an alert that people should know of."""


@dataclass(frozen=True, slots=True)
class WatchedRun:
    """The part of a row of ``runs`` that events are made of."""

    pk: int
    id: str
    project: str
    status: str
    updated_at: float
    last_step: int | None
    step_count: int
    schedule: dict[str, Any]
    override_version: int
    override_step: int | None
    revision: int
    alert_version: int
    health: str
    headline: str


_COLUMNS = [runs.c[name] for name in WatchedRun.__slots__]


def watch_run(session: Session, run_id: str) -> WatchedRun | None:
    """Return one run, or None."""
    row = session.execute(select(*_COLUMNS).where(runs.c.id == run_id)).one_or_none()
    return None if row is None else WatchedRun(*row)


def watch_runs(
    session: Session, run_ids: Collection[str], since: float, project: str | None, limit: int
) -> list[WatchedRun]:
    """Return the named runs and those with news, the newest activity first.

    Args:
        session: Open session.
        run_ids: Runs by name.
        since: Seconds since the epoch; runs with a record or a changed alert from then on.
        project: Only of this project; None for all.
        limit: Most runs to return.
    """
    alerted = select(alerts.c.run_pk).where(alerts.c.updated_at >= since)
    chosen: list[ColumnElement[bool]] = [
        runs.c.id.in_(run_ids),
        runs.c.updated_at >= since,
        runs.c.pk.in_(alerted),
    ]
    statement = (
        select(*_COLUMNS)
        .where(or_(*chosen))
        .order_by(runs.c.updated_at.desc(), runs.c.pk.desc())
        .limit(limit)
    )
    if project is not None:
        statement = statement.where(runs.c.project == project)
    return [WatchedRun(*row) for row in session.execute(statement)]


def newest_activity(session: Session) -> float:
    """Return the latest ``updated_at`` of all runs; 0 where there are none."""
    newest: float | None = session.scalar(select(func.max(runs.c.updated_at)))
    return newest or 0.0


def open_alerts(session: Session, pks: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return how many open alerts of each severity these runs have."""
    statement = (
        select(alerts.c.run_pk, alerts.c.severity, func.count())
        .where(alerts.c.run_pk.in_(pks), alerts.c.state.in_(OPEN_STATES))
        .group_by(alerts.c.run_pk, alerts.c.severity)
    )
    found = {pk: {"critical": 0, "warning": 0} for pk in pks}
    for pk, severity, count in session.execute(statement):
        if severity in found[pk]:
            found[pk][severity] = count
    return found


def open_alerts_by_project(session: Session) -> dict[str, dict[str, int]]:
    """Return how many open alerts of each severity the projects have that have any."""
    statement = (
        select(runs.c.project, alerts.c.severity, func.count())
        .join(runs, runs.c.pk == alerts.c.run_pk)
        .where(alerts.c.state.in_(OPEN_STATES), alerts.c.severity.in_(("critical", "warning")))
        .group_by(runs.c.project, alerts.c.severity)
    )
    found: dict[str, dict[str, int]] = {}
    for project, severity, count in session.execute(statement):
        found.setdefault(project, {})[severity] = count
    return found
