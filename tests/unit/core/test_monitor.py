"""Edge cases of real logs, and what the monitor promises about errors and repeated steps."""

import json
from typing import Any

import pytest

from fade_core import resume
from fade_core.diagnosis import Ledger, coverage, diagnose, fold
from fade_core.findings import Finding, View
from fade_core.monitor import DETECTORS, Detector, Monitor, first_alert
from fade_core.report import exit_code, report_json
from tests.unit.core.streams import advance, alone, findings, healthy, ramp

NAN, INF = float("nan"), float("inf")


def ids(found: list[Finding]) -> set[str]:
    return {each.detector for each in found}


def test_a_gradient_that_turns_nan_is_reported_on_that_step_and_is_critical_soon() -> None:
    stream = [healthy(t) | ({"grad_norm": NAN} if t >= 300 else {}) for t in range(310)]
    found = findings(Monitor(), stream)
    assert (found[0].detector, found[0].step, found[0].variant) == ("non_finite", 300, "grad_norm")
    assert next(each.step for each in found if each.severity == "critical") == 302


def test_all_signals_turning_nan_is_critical() -> None:
    bad = dict.fromkeys(("loss", "grad_norm", "entropy", "kl_k3"), NAN)
    found = findings(Monitor(), (healthy(t) | (bad if t >= 300 else {}) for t in range(310)))
    assert found[0].step == 300
    assert found[-1].severity == "critical"
    assert ids(found) == {"non_finite"}


def test_one_infinite_kl_in_a_healthy_run_is_one_warning_that_resolves() -> None:
    report = diagnose(healthy(t) | ({"kl_k3": INF} if t == 300 else {}) for t in range(600))
    (incident,) = report.incidents
    assert (incident.worst.detector, incident.worst.severity) == ("non_finite", "warning")
    assert incident.resolved_step == 310


def test_a_kl_blow_up_is_found_as_soon_with_a_nan_just_before_it() -> None:
    def kl(t: int) -> float:
        return 0.01 * ramp(t, 300, 0.05)

    clean = [healthy(t) | {"kl_k3": kl(t)} for t in range(400)]
    dirty = [record | ({"kl_k3": NAN} if record["step"] == 290 else {}) for record in clean]
    undisturbed = first_alert("kl_blowup", clean)
    assert undisturbed is not None
    assert undisturbed[0] < 330
    assert first_alert("kl_blowup", dirty) == undisturbed


def test_a_small_healthy_entropy_is_quiet_and_its_collapse_is_found_within_thirty_steps() -> None:
    def entropy(t: int) -> float:
        quiet = healthy(t)["entropy"] * (0.25 + 0.1 * 0.993**t)
        return float(quiet * max(ramp(t, 300, -0.05), 0.016))

    stream = [{"step": t, "entropy": entropy(t)} for t in range(400)]
    found = first_alert("entropy_collapse", stream)
    assert found is not None
    assert 300 < found[0] <= 330


def test_a_repeated_step_changes_nothing() -> None:
    monitor = Monitor()
    state, _ = advance(monitor, monitor.start(), (healthy(t) for t in range(50)))
    again, found = monitor.step(state, healthy(49))
    assert again is state
    assert found == []


def test_an_evaluation_row_of_the_same_step_is_added_to_it() -> None:
    monitor = Monitor()
    state, _ = monitor.step(monitor.start(), {"step": 5, "entropy": 1.0})
    state, _ = monitor.step(state, {"step": 5, "eval_reward": 0.4})
    assert state.records == 1
    assert state.tracks["held_out"].values == 1


def test_a_non_finite_value_in_a_repeated_step_is_reported() -> None:
    monitor = Monitor()
    state, _ = monitor.step(monitor.start(), {"step": 5, "entropy": 1.0})
    _, found = monitor.step(state, {"step": 5, "loss": NAN})
    assert ids(found) == {"non_finite"}


def test_resumed_missing_and_late_steps_of_a_healthy_run_are_quiet() -> None:
    steps = [*range(101, 180), *range(150, 250), *range(250, 400, 3)]
    late = [healthy(s) if i > 40 else {"step": s, "loss": 0.1} for i, s in enumerate(steps)]
    sparse = [{"step": s, "reward_mean": healthy(s)["reward_mean"]} for s in steps]
    assert findings(Monitor(), late) == []
    assert findings(Monitor(), sparse) == []


def test_a_smaller_last_batch_is_no_finding() -> None:
    last = {"reward_mean": 0.1, "accuracy": 0.1, "entropy": 0.1, "response_length_mean": 2000.0}
    stream = [healthy(t) | (last if t == 99 else {}) for t in range(100)]
    assert findings(Monitor(), stream) == []


def test_a_solved_task_is_told_from_a_collapse() -> None:
    def solved(t: int) -> dict[str, Any]:
        p = min(1.0, 0.2 + 0.05 * t)
        return {
            "step": t, "accuracy": p, "reward_mean": p, "entropy": max(1e-4, 0.3 * 0.7**t),
            "zero_variance_fraction": min(1.0, p * p),
        }  # fmt: skip

    found = findings(Monitor(), map(solved, range(100)))
    assert ids(found) >= {"entropy_collapse", "zero_variance"}
    assert {each.severity for each in found if each.step > 20} <= {"info"}


