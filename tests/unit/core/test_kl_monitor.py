"""The KL and APA statistics of one step, and the detectors that watch them."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from fade_core.detectors import apa_anomaly, kl_misconfigured, kl_sampling_mismatch
from fade_core.detectors.kl_finding import KLFinding
from fade_core.errors import LogProbError, SettingError, ShapeError
from fade_core.kl import Clamp
from fade_core.kl_audit.audit import audit_config
from fade_core.kl_monitor import KLStatistics, kl_statistics
from fade_core.losses import (
    apa_statistics,
    awr_effective_fraction,
    clustered_mean,
    explained_variance,
)
from fade_core.torch.kl_exact import World

LOGP = np.log([[0.5, 0.4], [0.3, 0.9]])
REF = np.log([[0.25, 0.5], [0.3, 0.1]])
MASK = np.array([[1, 1], [1, 0]])


def test_the_statistics_are_those_done_by_hand() -> None:
    seen = kl_statistics(LOGP, REF, MASK)
    d = np.log([2.0, 0.8, 1.0])
    k3 = np.exp(-d) - 1 + d
    assert seen.k1_per_token == pytest.approx(d.mean())
    assert seen.k3_per_token == pytest.approx(k3.mean())
    assert seen.k1_per_sequence == pytest.approx((d[0] + d[1]) / 2)
    assert seen.k3_per_sequence == pytest.approx((k3[0] + k3[1]) / 2)
    assert seen.k1_per_sequence_stderr == pytest.approx(abs(d[0] + d[1]) / 2)
    assert seen.ratio_excess_per_token == pytest.approx(seen.k3_per_token - seen.k1_per_token)
    assert seen.ratio_excess_z == pytest.approx(
        seen.ratio_excess_per_token / seen.ratio_excess_stderr
    )
    assert seen.k3_median_per_token == pytest.approx(np.median(k3))
    assert seen.k3_top_share == pytest.approx(k3.max() / k3.sum())
    assert (seen.tokens, seen.sequences) == (3, 2)
    assert math.isnan(seen.drift_k3_per_token)
    assert seen.as_extra()["kl_k1_per_token"] == seen.k1_per_token


def test_the_shares_of_clamped_tokens_count_what_feels_no_force() -> None:
    ref = np.log([[0.5 * 0.05, 0.4 * 20.0 / 9.0], [0.3, 0.1]])
    shares = kl_statistics(LOGP, ref, MASK, clamp=Clamp(log_ratio=2.0))
    assert shares.k3_clamped_share == shares.k1_clamped_share == pytest.approx(1 / 3)
    assert kl_statistics(LOGP, ref, MASK).k2_clamped_share == 0.0


def test_drift_is_measured_from_the_policy_that_sampled() -> None:
    seen = kl_statistics(LOGP, REF, MASK, rollout_logp_NT=REF)
    rho = np.array([2.0, 0.8, 1.0])
    assert seen.drift_k1_per_token == pytest.approx(-np.log(rho).mean())
    assert seen.drift_k3_per_token == pytest.approx((rho - 1 - np.log(rho)).mean())
    assert seen.drift_ess == pytest.approx(rho.sum() ** 2 / (3 * (rho**2).sum()))
    assert seen.drift_chi2 == pytest.approx((rho**2).mean() - 1)


def test_a_single_sequence_has_no_standard_error() -> None:
    seen = kl_statistics(LOGP[:1], REF[:1], MASK[:1])
    assert math.isnan(seen.k1_per_token_stderr)
    assert math.isnan(seen.ratio_excess_z)
    assert math.isnan(seen.k1_per_sequence_stderr)


def test_the_standard_error_takes_sequences_as_independent() -> None:
    # Every sequence repeats one draw over its tokens: 4 draws, however many tokens.
    draws = np.array([[0.0], [1.0], [2.0], [3.0]])
    mean, error = clustered_mean(np.repeat(draws, 50, axis=1), np.ones((4, 50), dtype=bool))
    assert (mean, error) == (1.5, pytest.approx(draws.std(ddof=1) / 2))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: kl_statistics(LOGP * np.nan, REF, MASK), LogProbError, "forbidden token"),
        (lambda: kl_statistics(np.exp(LOGP), REF, MASK), LogProbError, "probabilities passed"),
        (lambda: kl_statistics(LOGP, REF[:1], MASK), ShapeError, "same tokens"),
        (lambda: kl_statistics(LOGP, REF, 0 * MASK), ShapeError, "completion mask"),
        (lambda: kl_statistics(LOGP, REF, MASK, REF * np.inf), LogProbError, "rollout_logp"),
        (lambda: clustered_mean(LOGP, np.ones((1, 1), dtype=bool)), ShapeError, "same shape"),
        (lambda: apa_statistics(LOGP, REF, LOGP, MASK, 0.0), SettingError, "lambda"),
        (lambda: awr_effective_fraction(LOGP, MASK, math.nan), SettingError, "lambda"),
        (lambda: explained_variance([1.0], [1.0, 2.0]), ShapeError, "same shape"),
    ],
)
def test_what_cannot_be_right_is_refused_with_advice(
    call: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        call()


def test_masked_garbage_changes_nothing() -> None:
    garbage = LOGP.copy()
    garbage[1, 1] = math.nan
    assert kl_statistics(garbage, garbage, MASK, garbage).k1_per_token == 0.0


def sampled(temperature: float, sequences: int = 4000) -> list[KLStatistics]:
    """Draw real sequences of the enumerated world in four steps, seeded."""
    world, generator = World(0.7), np.random.default_rng(7)
    p = world.probability((world.policy_SV / temperature).log_softmax(-1)).numpy()
    logp, ref = (world.taken(t).numpy() for t in (world.policy_SV, world.reference_SV))
    steps = []
    for _ in range(4):
        rows = generator.choice(len(p), size=sequences, p=p / p.sum())
        steps.append(kl_statistics(logp[rows], ref[rows], np.ones((sequences, 3))))
    return steps


def findings(steps: list[KLStatistics]) -> list[KLFinding]:
    state, found = kl_sampling_mismatch.State(steps_seen=1), []
    for seen in steps:
        state, finding = kl_sampling_mismatch.step(state, seen)
        if finding is not None:
            found.append(finding)
    return found


@pytest.mark.parametrize(
    ("temperature", "looks_like"),
    [(0.7, "sampled colder or truncated"), (1.5, "sampled hotter")],
)
def test_a_wrong_temperature_is_found_from_samples(temperature: float, looks_like: str) -> None:
    found = findings(sampled(temperature))
    assert [finding.severity for finding in found] == ["critical", "critical"]
    assert str(found[0].evidence["looks_like"]).startswith(looks_like)


def test_the_right_sampler_raises_nothing() -> None:
    assert findings(sampled(1.0)) == []


def quiet() -> KLStatistics:
    return dataclasses.replace(sampled(1.0, 200)[0], drift_k3_per_token=0.0)


def test_a_negative_k1_beside_a_positive_k3_is_a_mismatch() -> None:
    odd = dataclasses.replace(
        quiet(), k1_per_token=-0.1, k1_per_token_stderr=0.01, ratio_excess_z=1.0
    )
    assert len(findings([odd] * 3)) == 1


def test_a_kl_before_the_first_update_is_a_wrong_reference() -> None:
    _, finding = kl_sampling_mismatch.step(kl_sampling_mismatch.State(), quiet())
    assert finding is not None
    assert "adapters" in finding.advice
    same = dataclasses.replace(quiet(), k3_per_token=0.0)
    assert kl_sampling_mismatch.step(kl_sampling_mismatch.State(), same)[1] is None


@pytest.mark.parametrize(("drift", "severity"), [(0.005, "info"), (0.05, "warning")])
def test_a_lasting_drift_from_the_sampler_is_graded(drift: float, severity: str) -> None:
    found = findings([dataclasses.replace(quiet(), drift_k3_per_token=drift)] * 3)
    assert [finding.severity for finding in found] == [severity]


@pytest.mark.parametrize(
    ("settings", "trainer", "severity"),
    [
        ({"use_kl_loss": True, "kl_loss_coef": 0.1}, "slime", "critical"),
        ({"kl_tau": 0.1}, "prime-rl", "info"),
        ({}, "ms-swift", "warning"),
        ({}, "areal", None),
        ({}, "verl", None),
        ({"beta": 0.1}, "trl-grpo", None),
    ],
)
def test_a_wrong_configuration_is_a_finding_at_the_start(
    settings: dict[str, Any], trainer: str, severity: str | None
) -> None:
    finding = kl_misconfigured.from_audit(audit_config(settings, trainer))
    assert (finding and finding.severity) == severity
    if finding is not None:
        assert finding.advice


@pytest.mark.parametrize(
    ("changed", "steps", "named"),
    [
        ({"k3_clamped_share": 0.01}, 3, "k3_clamped_share"),
        ({"k3_top_share": 0.9, "tokens": 5000}, 3, "k3_top_share"),
        ({"k3_per_token": 0.0}, 200, "k3_per_token"),
    ],
)
def test_a_penalty_that_does_not_act_is_found_while_it_runs(
    changed: dict[str, Any], steps: int, named: str
) -> None:
    seen, state = dataclasses.replace(quiet(), **changed), kl_misconfigured.State()
    for i in range(steps):
        state, finding = kl_misconfigured.step(state, seen)
        assert (finding is not None) == (i == steps - 1)
    assert finding is not None
    assert named in finding.evidence
    assert kl_misconfigured.step(state, quiet())[1] is None


def test_apa_statistics_are_those_done_by_hand() -> None:
    advantages = np.array([[1.0, -1.0], [0.0, 50.0]])
    seen = apa_statistics(LOGP, REF, advantages, MASK, 0.1)
    d, a = np.log([2.0, 0.8, 1.0]), np.array([1.0, -1.0, 0.0])
    residual = d - a / 0.1
    assert seen.residual_rms == pytest.approx(math.sqrt((residual**2).mean()))
    assert seen.residual_mean == pytest.approx(residual.mean())
    assert seen.slope == pytest.approx(np.polyfit(a, d, 1)[0])
    assert seen.r_squared == pytest.approx(np.corrcoef(a, d)[0, 1] ** 2)
    assert seen.unreachable_share == pytest.approx(2 / 3)
    assert seen.as_extra()["apa_tokens"] == 3.0


def test_apa_of_equal_advantages_has_no_slope() -> None:
    assert math.isnan(apa_statistics(LOGP, REF, np.ones((2, 2)), MASK, 1.0).slope)
    assert apa_statistics(LOGP, LOGP, LOGP, MASK, 1.0).r_squared == 0.0


@pytest.mark.parametrize(("temperature", "share"), [(2.0, 0.78), (1.0, 0.37)])
def test_awr_leaves_the_gaussian_share_of_tokens(temperature: float, share: float) -> None:
    grid = (np.arange(200000) + 0.5) / 200000
    gaussian = np.sqrt(2.0) * _inverse_error_function(2.0 * grid - 1.0)
    got = awr_effective_fraction(gaussian[None], np.ones((1, 200000)), temperature)
    assert got == pytest.approx(math.exp(-1.0 / temperature**2), rel=2e-3)
    assert got == pytest.approx(share, abs=5e-3)


def _inverse_error_function(y: Any) -> Any:
    import torch

    return torch.erfinv(torch.as_tensor(y)).numpy()


def test_a_critic_is_judged_by_what_it_explains() -> None:
    assert explained_variance([0.0, 1.0, 2.0], [0.0, 1.0, 2.0]) == 1.0
    assert explained_variance([0.0, 2.0], [2.0, 0.0]) == pytest.approx(-3.0)
    assert math.isnan(explained_variance([1.0, 1.0], [0.0, 1.0]))


APA = apa_statistics(LOGP, REF, np.array([[1.0, -1.0], [0.0, 0.0]]), MASK, 1.0)


@pytest.mark.parametrize(
    ("changed", "symptom", "severity"),
    [
        ({"slope": -1.0, "r_squared": 0.5}, "negative_slope", "warning"),
        ({"residual_mean": 1.0, "residual_mean_stderr": 0.1}, "positive_mean", "warning"),
        ({"unreachable_share": 0.9}, "unreachable", "info"),
    ],
)
def test_a_fault_of_apa_is_named(changed: dict[str, Any], symptom: str, severity: str) -> None:
    fine = {"residual_mean": -1.0, "unreachable_share": 0.0}
    seen = apa_anomaly.Observation(apa=dataclasses.replace(APA, **{**fine, **changed}))
    state = apa_anomaly.State()
    for _ in range(3):
        state, finding = apa_anomaly.step(state, seen)
    assert finding is not None
    assert (finding.evidence["symptom"], finding.severity) == (symptom, severity)


@pytest.mark.parametrize(
    ("seen", "symptom"),
    [
        (apa_anomaly.Observation(awr_ess=0.1), "few_weights"),
        (apa_anomaly.Observation(explained_variance=-0.5), "blind_critic"),
    ],
)
def test_a_fault_beside_apa_is_named(seen: apa_anomaly.Observation, symptom: str) -> None:
    state = apa_anomaly.State()
    for _ in range(3):
        state, finding = apa_anomaly.step(state, seen)
    assert finding is not None
    assert finding.evidence["symptom"] == symptom


def test_a_residual_that_does_not_fall_is_found_after_fifty_steps() -> None:
    fine = dataclasses.replace(APA, residual_mean=-1.0, unreachable_share=0.0)
    state, found = apa_anomaly.State(), []
    for i in range(60):
        state, finding = apa_anomaly.step(state, apa_anomaly.Observation(apa=fine))
        found += [i] if finding else []
    assert found == list(range(49, 60))
    falling = dataclasses.replace(fine, residual_rms=0.9 * fine.residual_rms)
    assert apa_anomaly.step(state, apa_anomaly.Observation(apa=falling))[1] is None
    missing = dataclasses.replace(fine, residual_rms=math.nan)
    assert apa_anomaly.step(state, apa_anomaly.Observation(apa=missing))[0].lowest_rms < math.inf


def test_the_plateau_is_a_slope_with_an_error() -> None:
    slope, error = apa_anomaly.kl_slope([0.0, 1.0, 0.0, 1.0])
    assert (slope, error) == (pytest.approx(0.2), pytest.approx(math.sqrt(0.8 / 2 / 5.0)))
    assert math.isnan(apa_anomaly.kl_slope([1.0, 2.0])[0])
