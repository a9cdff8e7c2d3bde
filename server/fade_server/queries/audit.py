"""The audit trail."""

from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from fade_server.tables import audit


def add_entry(session: Session, columns: dict[str, Any]) -> None:
    """Insert an entry."""
    session.execute(insert(audit).values(columns))


def list_entries(session: Session, limit: int, before: int | None) -> list[dict[str, Any]]:
    """Return entries, the newest first.

    Args:
        session: Open session.
        limit: Most entries to return.
        before: ``id`` of the last entry of the page before.
    """
    statement = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(audit.c.id < before)
    rows = session.execute(statement).mappings()
    # "by" is a word of SQL, and its name a subclass of str that orjson does not take for one.
    return [{str(name): value for name, value in row.items()} for row in rows]
