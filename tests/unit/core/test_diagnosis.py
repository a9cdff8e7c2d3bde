"""The order of a diagnosis: causes before symptoms, one headline, one paragraph."""

import pytest

from fade_core.detectors.outcome import propose
from fade_core.diagnosis import Ledger, diagnose, ordered, summarise
from fade_core.findings import Finding, Severity, Text, View
from fade_core.monitor import Detector, Monitor
from fade_core.report import Incident, exit_code
from fade_core.signals import Track
from tests.unit.core.streams import advance, healthy, ramp

TEXT = Text("Cause.", "Effect.", ("Do.",))


def incident(
    detector: str, severity: Severity, onset: int, alert: int, resolved: int | None = None
) -> Incident:
    found = Finding(detector, severity, alert, onset, {"x": 1.0}, TEXT)
    return Incident(found, onset, alert, resolved)


def names(*incidents: Incident) -> list[str]:
    return [each.worst.detector for each in ordered(incidents)]


def test_a_cause_that_is_named_after_its_symptom_still_comes_first() -> None:
    symptom = incident("kl_blowup", "warning", 260, 290)
    cause = incident("entropy_explosion", "warning", 255, 294)
    assert names(symptom, cause) == ["entropy_explosion", "kl_blowup"]


def test_what_began_after_the_first_alert_is_not_its_cause() -> None:
    cause = incident("advantage_tails", "warning", 250, 337)
    later = incident("sign_imbalance", "warning", 400, 410)
    worst = incident("reward_collapse", "critical", 440, 460)
    assert names(worst, later, cause) == ["advantage_tails", "sign_imbalance", "reward_collapse"]


def test_an_old_resolved_finding_is_not_the_cause_of_a_new_one() -> None:
    old = incident("non_finite", "critical", 10, 10, 20)
    new = incident("kl_blowup", "warning", 300, 320)
    assert names(old, new) == ["kl_blowup", "non_finite"]


def test_an_incident_that_a_resumed_run_ended_before_its_beginning_is_its_own_cause() -> None:
    ended = incident("entropy_collapse", "warning", 9, 5, 3)
    assert ordered([ended]) == (ended,)


def test_infos_come_last_and_alone_are_the_headline() -> None:
    info = incident("value_anomaly", "info", 1, 50)
    assert names(info, incident("kl_blowup", "warning", 60, 70)) == ["kl_blowup", "value_anomaly"]
    assert names(info) == ["value_anomaly"]


def test_the_paragraph_names_cause_effect_symptoms_forecast_and_advice() -> None:
    stream = (
        healthy(t)
        | {
            "entropy": ramp(t, 60, -0.05),
            "zero_variance_fraction": min(1.0, 0.2 + 0.03 * max(0, t - 60)),
        }
        for t in range(96)
    )
    report = diagnose(stream)
    assert report.forecast is None or report.forecast.earliest <= report.forecast.step
    for part in ("It began about step", "With it came", "Lower delta"):
        assert part in report.paragraph


def test_a_resolved_headline_says_when_it_was_over() -> None:
    stream = (healthy(t) | ({"loss": float("inf")} if t == 30 else {}) for t in range(80))
    assert "resolved at step 40" in diagnose(stream).headline


def broken(_: object, view: View) -> tuple[object, Finding | None]:
    raise RuntimeError(f"at {view.step}")


@pytest.mark.parametrize("stray", [0.1, float("nan")])
def test_a_broken_detector_is_in_the_headline_and_the_exit_code(stray: float) -> None:
    working = Monitor().detectors
    monitor = Monitor([Detector("broken", ("any",), None, broken), *working])
    state, _ = advance(monitor, monitor.start(), [healthy(0)])
    found = [incident("non_finite", "warning", 0, 0)] if stray != stray else []

    report = summarise(monitor, state, Ledger(closed=tuple(found)))
    assert "Could not check: broken failed" in report.headline
    assert exit_code(report) == 2


def test_no_schedule_is_proposed_for_what_cannot_be_steered() -> None:
    def view(**tracks: Track) -> View:
        return View(0, 0, 0, tracks, {})

    assert propose(view()) is None
    assert propose(view(accuracy=Track(level=1.0))) is None
    neutral = propose(view(accuracy=Track(level=0.5)))
    assert neutral is not None
    assert (neutral.alpha, neutral.delta) == (1.5, 1.0)
    assert neutral.mass_success == pytest.approx(0.5 * 0.5**1.5)


def test_what_came_again_and_again_is_named_once() -> None:
    again = [incident("reward_collapse", "warning", at, at + 5, at + 9) for at in (300, 100, 200)]
    ledger = Ledger({}, (incident("kl_blowup", "critical", 50, 60), *again))
    monitor = Monitor()
    paragraph = summarise(monitor, monitor.start(), ledger).paragraph
    assert "With it came reward_collapse (3 times, steps 105 to 305)." in paragraph