def raising(_: Any, view: View) -> tuple[Any, Finding | None]:
    if view.step >= 3:
        raise ZeroDivisionError("broken on purpose")
    return None, None


def test_a_detector_that_raises_is_an_error_in_the_report_and_stops_no_other() -> None:
    monitor = Monitor([Detector("broken", ("entropy",), None, raising), *DETECTORS])
    state, found = advance(
        monitor, monitor.start(), (healthy(t) | {"loss": NAN} for t in range(6))
    )  # fmt: skip
    assert state.errors == {"broken": "ZeroDivisionError: broken on purpose (step 5)"}
    assert coverage(monitor, state)[0].status == "error"
    assert "non_finite" in ids(found)


def test_a_state_of_another_layout_starts_afresh() -> None:
    monitor = Monitor()
    assert resume.from_json(monitor, {"version": 0}) == monitor.start()


def test_a_detector_that_is_newer_than_the_state_starts_afresh() -> None:
    old = Monitor(DETECTORS[:3])
    state, _ = advance(old, old.start(), (healthy(t) for t in range(30)))
    new = Monitor(DETECTORS[:4])
    resumed = resume.from_json(new, json.loads(json.dumps(resume.to_json(old, state))))
    assert resumed.states == (*state.states, DETECTORS[3].start)


def test_nothing_is_healthy_by_silence() -> None:
    assert exit_code(diagnose([])) == 2
    assert exit_code(diagnose({"step": t, "loss": 0.1} for t in range(9))) == 2
    report = diagnose({"step": t, "custom": 0.1} for t in range(9))
    assert report.headline == "Nothing found; 1 of 21 detectors could check this run."


def test_exit_codes_follow_the_level_asked_for() -> None:
    quiet = diagnose(healthy(t) for t in range(100))
    warned = diagnose(healthy(t) | ({"loss": INF} if t == 50 else {}) for t in range(100))
    assert exit_code(quiet) == 0
    assert [exit_code(warned, level) for level in ("info", "warning", "critical")] == [1, 1, 0]


def test_the_json_report_has_the_documented_shape() -> None:
    stream = (healthy(t) | {"entropy": ramp(t, 60, -0.08)} for t in range(120))
    report = report_json(diagnose(stream, run="r", log_format="jsonl"))
    json.dumps(report, allow_nan=False)
    assert list(report) == ["run", "format", "steps", "coverage", "findings", "headline"]
    assert (report["run"], report["format"], report["steps"]) == ("r", "jsonl", 120)
    assert len(report["coverage"]) == len(DETECTORS)
    found = report["findings"][0]
    assert list(found) == [
        "detector", "severity", "onset_step", "first_alert_step", "resolved_step", "evidence",
        "advice",
    ]  # fmt: skip
    assert (found["detector"], found["resolved_step"]) == ("entropy_collapse", None)
    assert 50 <= found["onset_step"] <= 62
    schedule = found["advice"]["schedule"]
    assert schedule["mass_success"] == pytest.approx(schedule["delta"] * schedule["mass_failure"])
    assert schedule["delta"] == pytest.approx(0.3)


def test_evidence_that_is_not_finite_is_a_string_in_json() -> None:
    stream = (healthy(t) | {"kl_k3": 0.01 * ramp(t, 60, 1.5)} for t in range(400))
    json.dumps(report_json(diagnose(stream)), allow_nan=False)


def test_an_incident_that_comes_back_is_a_second_one() -> None:
    ledger = Ledger()
    monitor = Monitor(each for each in DETECTORS if each.id == "non_finite")
    state = monitor.start()
    for t in range(60):
        state, found = monitor.step(state, {"step": t, "loss": NAN if t in (10, 40) else 0.1})
        ledger = fold(ledger, t, found)
    assert [each.first_alert_step for each in ledger.closed] == [10, 40]
    assert ledger.open == {}


def test_each_signal_of_the_length_is_enough() -> None:
    longer = ({"step": t, "response_length_mean": 100.0 * ramp(t, 60, 0.05)} for t in range(100))
    shorter = ({"step": t, "response_length_mean": 900.0 * ramp(t, 60, -0.1)} for t in range(100))
    cut = ({"step": t, "truncated_fraction": min(1.0, t / 100)} for t in range(100))
    variants = [
        findings(alone("length_pathology"), each)[-1].variant for each in (longer, shorter, cut)
    ]
    assert variants == ["blow_up", "collapse", "truncation"]


def test_tails_are_seen_without_a_kurtosis() -> None:
    stream = (
        {"step": t, "adv_max": 2.0 * ramp(t, 60, 0.05), "adv_std": 1.0, "adv_min": -2.0}
        for t in range(120)
    )
    assert ids(findings(alone("advantage_tails"), stream)) == {"advantage_tails"}


