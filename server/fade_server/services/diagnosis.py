"""The reading of a run, for people and for their own agents."""

from typing import Any

from fade_core import diagnosis
from fade_core.kl_audit.live import config_findings
from fade_core.monitor import State
from fade_core.report import report_json
from fade_server.errors import NotFoundError
from fade_server.queries import alerts as alert_queries
from fade_server.queries import runs as run_queries
from fade_server.queries import watches as watch_queries
from fade_server.queries.runs import RunRow
from fade_server.services import drift
from fade_server.services.alert_rows import alert_document, alert_of
from fade_server.services.alerts import shown_report
from fade_server.services.context import Context
from fade_server.services.watched import NOWHERE, load

Document = dict[str, Any]
MAX_ALERTS = 100
"""Most alerts of a diagnosis, those that are not resolved first."""


def diagnose(context: Context, run_id: str) -> Document:
    """Return what the detectors make of a run up to the newest record that they have read.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.

    Raises:
        NotFoundError: There is no such run.
    """
    with context.store.read() as session:
        run = run_queries.find_run(session, run_id)
        if run is None:
            raise NotFoundError(f'there is no run "{run_id}"')
        watched = load(watch_queries.find_watch(session, run.pk))
        silences = alert_queries.silences_for(session, run.pk, run.project, context.clock())
        rows = alert_queries.changed_alerts(session, run.pk, 0, MAX_ALERTS)
    open_alerts = [alert for alert in map(alert_of, rows) if alert.open]
    shown = shown_report(run, watched, open_alerts)
    full = report_json(
        diagnosis.summarise(
            watched.monitor, watched.state, watched.ledger, standing=config_findings(run.config)
        )
    )
    attempt, step = watched.cursor if watched.cursor != NOWHERE else (None, None)
    return {
        "run": run.id,
        "steps": watched.state.records,
        "attempt": attempt,
        "step": step,
        "health": run.health,
        "headline": shown.headline,
        "paragraph": shown.paragraph,
        "coverage": [*full["coverage"], _drift_coverage(run, watched.state)],
        "findings": full["findings"],
        "forecast": None if shown.forecast is None else shown.forecast._asdict(),
        "law": None if shown.law is None else shown.law._asdict(),
        "alerts": [alert_document(row, silences) for row in rows],
    }


def _drift_coverage(run: RunRow, state: State) -> Document:
    compared = run.mode == "control" and state.seen >= drift.NEEDS
    wanted = f"mode control with {', '.join(sorted(drift.NEEDS))}"
    return {
        "detector": drift.ID,
        "status": "checked" if compared else "not_checked",
        "reason": "" if compared else f"not checked: needs {wanted}",
    }
