"""What every detector promises, checked on each by the same functions.

A new detector joins by its line in ``fade_core.monitor.DETECTORS`` and one in
``tests.unit.core.streams.FAILURES``.
"""

import json
import sys
from types import ModuleType
from typing import Any

import pytest

from fade_core import records, resume
from fade_core.diagnosis import coverage, diagnose
from fade_core.findings import SEVERITIES, Finding
from fade_core.monitor import DETECTORS, Detector, Monitor
from fade_core.reading import HELD_OUT
from tests.unit.core.streams import FAILURES, advance, alone, failing, findings, healthy

CANONICAL = {*records.FIELDS, *records.EXTRAS, "pass_at_k", "held_out", "any"}
LOGARITHMIC = {
    "entropy_collapse": "entropy",
    "entropy_explosion": "entropy",
    "gradient_instability": "grad_norm",
    "train_infer_mismatch": "train_infer_k3",
}
"""Detectors that do not care for the unit of their signal."""


@pytest.fixture(params=DETECTORS, ids=lambda each: each.id)
def detector(request: pytest.FixtureRequest) -> Detector:
    found: Detector = request.param
    return found


def module(detector: Detector) -> ModuleType:
    return sys.modules[f"fade_core.detectors.{detector.id}"]


def first(found: list[Finding]) -> int:
    return found[0].step


def test_it_has_a_failure_to_be_tested_on(detector: Detector) -> None:
    assert detector.id in FAILURES


def test_its_failure_is_found_after_the_onset_and_not_before(detector: Detector) -> None:
    found = findings(alone(detector.id), failing(detector.id))
    assert found
    if detector.id not in {"no_learning_signal", "value_anomaly"}:
        assert 60 <= first(found) < 140
        assert found[0].onset_step <= first(found)


def test_a_quiet_run_is_quiet(detector: Detector) -> None:
    assert findings(alone(detector.id), (healthy(t) for t in range(2000))) == []


def test_a_constant_stream_is_no_warning(detector: Detector) -> None:
    constant = ({**healthy(0), "step": t} for t in range(3000))
    assert {each.severity for each in findings(alone(detector.id), constant)} <= {"info"}


def test_a_state_resumes_from_json_where_it_stopped(detector: Detector) -> None:
    monitor, stream = alone(detector.id), failing(detector.id)
    half, _ = advance(monitor, monitor.start(), stream[:75])
    stored = json.loads(json.dumps(resume.to_json(monitor, half), allow_nan=False))
    resumed = resume.from_json(monitor, stored)
    assert resumed == half
    assert advance(monitor, resumed, stream[75:]) == advance(monitor, half, stream[75:])


def test_a_stray_nan_delays_it_by_one_step_at_most(detector: Detector) -> None:
    if detector.id == "non_finite":
        return
    stream = failing(detector.id)
    undisturbed = first(findings(alone(detector.id), stream))
    for at in (undisturbed - 1, undisturbed - 5):
        if at >= 0:
            blank = {**dict.fromkeys(stream[at], float("nan")), "step": stream[at]["step"]}
            disturbed = [*stream[:at], blank, *stream[at + 1 :]]
            assert first(findings(alone(detector.id), disturbed)) <= undisturbed + 1


@pytest.mark.parametrize("stray", [float("nan"), float("inf"), float("-inf")])
def test_a_stray_value_in_a_quiet_run_raises_nothing(detector: Detector, stray: float) -> None:
    def record(t: int) -> dict[str, Any]:
        quiet = healthy(t)
        return {**dict.fromkeys(quiet, stray), "step": t} if t == 150 else quiet

    found = findings(alone(detector.id), map(record, range(300)))
    if detector.id == "non_finite":
        assert found[0].step == 150
        assert {each.severity for each in found} == {"warning"}
    else:
        assert found == []


def test_a_missing_signal_says_so(detector: Detector) -> None:
    monitor = Monitor([detector])
    state, found = advance(monitor, monitor.start(), ({"step": t} for t in range(5)))
    (covered,) = coverage(monitor, state)
    assert found == []
    if detector.id != "non_finite":
        assert covered.status == "not_checked"
        assert covered.reason.startswith("not checked: needs ")


def test_it_needs_canonical_signals_only(detector: Detector) -> None:
    for need in detector.needs:
        assert CANONICAL.issuperset((need,) if isinstance(need, str) else need)


def test_each_of_its_needs_is_enough_to_be_checked(detector: Detector) -> None:
    for need in detector.needs:
        names = (need,) if isinstance(need, str) else need
        monitor = Monitor([detector])
        state, _ = monitor.step(monitor.start(), {"step": 0} | dict.fromkeys(names, 0.5))
        assert coverage(monitor, state)[0].status == "checked"


def test_its_docstring_has_rule_limits_source_and_example(detector: Detector) -> None:
    text: str = detector.step.__doc__ or ""
    for part in ("Good at:", "Bad at:", "Source:", ">>> first_alert("):
        assert part in text
    assert module(detector).__doc__


def test_its_findings_say_cause_effect_and_advice(detector: Detector) -> None:
    for each in findings(alone(detector.id), failing(detector.id)):
        assert each.detector == detector.id
        assert each.severity in SEVERITIES
        assert each.evidence
        assert all(isinstance(value, float) for value in each.evidence.values())
        assert each.text.cause
        assert each.text.effect
        assert each.text.advice


def test_it_is_deterministic(detector: Detector) -> None:
    stream = failing(detector.id)
    assert findings(alone(detector.id), stream) == findings(alone(detector.id), stream)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
@pytest.mark.parametrize("name", LOGARITHMIC)
def test_the_unit_of_a_signal_does_not_matter(name: str, scale: float) -> None:
    signal, stream = LOGARITHMIC[name], failing(name)
    scaled = [{**record, signal: record[signal] * scale} for record in stream]
    assert first(findings(alone(name), scaled)) == first(findings(alone(name), stream))


def test_every_held_out_name_counts() -> None:
    for name in HELD_OUT:
        report = diagnose({"step": t, "reward_mean": 0.5, name: 0.5} for t in range(3))
        by_id = {each.detector: each.status for each in report.coverage}
        assert by_id["reward_hacking_suspected"] == "checked"