@pytest.mark.parametrize(("failures", "lost_at"), [(0.05, 69), (0.0, 22)])
def test_a_one_sided_method_is_a_finding_once_it_has_cost_entropy(
    failures: float, lost_at: int
) -> None:
    """Half of it, or a fifth where failures weigh nothing at all."""

    def record(t: int) -> dict[str, Any]:
        return {"step": t, "mass_success": 0.3, "mass_failure": failures, "entropy": 0.99**t}

    found = findings(alone("sign_imbalance"), map(record, range(150)))
    assert found[0].variant == "entropy"
    assert lost_at < found[0].step < lost_at + 15
    assert findings(alone("sign_imbalance"), map(record, range(lost_at))) == []


def test_the_reported_delta_is_what_the_masses_are_measured_against() -> None:
    def record(t: int, delta: float) -> dict[str, Any]:
        return {"step": t, "mass_success": 0.1, "mass_failure": 0.2, "delta": delta}

    assert findings(alone("sign_imbalance"), (record(t, 0.5) for t in range(60))) == []
    off = findings(alone("sign_imbalance"), (record(t, 1.0) for t in range(60)))
    assert off[-1].variant == "rank"


def test_the_mass_away_from_the_prompts_is_a_misfocus() -> None:
    def record(t: int) -> dict[str, Any]:
        masses = [1.0] * 10 if t < 60 else [1.0] + [0.0] * 9
        return {"step": t, "mass_by_difficulty": masses, "difficulty_histogram": [0.1] * 10}

    found = findings(alone("difficulty_misfocus"), map(record, range(90)))
    assert found[-1].variant == "wrong_difficulty"


def test_stale_ratios_alone_are_a_finding() -> None:
    stream = ({"step": t, "ratio_ess": max(0.1, 0.9 - 0.02 * max(0, t - 50))} for t in range(100))
    assert ids(findings(alone("staleness"), stream)) == {"staleness"}


def test_a_rank_share_that_stays_high_late_is_a_finding_and_a_falling_one_is_not() -> None:
    high = ({"step": t, "head_rank1_share": 0.95} for t in range(260))
    falling = ({"step": t, "head_rank1_share": 0.999 - 0.0003 * t} for t in range(260))
    assert findings(alone("rank_collapse"), high)[0].step >= 200
    assert findings(alone("rank_collapse"), falling) == []


def test_a_negative_k1_is_read_by_its_size() -> None:
    stream = ({"step": t, "kl_k1": -0.01 * ramp(t, 60, 0.1)} for t in range(120))
    assert first_alert("kl_blowup", stream) is not None


def test_a_reward_that_never_moves_is_no_signal_even_alone() -> None:
    dead = ({"step": t, "reward_mean": 0.0} for t in range(30))
    solved = ({"step": t, "reward_mean": 1.0} for t in range(30))
    assert first_alert("no_learning_signal", dead) == (8, "critical")
    assert first_alert("no_learning_signal", solved) is None


def test_groups_that_are_never_solved_are_the_other_variant() -> None:
    stream = [
        healthy(t) | {"zero_variance_fraction": min(1.0, 0.2 + 0.01 * max(0, t - 50))}
        for t in range(150)
    ]
    alone_score = [
        {k: r[k] for k in ("step", "zero_variance_fraction", "accuracy")} for r in stream
    ]
    hard = [r | {"accuracy": 0.1} for r in alone_score]
    none = [r | {"none_solved_fraction": 0.9} for r in stream]
    monitor = alone("zero_variance")
    variants = [findings(monitor, each)[-1].variant for each in (alone_score, hard, none)]
    assert variants[1:] == ["none_solved", "none_solved"]


def test_values_at_the_ends_of_the_floats_break_nothing() -> None:
    sizes = (1.7e308, -1.7e308, 5e-324, 0.0, 1.0)
    names = [name for name in healthy(0) if name not in {"step", "pass_at_k"}]
    for size in sizes:
        stream = (
            healthy(t) | ({} if t % 2 else dict.fromkeys(names, size) | {"pass_at_k": {"all": 1.0}})
            for t in range(60)
        )
        monitor = Monitor()
        state, _ = advance(monitor, monitor.start(), stream)
        assert state.errors == {}
        json.dumps(resume.to_json(monitor, state), allow_nan=False)


def test_a_detector_that_never_fires_has_no_first_alert() -> None:
    assert first_alert("kl_blowup", (healthy(t) for t in range(50))) is None


def test_a_truncation_alarm_outlives_records_without_its_signal() -> None:
    cut = [{"step": t, "truncated_fraction": min(1.0, t / 50)} for t in range(60)]
    found = findings(alone("length_pathology"), [*cut, {"step": 60, "loss": 0.1}])
    assert found[-1].step == 60


def test_the_shape_of_weights_that_are_all_alike_is_undefined_and_no_fault() -> None:
    undefined = dict.fromkeys(("adv_kurtosis", "adv_top1_share", "adv_gini", "prompt_ess"), NAN)
    records = [{"step": t, "loss": 0.1, "adv_mean": 0.0, **undefined} for t in range(9)]
    assert first_alert("non_finite", records) is None
