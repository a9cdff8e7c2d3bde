"""Who is told of which alert: one message a run and occasion, and no critical one kept back."""

from collections.abc import Collection, Sequence
from typing import Any, cast

from sqlalchemy.orm import Session

from fade_core.alerting import worse
from fade_core.findings import SEVERITIES
from fade_core.report import Report
from fade_server.queries import alerts as alert_queries
from fade_server.queries import runs as run_queries
from fade_server.queries import sinks as sink_queries
from fade_server.queries.alerts import AlertRow, SilenceRow
from fade_server.queries.runs import RunRow
from fade_server.services.alert_rows import alert_document, matches
from fade_server.services.context import Context

Document = dict[str, Any]
FORMAT = "fadewatch.alert/1"
IMPORTED = "imported"
"""Tag of runs that were read from a log: what is over is told to nobody."""


def tell(
    context: Context, session: Session, run: RunRow, report: Report, resolved: Collection[int]
) -> None:
    """Note what is to be delivered, after the alerts of a run were brought up to date.

    A message goes out when an alert turns critical, or when a warning fires while nothing else
    of the run is known; warnings that join are listed with the next one. When the last known
    alert is over, those who were told are told so.

    Args:
        context: The service's parts.
        session: Of the transaction that changed the alerts; the run is locked.
        run: As it is now.
        report: Its reading.
        resolved: Ids of the alerts that this transaction resolved.
    """
    sinks = sink_queries.sinks_for(session, run.project)
    if not sinks or IMPORTED in run_queries.tags_of_runs(session, [run.pk])[run.pk]:
        return
    now = context.clock()
    live = [row for row in alert_queries.live_alerts(session, run.pk) if row.state != "pending"]
    silences = alert_queries.silences_for(session, run.pk, run.project, now)
    over = [row for row in (alert_queries.find_alert(session, i) for i in resolved) if row]
    news = [row for row in live if _is_news(row, silences)]
    known = [row for row in live if row.notified_at is not None]
    missed = [row for row in over if _was_missed(row, silences)]
    event, about = _occasion(news, known, over, missed)
    for row in news:
        alert_queries.change_alert(session, row.id, {"notified_at": now})
    if event is None:
        return
    shown = [alert_document(row, silences) for row in (*live, *over)]
    message = message_of(context, run, report, event, shown)
    for sink in sinks:
        heard = sink_queries.last_event(session, sink.id, run.pk)
        if event == "resolved" and not missed:
            wanted = heard in ("firing", "escalated")
        else:
            wanted = not worse(cast(Any, sink.severity), cast(Any, about))
        if wanted:
            sink_queries.add_delivery(session, delivery(sink.id, run.pk, event, message, now))


def message_of(
    context: Context, run: RunRow, report: Report, event: str, alerts: Sequence[Document]
) -> Document:
    """Return what a program can read of an occasion, the same for every sink."""
    base = public_url(context)
    return {
        "format": FORMAT,
        "event": event,
        "at": context.clock(),
        "run": {
            "id": run.id,
            "project": run.project,
            "name": run.name,
            "status": run.status,
            "step": run.last_step,
        },
        "headline": report.headline,
        "paragraph": report.paragraph,
        "alerts": list(alerts),
        "links": {
            "run": f"{base}/runs/{run.id}",
            "diagnosis": f"{base}/api/v1/runs/{run.id}/diagnosis",
            "alerts": f"{base}/api/v1/runs/{run.id}/alerts",
        },
    }


def public_url(context: Context) -> str:
    """Return the address under which people reach the service."""
    settings = context.settings
    return (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")


def delivery(
    sink_id: int, run_pk: int | None, event: str, message: Document, now: float
) -> Document:
    """Return the columns of a delivery that is due now."""
    return {
        "sink_id": sink_id,
        "run_pk": run_pk,
        "event": event,
        "message": message,
        "status": "due",
        "tries": 0,
        "due_at": now,
        "created_at": now,
    }


def _is_news(row: AlertRow, silences: Sequence[SilenceRow]) -> bool:
    fresh = row.state == "firing" and row.notified_at is None and row.severity != "info"
    return fresh and not any(matches(one, row) for one in silences)


def _was_missed(row: AlertRow, silences: Sequence[SilenceRow]) -> bool:
    """Return whether a critical alert came and went while nobody could be told of it."""
    untold = row.notified_at is None and row.acknowledged_at is None and row.peak == "critical"
    return untold and not any(matches(one, row) for one in silences)


def _occasion(
    news: Sequence[AlertRow],
    known: Sequence[AlertRow],
    over: Sequence[AlertRow],
    missed: Sequence[AlertRow],
) -> tuple[str | None, str]:
    """Return the event of a message, or None, and the severity that decides who wants it."""
    worst = max((row.severity for row in news), key=SEVERITIES.index, default="info")
    if news and (worst == "critical" or not known):
        risen = any(row.critical_at != row.created_at for row in news if row.critical_at)
        return ("escalated" if risen else "firing"), worst
    told = [row for row in over if row.notified_at is not None]
    if missed or (told and not known and not news):
        return "resolved", "critical" if missed else "warning"
    return None, "info"
