"""How many there are of each kind, over the whole store."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fade_server.tables import alerts, deliveries, runs


def count_runs(session: Session) -> dict[tuple[str, ...], int]:
    """Return how many runs there are, by status as it is stored."""
    statement = select(runs.c.status, func.count()).group_by(runs.c.status)
    return {(status,): count for status, count in session.execute(statement)}


def count_open_alerts(session: Session) -> dict[tuple[str, ...], int]:
    """Return how many alerts are not resolved, by severity and state."""
    kinds = alerts.c.severity, alerts.c.state
    statement = select(*kinds, func.count()).where(alerts.c.state != "resolved").group_by(*kinds)
    return {(severity, state): count for severity, state, count in session.execute(statement)}


def count_deliveries(session: Session) -> dict[tuple[str, ...], int]:
    """Return how many deliveries of alerts there are, by status."""
    statement = select(deliveries.c.status, func.count()).group_by(deliveries.c.status)
    return {(status,): count for status, count in session.execute(statement)}
