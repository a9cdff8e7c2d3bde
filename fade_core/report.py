"""The diagnosis of a run as a value, as JSON and as an exit code."""

import math
from typing import Any, Literal, NamedTuple

from fade_core.findings import SEVERITIES, Finding, Severity
from fade_core.forecast import Forecast, RewardLaw


class Incident(NamedTuple):
    """One pathology from its first alert to its end.

    Attributes:
        worst: The newest finding; its severity rises only, unless the task turns out solved.
        onset_step: Estimated beginning.
        first_alert_step: Where it was first reported.
        resolved_step: Where it was over; None while it is open.
    """

    worst: Finding
    onset_step: int
    first_alert_step: int
    resolved_step: int | None = None


class Coverage(NamedTuple):
    """Whether a detector could look, and what it lacks."""

    detector: str
    status: Literal["checked", "not_checked", "error"]
    reason: str = ""


class Report(NamedTuple):
    """The diagnosis of a run.

    Attributes:
        run: Its name.
        format: Of the log it came from; empty when unknown.
        steps: Records read.
        coverage: One entry a detector.
        incidents: Cause first, then by first alert.
        headline: One line.
        paragraph: The reading in a few sentences.
        forecast: Of the entropy; None where there is none.
        law: The reward-entropy law; None where it does not fit.
    """

    run: str
    format: str
    steps: int
    coverage: tuple[Coverage, ...]
    incidents: tuple[Incident, ...]
    headline: str
    paragraph: str
    forecast: Forecast | None
    law: RewardLaw | None


def exit_code(report: Report, fail_on: Severity = "warning") -> int:
    """Return 0 when healthy, 1 for findings at or above the level, 2 when it could not check.

    A detector that failed, or a run that no detector with a signal could look at, is never 0.
    """
    level = SEVERITIES.index(fail_on)
    if any(each.status == "error" for each in report.coverage):
        return 2
    if any(SEVERITIES.index(each.worst.severity) >= level for each in report.incidents):
        return 1
    looked = {each.detector for each in report.coverage if each.status == "checked"}
    return 0 if looked - {"non_finite"} else 2


def report_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON values.

    Evidence holds the numbers and the ``window`` of steps they span; advice holds the cause, the
    expected effect, what to do, and the proposed schedule with its masses or null.
    """
    return {
        "run": report.run,
        "format": report.format,
        "steps": report.steps,
        "coverage": [each._asdict() for each in report.coverage],
        "findings": [_incident_json(each) for each in report.incidents],
        "headline": report.headline,
    }


def _incident_json(incident: Incident) -> dict[str, Any]:
    worst = incident.worst
    numbers: dict[str, Any] = {
        name: value if math.isfinite(value) else str(value)
        for name, value in worst.evidence.items()
    }
    return {
        "detector": worst.detector,
        "severity": worst.severity,
        "onset_step": incident.onset_step,
        "first_alert_step": incident.first_alert_step,
        "resolved_step": incident.resolved_step,
        "evidence": numbers | {"window": [incident.onset_step, worst.step]},
        "advice": {
            "variant": worst.variant,
            "cause": worst.text.cause,
            "effect": worst.text.effect,
            "do": list(worst.text.advice),
            "schedule": worst.proposal._asdict() if worst.proposal else None,
        },
    }
