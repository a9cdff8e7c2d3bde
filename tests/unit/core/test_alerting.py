"""The life of an alert."""

from collections.abc import Iterable

import pytest

from fade_core import alerting
from fade_core.alerting import Alert, Rules
from fade_core.findings import Finding, Severity, Text

RULES = Rules(warning_for=3, critical_for=1, quiet_for=4)


def finding(severity: Severity = "warning", step: int = 0, detector: str = "d") -> Finding:
    return Finding(detector, severity, step, step, {}, Text("cause.", "effect.", ("do.",)))


def follow(pattern: str, alert: Alert | None = None) -> list[str]:
    """Return the state after each record: ``.`` is quiet, ``i``, ``w`` and ``c`` a finding."""
    severities: dict[str, Severity] = {"i": "info", "w": "warning", "c": "critical"}
    states = []
    for step, letter in enumerate(pattern):
        seen = None if letter == "." else finding(severities[letter], step)
        alert = alerting.observe(alert, step, seen, RULES)
        states.append("" if alert is None else f"{alert.state} {alert.severity}")
        if alert is not None and alert.state == "resolved":
            alert = None
    return states


def test_a_warning_fires_once_it_was_seen_long_enough() -> None:
    assert follow("www") == ["pending warning", "pending warning", "firing warning"]


def test_a_critical_one_fires_at_once() -> None:
    assert follow("c") == ["firing critical"]


def test_what_the_settings_say_needs_no_confirmation() -> None:
    seen = finding("warning", detector="kl_misconfigured")
    alert = alerting.observe(None, 0, seen, RULES)
    assert alert is not None
    assert alert.state == "firing"


def test_a_pending_one_that_is_not_seen_again_is_forgotten() -> None:
    assert follow("w....w") == [*["pending warning"] * 4, "", "pending warning"]


def test_short_gaps_neither_start_it_again_nor_end_it() -> None:
    assert follow("w.w..w")[-1] == "firing warning"
    assert follow("c...c...c...") == ["firing critical"] * 12


def test_it_is_over_after_enough_quiet_records_and_can_begin_anew() -> None:
    states = follow("c....c")
    assert states[3:] == ["firing critical", "resolved critical", "firing critical"]


def test_the_record_that_ends_it_is_noted() -> None:
    alert = alerting.observe(None, 7, finding("critical", 7), RULES)
    for step in range(8, 12):
        assert alert is not None
        alert = alerting.observe(alert, step, None, RULES)
    assert alert is not None
    assert (alert.first_step, alert.last_step, alert.resolved_step) == (7, 7, 11)


def test_an_escalation_takes_the_acknowledgement_back() -> None:
    alert = _after([finding("warning", step) for step in range(3)])
    alert = alerting.acknowledge(alert)
    same = alerting.observe(alert, 3, finding("warning", 3), RULES)
    assert same is not None
    assert same.state == "acknowledged"
    worse = alerting.observe(same, 4, finding("critical", 4), RULES)
    assert worse is not None
    assert (worse.state, worse.peak) == ("firing", "critical")


def test_an_acknowledged_critical_one_that_eased_off_and_returns_is_acknowledged_still() -> None:
    alert = alerting.acknowledge(_after([finding("critical", 0)]))
    for step, severity in enumerate(("warning", "critical"), 1):
        after = alerting.observe(alert, step, finding(severity, step), RULES)  # type: ignore[arg-type]
        assert after is not None
        alert = after
    assert (alert.state, alert.severity) == ("acknowledged", "critical")


def test_who_acknowledged_it_as_a_warning_hears_of_the_critical_one_again() -> None:
    alert = _after([finding("critical", 0), finding("warning", 1)])
    alert = alerting.acknowledge(alert)
    after = alerting.observe(alert, 2, finding("critical", 2), RULES)
    assert after is not None
    assert after.state == "firing"


@pytest.mark.parametrize(
    ("letters", "looked", "wanted"),
    [
        ("", True, "healthy"),
        ("", False, "unknown"),
        ("w", True, "healthy"),
        ("www", True, "warning"),
        ("wwwc", True, "critical"),
        ("iii", True, "healthy"),
        ("www", False, "warning"),
    ],
)
def test_the_health_is_that_of_the_worst_open_alert(
    letters: str, looked: bool, wanted: str
) -> None:
    severities: dict[str, Severity] = {"i": "info", "w": "warning", "c": "critical"}
    alerts = [_after([finding(severities[one]) for one in letters])] if letters else []
    assert alerting.health(alerts, looked) == wanted


def test_every_detector_has_its_own_alert() -> None:
    alerts, resolved = alerting.advance({}, 0, [finding("critical", detector="a")], RULES)
    for step in range(1, 5):
        alerts, resolved = alerting.advance(
            alerts, step, [finding("critical", step, detector="b")], RULES
        )
    assert list(alerts) == ["b"]
    assert [one.finding.detector for one in resolved] == ["a"]


def test_one_that_never_was_confirmed_leaves_nothing_behind() -> None:
    alerts, resolved = alerting.advance({}, 0, [finding()], RULES)
    assert [one.state for one in alerts.values()] == ["pending"]
    step = 0
    while alerts:
        step += 1
        alerts, resolved = alerting.advance(alerts, step, [], RULES)
        assert resolved == []
    assert step <= RULES.quiet_for


def test_an_acknowledgement_can_be_taken_back() -> None:
    firing = _after([finding("critical")])
    assert alerting.unacknowledge(alerting.acknowledge(firing)).state == "firing"


def _after(findings: Iterable[Finding]) -> Alert:
    alert: Alert | None = None
    for seen in findings:
        alert = alerting.observe(alert, seen.step, seen, RULES)
    assert alert is not None
    return alert
