"""What holds of every life of an alert."""

import json

from hypothesis import given
from hypothesis import strategies as st

from fade_core import alerting, resume
from fade_core.alerting import Alert, Rules
from fade_core.diagnosis import Ledger, fold
from fade_core.findings import SEVERITIES, Finding, Proposal, Text

RULES = st.builds(Rules, *[st.integers(1, 6)] * 3)
SEVERITY = st.sampled_from(SEVERITIES)
SEEN = st.lists(st.none() | SEVERITY, max_size=60)
ACTS = st.lists(st.tuples(st.none() | SEVERITY, st.booleans()), max_size=60)
NUMBERS = st.floats() | st.integers(0, 10**9).map(float)
FINDINGS = st.builds(
    Finding,
    st.sampled_from("abc"),
    SEVERITY,
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.dictionaries(st.text(max_size=5), NUMBERS, max_size=3),
    st.builds(Text, st.text(), st.text(), st.lists(st.text(), max_size=3).map(tuple)),
    st.text(max_size=5),
    st.none() | st.builds(Proposal, *[st.floats(0, 10)] * 4),
)
TEXT = Text("c", "e", ("a",))


@given(seen=ACTS, rules=RULES)
def test_a_critical_finding_is_never_kept_from_people(
    seen: list[tuple[str | None, bool]], rules: Rules
) -> None:
    """Unless it was critical already when somebody acknowledged it."""
    alert: Alert | None = None
    in_a_row = 0
    accepted = False
    for step, (severity, acknowledge) in enumerate(seen):
        finding = severity and Finding("d", severity, step, step, {}, TEXT)  # type: ignore[arg-type]
        alert = alerting.observe(alert, step, finding or None, rules)
        in_a_row = in_a_row + 1 if severity == "critical" else 0
        accepted = accepted and alert is not None and alert.open
        if in_a_row >= rules.critical_for:
            assert alert is not None
            assert alert.state == ("acknowledged" if accepted else "firing")
        if alert is not None and alert.open and acknowledge:
            alert = alerting.acknowledge(alert)
            accepted = alert.severity == "critical"
        if alert is not None and alert.state == "resolved":
            alert = None


@given(seen=SEEN, rules=RULES)
def test_an_alert_ends_only_after_its_quiet_time(seen: list[str | None], rules: Rules) -> None:
    alert: Alert | None = None
    quiet = 0
    for step, severity in enumerate(seen):
        before = alert
        finding = severity and Finding("d", severity, step, step, {}, TEXT)  # type: ignore[arg-type]
        alert = alerting.observe(alert, step, finding or None, rules)
        quiet = 0 if severity else quiet + 1
        ended = before is not None and (alert is None or alert.state == "resolved")
        assert ended == (before is not None and quiet == rules.quiet_for)
        if alert is not None and alert.state == "resolved":
            assert alert.resolved_step == step
            alert = None
        assert alert is None or alert.first_step <= alert.last_step <= step


@given(findings=st.lists(FINDINGS, max_size=8), keep=st.integers(0, 8))
def test_a_ledger_survives_strict_json(findings: list[Finding], keep: int) -> None:
    ledger = Ledger()
    for step, each in enumerate(findings):
        ledger = fold(ledger, step, [each])
    text = json.dumps(resume.ledger_to_json(ledger, keep), allow_nan=False)
    back = resume.ledger_from_json(json.loads(text))
    assert repr(back.open) == repr(dict(ledger.open))
    assert repr(back.closed) == repr(ledger.closed[max(0, len(ledger.closed) - keep) :])
