"""Alerts between their three forms: the rule's, the store's and the wire's."""

from collections.abc import Iterable
from typing import Any, cast

from fade_core import resume
from fade_core.alerting import Alert
from fade_core.findings import Finding
from fade_server.queries.alerts import AlertRow, SilenceRow
from fade_server.services.codec import to_wire

Document = dict[str, Any]


def alert_of(row: AlertRow) -> Alert:
    """Return a stored alert as the rule knows it."""
    return Alert(
        resume.finding_from_json(row.finding),
        cast(Any, row.state),
        cast(Any, row.peak),
        row.onset_step,
        row.first_step,
        row.last_step,
        row.seen,
        row.quiet,
        row.resolved_step,
    )


def columns_of(alert: Alert) -> Document:
    """Return the columns that the rule decides."""
    return {
        "detector": alert.finding.detector,
        "severity": alert.severity,
        "state": alert.state,
        "onset_step": alert.onset_step,
        "first_step": alert.first_step,
        "last_step": alert.last_step,
        "resolved_step": alert.resolved_step,
        "peak": alert.peak,
        "seen": alert.seen,
        "quiet": alert.quiet,
        "finding": resume.finding_to_json(alert.finding),
    }


def matches(silence: SilenceRow, alert: AlertRow) -> bool:
    """Return whether a silence is about an alert and still covers it.

    One that was made before the alert turned critical does not: who silenced a warning has not
    heard of the critical one.
    """
    about = (
        silence.run_pk in (None, alert.run_pk)
        and silence.project in (None, alert.project)
        and silence.detector in (None, alert.detector)
    )
    escalated = alert.critical_at is not None and silence.created_at < alert.critical_at
    return about and not escalated


def alert_document(row: AlertRow, silences: Iterable[SilenceRow]) -> Document:
    """Return an alert as people see it.

    Args:
        row: Of the store.
        silences: Those in force; they need not be about this alert.
    """
    finding = resume.finding_from_json(row.finding)
    return {
        "id": row.id,
        "run": row.run,
        "project": row.project,
        "detector": row.detector,
        "severity": row.severity,
        "state": row.state,
        "onset_step": row.onset_step,
        "first_step": row.first_step,
        "last_step": row.last_step,
        "resolved_step": row.resolved_step,
        "headline": headline_of(row, finding),
        "cause": finding.text.cause,
        "effect": finding.text.effect,
        "variant": finding.variant,
        "evidence": _evidence(finding) | {"window": [row.onset_step, finding.step]},
        "advice": list(finding.text.advice),
        "proposal": None if finding.proposal is None else finding.proposal._asdict(),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "fired_at": row.fired_at,
        "acknowledged_at": row.acknowledged_at,
        "acknowledged_by": row.acknowledged_by,
        "note": row.note,
        "silenced": any(matches(one, row) for one in silences),
        "version": row.version,
    }


def headline_of(row: AlertRow, finding: Finding) -> str:
    """Return what an alert says in one line."""
    over = "" if row.resolved_step is None else f", resolved at step {row.resolved_step}"
    line = f"{row.severity}: {row.detector} from step {row.onset_step}{over}."
    return f"{line} {finding.text.cause}"


def _evidence(finding: Finding) -> Document:
    return {
        name: to_wire(value) if isinstance(value, float) else value
        for name, value in finding.evidence.items()
    }
