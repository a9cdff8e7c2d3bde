"""Alerts and silences."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, case, delete, insert, or_, select, update
from sqlalchemy.orm import Session

from fade_server.tables import alerts, runs, silences


@dataclass(frozen=True, slots=True)
class AlertRow:
    """A row of ``alerts`` with the names of its run; the finding as it is stored."""

    id: int
    run_pk: int
    detector: str
    severity: str
    state: str
    onset_step: int
    first_step: int
    last_step: int
    resolved_step: int | None
    peak: str
    seen: int
    quiet: int
    finding: dict[str, Any]
    created_at: float
    updated_at: float
    fired_at: float | None
    acknowledged_at: float | None
    acknowledged_by: str | None
    note: str | None
    critical_at: float | None
    notified_at: float | None
    version: int
    run: str
    project: str


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """What a list of alerts is narrowed to; None does not narrow."""

    run: str | None = None
    project: str | None = None
    states: Collection[str] | None = None
    severity: str | None = None


@dataclass(frozen=True, slots=True)
class SilenceRow:
    """A row of ``silences`` with the name of its run."""

    id: int
    project: str | None
    run_pk: int | None
    detector: str | None
    until: float
    reason: str
    by: str
    created_at: float
    run: str | None


_ALERTS = select(alerts, runs.c.id.label("run"), runs.c.project).join(
    runs, runs.c.pk == alerts.c.run_pk
)


def live_alerts(session: Session, pk: int) -> list[AlertRow]:
    """Return the alerts of a run that are not resolved, oldest first."""
    statement = _ALERTS.where(alerts.c.run_pk == pk, alerts.c.state != "resolved")
    return [AlertRow(*row) for row in session.execute(statement.order_by(alerts.c.id))]


def changed_alerts(session: Session, pk: int, after: int | None, limit: int) -> list[AlertRow]:
    """Return the alerts of a run that are not resolved, or that changed after a version.

    Args:
        session: Open session.
        pk: The run.
        after: An ``alert_version`` of the run; None for only those that are not resolved.
        limit: Most to return; those that are not resolved come first, then the newest.
    """
    wanted = alerts.c.state != "resolved"
    if after is not None:
        wanted = or_(wanted, alerts.c.version > after)
    order = case((alerts.c.state == "resolved", 1), else_=0), alerts.c.id.desc()
    statement = _ALERTS.where(alerts.c.run_pk == pk, wanted).order_by(*order).limit(limit)
    return [AlertRow(*row) for row in session.execute(statement)]


def find_alert(session: Session, alert_id: int) -> AlertRow | None:
    """Return an alert, or None."""
    row = session.execute(_ALERTS.where(alerts.c.id == alert_id)).one_or_none()
    return None if row is None else AlertRow(*row)


def list_alerts(
    session: Session, wanted: AlertFilter, limit: int, before: int | None
) -> list[AlertRow]:
    """Return alerts, the newest first.

    Args:
        session: Open session.
        wanted: What to narrow to.
        limit: Most to return.
        before: ``id`` of the last alert of the page before.
    """
    statement = _ALERTS.order_by(alerts.c.id.desc()).limit(limit)
    if wanted.run is not None:
        statement = statement.where(runs.c.id == wanted.run)
    if wanted.project is not None:
        statement = statement.where(runs.c.project == wanted.project)
    if wanted.states is not None:
        statement = statement.where(alerts.c.state.in_(wanted.states))
    if wanted.severity is not None:
        statement = statement.where(alerts.c.severity == wanted.severity)
    if before is not None:
        statement = statement.where(alerts.c.id < before)
    return [AlertRow(*row) for row in session.execute(statement)]


def add_alert(session: Session, columns: dict[str, Any]) -> int:
    """Insert an alert, and return its id."""
    added: int = session.execute(insert(alerts).values(columns).returning(alerts.c.id)).scalar_one()
    return added


def change_alert(session: Session, alert_id: int, columns: dict[str, Any]) -> None:
    """Update an alert."""
    session.execute(update(alerts).where(alerts.c.id == alert_id).values(columns))


def delete_alert(session: Session, alert_id: int) -> None:
    """Forget an alert that never fired."""
    session.execute(delete(alerts).where(alerts.c.id == alert_id))


_SILENCES = select(silences, runs.c.id.label("run")).outerjoin(runs, runs.c.pk == silences.c.run_pk)


def list_silences(session: Session, now: float, project: str | None = None) -> list[SilenceRow]:
    """Return the silences that are in force, the one that ends first at the top.

    Args:
        session: Open session.
        now: Seconds since the epoch.
        project: Only those of this project and of its runs; None for all.
    """
    statement = _SILENCES.where(silences.c.until > now)
    if project is not None:
        statement = statement.where(or_(silences.c.project == project, runs.c.project == project))
    rows = session.execute(statement.order_by(silences.c.until, silences.c.id))
    return [SilenceRow(*row) for row in rows]


def find_silence(session: Session, silence_id: int) -> SilenceRow | None:
    """Return a silence, or None."""
    row = session.execute(_SILENCES.where(silences.c.id == silence_id)).one_or_none()
    return None if row is None else SilenceRow(*row)


def silences_for(session: Session, pk: int, project: str, now: float) -> list[SilenceRow]:
    """Return the silences in force that could match an alert of a run."""
    statement = _SILENCES.where(
        silences.c.until > now,
        and_(
            or_(silences.c.run_pk.is_(None), silences.c.run_pk == pk),
            or_(silences.c.project.is_(None), silences.c.project == project),
        ),
    )
    return [SilenceRow(*row) for row in session.execute(statement)]


def add_silence(session: Session, columns: dict[str, Any]) -> int:
    """Insert a silence, and return its id."""
    statement = insert(silences).values(columns).returning(silences.c.id)
    added: int = session.execute(statement).scalar_one()
    return added


def delete_silence(session: Session, silence_id: int) -> None:
    """Delete a silence."""
    session.execute(delete(silences).where(silences.c.id == silence_id))
