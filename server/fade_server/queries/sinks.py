"""Sinks and what is delivered to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from fade_server.tables import deliveries, runs, sinks

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SinkRow:
    """A row of ``sinks``, credentials and all."""

    id: int
    name: str
    kind: str
    url: str
    secret: str | None
    project: str | None
    severity: str
    enabled: bool
    created_at: float


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A row of ``deliveries`` with the names of its sink and its run."""

    id: int
    sink_id: int
    run_pk: int | None
    event: str
    message: dict[str, Any]
    status: str
    tries: int
    due_at: float
    created_at: float
    sent_at: float | None
    error: str | None
    sink: str
    run: str | None


def list_sinks(session: Session, project: str | None = None) -> list[SinkRow]:
    """Return the sinks in the order of their names.

    Args:
        session: Open session.
        project: Only those of this project; None for all.
    """
    statement = select(sinks).order_by(sinks.c.name)
    if project is not None:
        statement = statement.where(sinks.c.project == project)
    return [SinkRow(*row) for row in session.execute(statement)]


def sinks_for(session: Session, project: str) -> list[SinkRow]:
    """Return the enabled sinks that want news of a project."""
    about = or_(sinks.c.project.is_(None), sinks.c.project == project)
    statement = select(sinks).where(sinks.c.enabled, about).order_by(sinks.c.id)
    return [SinkRow(*row) for row in session.execute(statement)]


def find_sink(session: Session, sink_id: int) -> SinkRow | None:
    """Return a sink, or None."""
    row = session.execute(select(sinks).where(sinks.c.id == sink_id)).one_or_none()
    return None if row is None else SinkRow(*row)


def add_sink(session: Session, columns: Row) -> int:
    """Insert a sink, and return its id."""
    added: int = session.execute(insert(sinks).values(columns).returning(sinks.c.id)).scalar_one()
    return added


def change_sink(session: Session, sink_id: int, columns: Row) -> None:
    """Update a sink."""
    session.execute(update(sinks).where(sinks.c.id == sink_id).values(columns))


def delete_sink(session: Session, sink_id: int) -> None:
    """Delete a sink and what was to be delivered to it."""
    session.execute(delete(sinks).where(sinks.c.id == sink_id))


def add_delivery(session: Session, columns: Row) -> int:
    """Insert a delivery, and return its id."""
    added: int = session.execute(
        insert(deliveries).values(columns).returning(deliveries.c.id)
    ).scalar_one()
    return added


_DELIVERIES = (
    select(deliveries, sinks.c.name.label("sink"), runs.c.id.label("run"))
    .join(sinks, sinks.c.id == deliveries.c.sink_id)
    .outerjoin(runs, runs.c.pk == deliveries.c.run_pk)
)


def anything_due(session: Session, now: float) -> bool:
    """Return whether a delivery is due."""
    due = select(deliveries.c.id).where(deliveries.c.status == "due", deliveries.c.due_at <= now)
    return session.scalar(due.limit(1)) is not None


def claim_due(session: Session, now: float, until: float) -> DeliveryRow | None:
    """Take the delivery that is due first off the other processes' hands, and return it.

    Args:
        session: Of a transaction to be committed before anything is sent.
        now: Seconds since the epoch.
        until: When another process may take it, should this one die.
    """
    due = (
        select(deliveries.c.id)
        .where(deliveries.c.status == "due", deliveries.c.due_at <= now)
        .order_by(deliveries.c.due_at, deliveries.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    delivery_id = session.scalar(due)
    if delivery_id is None:
        return None
    change_delivery(session, delivery_id, {"due_at": until})
    return find_delivery(session, delivery_id)


def find_delivery(session: Session, delivery_id: int) -> DeliveryRow | None:
    """Return a delivery, or None."""
    row = session.execute(_DELIVERIES.where(deliveries.c.id == delivery_id)).one_or_none()
    return None if row is None else DeliveryRow(*row)


def change_delivery(session: Session, delivery_id: int, columns: Row) -> None:
    """Update a delivery."""
    session.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(columns))


def list_deliveries(
    session: Session,
    limit: int,
    before: int | None,
    *,
    sink_id: int | None = None,
    status: str | None = None,
    project: str | None = None,
) -> list[DeliveryRow]:
    """Return deliveries, the newest first.

    Args:
        session: Open session.
        limit: Most to return.
        before: ``id`` of the last one of the page before.
        sink_id: Only to this sink.
        status: Only with this status.
        project: Only to sinks of this project.
    """
    statement = _DELIVERIES.order_by(deliveries.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(deliveries.c.id < before)
    if sink_id is not None:
        statement = statement.where(deliveries.c.sink_id == sink_id)
    if status is not None:
        statement = statement.where(deliveries.c.status == status)
    if project is not None:
        statement = statement.where(sinks.c.project == project)
    return [DeliveryRow(*row) for row in session.execute(statement)]


def last_deliveries(session: Session, sink_ids: Sequence[int]) -> dict[int, DeliveryRow]:
    """Return the newest delivery to each of these sinks that has any."""
    newest = (
        select(func.max(deliveries.c.id))
        .where(deliveries.c.sink_id.in_(sink_ids))
        .group_by(deliveries.c.sink_id)
    )
    rows = session.execute(_DELIVERIES.where(deliveries.c.id.in_(newest)))
    return {row.sink_id: DeliveryRow(*row) for row in rows}


def last_event(session: Session, sink_id: int, pk: int) -> str | None:
    """Return what a sink was told last of a run, or None when it never was."""
    statement = (
        select(deliveries.c.event)
        .where(deliveries.c.sink_id == sink_id, deliveries.c.run_pk == pk)
        .order_by(deliveries.c.id.desc())
        .limit(1)
    )
    event: str | None = session.scalar(statement)
    return event
