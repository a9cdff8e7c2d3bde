"""What people do with alerts: look them up, and say that they see to one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fade_core import alerting
from fade_server.access import Caller
from fade_server.errors import ConflictError, NotFoundError
from fade_server.queries import alerts as alert_queries
from fade_server.queries import runs as run_queries
from fade_server.queries.alerts import AlertFilter, AlertRow
from fade_server.queries.events import OPEN_STATES
from fade_server.services import audit
from fade_server.services.alert_rows import alert_document, alert_of, columns_of
from fade_server.services.context import Context
from fade_server.services.pages import read_cursor, write_cursor

Document = dict[str, Any]


def list_alerts(
    context: Context, caller: Caller, wanted: AlertFilter, *, limit: int, cursor: str | None
) -> Document:
    """Return one page of alerts, the newest first, and the cursor of the next page.

    Args:
        context: The service's parts.
        caller: Who asks; alerts of projects that they may not see are left out.
        wanted: What to narrow to.
        limit: Most alerts of the page.
        cursor: ``next_cursor`` of the page before.

    Raises:
        NotFoundError: There is no such run.
        InvalidInputError: The cursor is not one of ours.
    """
    before, now = read_cursor(cursor, int), context.clock()
    if caller.project is not None:
        if wanted.project not in (None, caller.project):
            return {"alerts": [], "next_cursor": None}
        wanted = replace(wanted, project=caller.project)
    with context.store.read() as session:
        if wanted.run is not None and run_queries.find_run(session, wanted.run) is None:
            raise NotFoundError(f'there is no run "{wanted.run}"')
        rows = alert_queries.list_alerts(
            session, wanted, limit + 1, None if before is None else before[0]
        )
        silences = alert_queries.list_silences(session, now)
    more = len(rows) > limit
    return {
        "alerts": [alert_document(row, silences) for row in rows[:limit]],
        "next_cursor": write_cursor(rows[limit - 1].id) if more else None,
    }


def acknowledge(context: Context, caller: Caller, alert_id: int, note: str | None) -> Document:
    """Note that somebody sees to a firing alert; again, and the note is replaced.

    Args:
        context: The service's parts.
        caller: Who.
        alert_id: Of the alert.
        note: For the others; None leaves what is there.

    Raises:
        NotFoundError: There is no such alert, or they may not see it.
        ConflictError: It is not firing.
    """
    now = context.clock()

    def change(row: AlertRow) -> Document:
        if row.state not in OPEN_STATES:
            raise ConflictError(f"only a firing alert can be acknowledged; this one is {row.state}")
        who = {"acknowledged_at": now, "acknowledged_by": caller.name}
        return columns_of(alerting.acknowledge(alert_of(row))) | who | _noted(row, note)

    return _change(context, caller, alert_id, "alert.acknowledged", change)


def unacknowledge(context: Context, caller: Caller, alert_id: int) -> Document:
    """Take an acknowledgement back; harmless where there is none.

    Args:
        context: The service's parts.
        caller: Who.
        alert_id: Of the alert.

    Raises:
        NotFoundError: There is no such alert, or they may not see it.
        ConflictError: It is over.
    """

    def change(row: AlertRow) -> Document:
        if row.state not in OPEN_STATES:
            raise ConflictError(
                f"only an acknowledged alert can fire again; this one is {row.state}"
            )
        nobody = {"acknowledged_at": None, "acknowledged_by": None}
        return columns_of(alerting.unacknowledge(alert_of(row))) | nobody

    return _change(context, caller, alert_id, "alert.unacknowledged", change)


def _noted(row: AlertRow, note: str | None) -> Document:
    return {"note": row.note if note is None else note}


def _change(
    context: Context,
    caller: Caller,
    alert_id: int,
    action: str,
    change: Callable[[AlertRow], Document],
) -> Document:
    now = context.clock()
    with context.store.write() as session:
        row = alert_queries.find_alert(session, alert_id)
        if row is None or not caller.sees(row.project):
            raise NotFoundError(f"there is no alert {alert_id}")
        # The run's lock keeps the detectors off its alerts; what they changed meanwhile counts.
        run = run_queries.find_run(session, row.run, lock=True)
        row = alert_queries.find_alert(session, alert_id)
        if run is None or row is None:
            raise NotFoundError(f"there is no alert {alert_id}")
        columns = change(row)
        version = run.alert_version + 1
        stamped = {"updated_at": now, "version": version}
        alert_queries.change_alert(session, alert_id, columns | stamped)
        run_queries.change_health(session, run.pk, {"alert_version": version})
        detail = {"alert": alert_id, "detector": row.detector, "note": columns.get("note")}
        audit.record(session, now, caller.name, action, run.id, detail)
        changed = alert_queries.find_alert(session, alert_id)
        assert changed is not None
        silences = alert_queries.silences_for(session, run.pk, run.project, now)
    context.notifier.notify(run.id)
    return alert_document(changed, silences)
