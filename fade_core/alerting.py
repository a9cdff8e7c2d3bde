"""The life of an alert: from what a detector sees to what a person is told once.

    pending ──▶ firing ◀──▶ acknowledged
       │           └──────┬──────┘
     (gone)           resolved

A detector that sees something again after its alert was resolved begins a new one.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from fade_core.findings import SEVERITIES, Finding, Severity

AlertState = Literal["pending", "firing", "acknowledged", "resolved"]

CERTAIN = frozenset({"kl_misconfigured"})
"""Detectors that read settings instead of noise: what they see needs no confirmation."""


class Rules(NamedTuple):
    """How long it takes to fire and to be over, in records of the run.

    The detectors wait before they say anything and before they fall silent, so these are short.

    Attributes:
        warning_for: Records with a finding below critical before its alert fires, >= 1.
        critical_for: The same for a critical one.
        quiet_for: Records in a row without a finding before the alert is over, >= 1.
    """

    warning_for: int = 2
    critical_for: int = 1
    quiet_for: int = 10

    def needed(self, finding: Finding) -> int:
        """Return how many records must show a finding before its alert fires."""
        if finding.detector in CERTAIN:
            return 1
        return self.critical_for if finding.severity == "critical" else self.warning_for


class Alert(NamedTuple):
    """One pathology of a run, as people follow it.

    Attributes:
        finding: The newest, with the present severity.
        state: Where it is in its life.
        peak: Highest severity so far, or since somebody acknowledged it.
        onset_step: Estimated beginning.
        first_step: Where it was first seen.
        last_step: Where it was last seen.
        seen: Records that showed it.
        quiet: Records in a row that did not, up to now.
        resolved_step: Where it was over; None before that.
    """

    finding: Finding
    state: AlertState
    peak: Severity
    onset_step: int
    first_step: int
    last_step: int
    seen: int = 0
    quiet: int = 0
    resolved_step: int | None = None

    @property
    def severity(self) -> Severity:
        """The present severity."""
        return self.finding.severity

    @property
    def open(self) -> bool:
        """Whether people are to see to it."""
        return self.state in ("firing", "acknowledged")


def worse(one: Severity, other: Severity) -> bool:
    """Return whether the first severity is above the second."""
    return SEVERITIES.index(one) > SEVERITIES.index(other)


def observe(
    alert: Alert | None, step: int, finding: Finding | None, rules: Rules | None = None
) -> Alert | None:
    """Advance one detector's alert by one record.

    It fires after ``rules.needed`` records with a finding, in a row or with short gaps. It is
    over after ``quiet_for`` records in a row without one; one that never fired is then
    forgotten. A severity above ``peak`` takes an acknowledgement back: who accepted the warning
    has not accepted the critical one.

    Args:
        alert: Before this record; None when there is none, never a resolved one.
        step: The trainer's.
        finding: What the detector sees in this record, if anything.
        rules: Durations; the defaults when None.

    Returns:
        After it; None when there is none.
    """
    rules = rules or Rules()
    if finding is None:
        return None if alert is None else _quieter(alert, step, rules)
    if alert is None:
        alert = Alert(finding, "pending", finding.severity, finding.onset_step, step, step)
    state, peak, seen = alert.state, alert.peak, alert.seen + 1
    if worse(finding.severity, peak):
        peak = finding.severity
        state = "firing" if state == "acknowledged" else state
    if state == "pending" and seen >= rules.needed(finding):
        state = "firing"
    return alert._replace(
        finding=finding, state=state, peak=peak, last_step=step, seen=seen, quiet=0
    )


def _quieter(alert: Alert, step: int, rules: Rules) -> Alert | None:
    quiet = alert.quiet + 1
    if quiet < rules.quiet_for:
        return alert._replace(quiet=quiet)
    if alert.state == "pending":
        return None
    return alert._replace(state="resolved", quiet=quiet, resolved_step=step)


def acknowledge(alert: Alert) -> Alert:
    """Note that somebody sees to a firing alert, at its present severity."""
    return alert._replace(state="acknowledged", peak=alert.severity)


def unacknowledge(alert: Alert) -> Alert:
    """Let an acknowledged alert fire again."""
    return alert._replace(state="firing")


Health = Literal["unknown", "healthy", "warning", "critical"]
HEALTHS: tuple[Health, ...] = ("unknown", "healthy", "warning", "critical")
"""In order, best known last but for ``unknown``."""


def health(alerts: Iterable[Alert], looked: bool) -> Health:
    """Return how a run is, from its alerts.

    Args:
        alerts: Of the run.
        looked: Whether the detectors could check the run at all.
    """
    severities = {alert.severity for alert in alerts if alert.open}
    if "critical" in severities:
        return "critical"
    if "warning" in severities:
        return "warning"
    return "healthy" if looked else "unknown"


def advance(
    alerts: Mapping[str, Alert], step: int, findings: Iterable[Finding], rules: Rules
) -> tuple[dict[str, Alert], list[Alert]]:
    """Advance all alerts of a run by one record.

    Args:
        alerts: By detector, none of them resolved.
        step: The trainer's.
        findings: Of this record.
        rules: Durations.

    Returns:
        The alerts that go on, by detector, and those that were resolved by this record.
    """
    now = {each.detector: each for each in findings}
    after: dict[str, Alert] = {}
    resolved: list[Alert] = []
    for name in dict.fromkeys((*alerts, *now)):
        alert = observe(alerts.get(name), step, now.get(name), rules)
        if alert is None:
            continue
        if alert.state == "resolved":
            resolved.append(alert)
        else:
            after[name] = alert
    return after, resolved
