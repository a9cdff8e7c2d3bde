"""The audit trail: who changed what in the service itself."""

from typing import Any

from sqlalchemy.orm import Session

from fade_server.queries import audit as audit_queries
from fade_server.services.context import Context
from fade_server.services.pages import read_cursor, write_cursor

Document = dict[str, Any]


def record(
    session: Session, at: float, by: str, action: str, target: str, detail: Document
) -> None:
    """Add an entry, in the transaction of the change that it is about.

    Args:
        session: Open session of a ``write``.
        at: Seconds since the epoch.
        by: Who, as the service knows the caller.
        action: What was done, such as ``key.created``.
        target: To what: an id or a name.
        detail: What else is worth knowing; never a secret.
    """
    columns = {
        "at": at,
        "by": by[:256],
        "action": action,
        "target": target[:256],
        "detail": detail,
    }
    audit_queries.add_entry(session, columns)


def list_entries(context: Context, *, limit: int, cursor: str | None) -> Document:
    """Return one page of the trail, newest first, and the cursor of the next page.

    Args:
        context: The service's parts.
        limit: Most entries of the page.
        cursor: ``next_cursor`` of the page before.

    Raises:
        InvalidInputError: The cursor is not one of ours.
    """
    before = read_cursor(cursor, int)
    with context.store.read() as session:
        entries = audit_queries.list_entries(
            session, limit + 1, None if before is None else before[0]
        )
    more = len(entries) > limit
    return {
        "entries": entries[:limit],
        "next_cursor": write_cursor(entries[limit - 1]["id"]) if more else None,
    }
