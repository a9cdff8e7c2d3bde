"""A run's alerts, advanced by what the detectors saw, in the transaction that stores it."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy.orm import Session

from fade_core import alerting, diagnosis
from fade_core.alerting import HEALTHS, Alert, Rules
from fade_core.diagnosis import Ledger
from fade_core.kl_audit.live import config_findings
from fade_core.report import Incident, Report
from fade_server.queries import alerts as alert_queries
from fade_server.queries import runs as run_queries
from fade_server.queries.alerts import AlertRow
from fade_server.queries.runs import RunRow
from fade_server.services import overrides, telling
from fade_server.services.alert_rows import alert_of, columns_of
from fade_server.services.context import Context
from fade_server.services.watched import Reading, Watched

Document = dict[str, Any]


def settle(context: Context, session: Session, run: RunRow, reading: Reading) -> bool:
    """Bring a run's alerts, its health and its headline up to date.

    Args:
        context: The service's parts.
        session: Of the transaction that stores the reading; the run is locked.
        run: As it is now.
        reading: What the detectors saw.

    Returns:
        Whether anything changed that a reader of the run can see.
    """
    book = _Book(context, session, run)
    book.advance(reading)
    open_alerts = [alert for alert in book.alerts.values() if alert.open]
    health = alerting.health(open_alerts, reading.after.looked)
    columns: Document = {}
    if health != run.health:
        columns["health"] = health
    report = shown_report(run, reading.after, open_alerts)
    headline = report.headline
    if headline != run.headline:
        columns["headline"] = headline
    changed = book.changed or bool(columns)
    if changed:
        run_queries.change_health(session, run.pk, columns | {"alert_version": book.version})
    if open_alerts or book.resolved:
        telling.tell(context, session, run, report, book.resolved)
    if HEALTHS.index(health) > HEALTHS.index(run.health):
        step = reading.trace[-1][0] if reading.trace else -1
        overrides.revert_if_asked(context, session, run, health, headline, step)
    return changed


def shown_report(run: RunRow, watched: Watched, open_alerts: Iterable[Alert]) -> Report:
    """Return the reading of a run in which the open incidents are its open alerts.

    An alert begins a little later than its incident and ends a little later; the headline and
    the paragraph follow the alerts, so that they never contradict the health.
    """
    standing = config_findings(run.config)
    found = [alert.finding for alert in open_alerts]
    shown = {
        alert.finding.detector: Incident(alert.finding, alert.onset_step, alert.first_step)
        for alert in open_alerts
        if alert.finding not in standing
    }
    closed = [each for each in watched.ledger.closed if each.worst.detector not in shown]
    ledger = Ledger(shown, tuple(closed))
    told = [each for each in standing if each in found]
    return diagnosis.summarise(watched.monitor, watched.state, ledger, standing=told)


class _Book:
    """The alerts of one run while they are advanced; the run is locked."""

    def __init__(self, context: Context, session: Session, run: RunRow) -> None:
        settings = context.settings
        self._session, self._run, self._now = session, run, context.clock()
        self._rules = Rules(
            settings.alert_warning_for, settings.alert_critical_for, settings.alert_quiet_for
        )
        self._rows = {row.detector: row for row in alert_queries.live_alerts(session, run.pk)}
        self.alerts = {name: alert_of(row) for name, row in self._rows.items()}
        self.version = run.alert_version + 1
        self.changed = False
        self.resolved: list[int] = []

    def advance(self, reading: Reading) -> None:
        """Advance by every record of a reading, and store what came of it."""
        for step, findings in reading.trace:
            if not findings and not self.alerts:
                continue
            before = self.alerts
            self.alerts, resolved = alerting.advance(before, step, findings, self._rules)
            for alert in resolved:
                row = self._rows.pop(alert.finding.detector, None)
                self.resolved.append(self._store(alert, row))
            over = {alert.finding.detector for alert in resolved}
            for name in before.keys() - self.alerts.keys() - over:
                self._forget(self._rows.pop(name, None))
        for name, alert in self.alerts.items():
            self._store(alert, self._rows.get(name))

    def _forget(self, row: AlertRow | None) -> None:
        if row is not None:
            alert_queries.delete_alert(self._session, row.id)
            self.changed = True

    def _store(self, alert: Alert, row: AlertRow | None) -> int:
        columns = columns_of(alert) | {"updated_at": self._now}
        if alert.state != "pending" and (row is None or row.fired_at is None):
            columns["fired_at"] = self._now
        if row is None or alerting.worse(alert.peak, row.peak):  # type: ignore[arg-type]
            columns["notified_at"] = None
            columns["critical_at"] = self._now if alert.peak == "critical" else None
        if alert.state == "firing":
            columns |= {"acknowledged_at": None, "acknowledged_by": None}
        if row is None or (row.state, row.severity) != (alert.state, alert.severity):
            columns["version"] = self.version
            self.changed = True
        if row is None:
            columns |= {"run_pk": self._run.pk, "created_at": self._now}
            return alert_queries.add_alert(self._session, columns)
        alert_queries.change_alert(self._session, row.id, columns)
        return row.id
