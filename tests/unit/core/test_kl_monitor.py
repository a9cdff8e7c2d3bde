"""The KL and APA statistics of one step, and the detectors that watch them."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from fade_core.errors import LogProbError, SettingError, ShapeError
from fade_core.findings import Finding
from fade_core.kl import Clamp
from fade_core.kl_monitor import KLStatistics, kl_statistics
from fade_core.losses import (
    apa_statistics,
    awr_effective_fraction,
    clustered_mean,
    explained_variance,
    kl_slope,
)
from fade_core.records import EXTRAS
from fade_core.torch.kl_exact import World
from tests.unit.core.streams import alone, findings

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


def mismatch(steps: list[KLStatistics]) -> list[Finding]:
    """Run the detector on steps late in a run; each is repeated to fill the median of five."""
    seen = [each for each in steps for _ in range(3)]
    stream = [{"step": 100 + i} | each.as_extra() for i, each in enumerate(seen)]
    return findings(alone("kl_sampling_mismatch"), stream)


@pytest.mark.parametrize(("temperature", "variant"), [(0.7, "colder"), (1.5, "hotter")])
def test_a_wrong_temperature_is_found_from_samples(temperature: float, variant: str) -> None:
    found = mismatch(sampled(temperature))
    assert found[0].step == 102
    assert {(each.severity, each.variant) for each in found} == {("warning", variant)}


def test_a_wrong_temperature_is_critical_once_the_score_is_harmed() -> None:
    odd = sampled(0.7)[0].as_extra()
    stream = [{"step": t, "accuracy": 0.6 if t < 30 else 0.2} | odd for t in range(60)]
    found = findings(alone("kl_sampling_mismatch"), stream)
    assert (found[0].severity, found[-1].severity) == ("warning", "critical")


def test_the_right_sampler_raises_nothing() -> None:
    assert mismatch(sampled(1.0)) == []


def quiet() -> KLStatistics:
    return sampled(1.0, 200)[0]


def test_a_negative_k1_beside_a_positive_k3_is_a_mismatch() -> None:
    odd = dataclasses.replace(
        quiet(), k1_per_token=-0.1, k1_per_token_stderr=0.01, ratio_excess_z=1.0
    )
    assert {each.variant for each in mismatch([odd] * 2)} == {"colder"}


def test_a_kl_before_the_first_update_is_a_wrong_reference() -> None:
    (found,) = findings(alone("kl_sampling_mismatch"), [{"step": 0} | quiet().as_extra()])
    assert (found.severity, found.variant) == ("warning", "reference")
    assert "adapters" in found.text.advice[0]
    same = {"step": 0} | dataclasses.replace(quiet(), k3_per_token=5e-5).as_extra()
    assert findings(alone("kl_sampling_mismatch"), [same]) == []
    # A log that begins in the middle of a run says nothing about its start.
    assert mismatch([quiet()]) == []


@pytest.mark.parametrize(
    ("share", "severities"), [(0.95, set()), (0.8, {"info"}), (0.4, {"warning"})]
)
def test_a_lasting_drift_from_the_sampler_is_graded(share: float, severities: set[str]) -> None:
    found = mismatch([dataclasses.replace(quiet(), drift_ess=share)] * 2)
    assert {each.severity for each in found} == severities
    assert {each.variant for each in found} <= {"drift"}


@pytest.mark.parametrize(
    ("changed", "first", "variant", "severity"),
    [
        ({"k3_clamped_share": 0.01}, 2, "clamped", "warning"),
        ({"k3_top_share": 0.9, "tokens": 5000}, 2, "heavy_tail", "info"),
        ({"k3_top_share": 0.9, "tokens": 500}, None, "", ""),
        ({"k3_per_token": 0.0}, 201, "frozen", "info"),
    ],
)
def test_a_penalty_that_does_not_act_is_found_while_it_runs(
    changed: dict[str, Any], first: int | None, variant: str, severity: str
) -> None:
    seen = dataclasses.replace(quiet(), tokens=5000, k3_top_share=0.1)
    extra = dataclasses.replace(seen, **changed).as_extra()
    found = findings(alone("kl_misconfigured"), ({"step": t} | extra for t in range(210)))
    if first is None:
        assert found == []
        return
    assert (found[0].step, found[0].variant, found[0].severity) == (first, variant, severity)


def test_every_statistic_has_a_documented_name() -> None:
    seen = kl_statistics(LOGP, REF, MASK, rollout_logp_NT=REF)
    assert set(seen.as_extra()) | set(APA.as_extra()) <= set(EXTRAS)
    every = {f"kl_{each.name}" for each in dataclasses.fields(KLStatistics)}
    every |= {f"apa_{each.name}" for each in dataclasses.fields(APA)}
    others = {"apa_kl_slope", "apa_kl_slope_stderr", "awr_ess", "explained_variance"}
    assert set(EXTRAS) == every | others


def test_what_was_not_measured_is_not_logged() -> None:
    alone_seen = kl_statistics(LOGP[:1], REF[:1], MASK[:1]).as_extra()
    assert "kl_drift_ess" not in alone_seen
    assert "kl_k1_per_token_stderr" not in alone_seen
    assert "apa_slope" not in apa_statistics(LOGP, REF, np.ones((2, 2)), MASK, 1.0).as_extra()


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


def anomalies(extra: dict[str, float], steps: int = 60) -> list[Finding]:
    return findings(alone("apa_anomaly"), ({"step": t} | extra for t in range(steps)))


FINE: dict[str, Any] = {
    "residual_mean": -1.0,
    "unreachable_share": 0.0,
    "slope": 0.5,
    "r_squared": 0.5,
}


@pytest.mark.parametrize(
    ("changed", "variant", "severity"),
    [
        ({"slope": -1.0, "r_squared": 0.5}, "negative_slope", "warning"),
        ({"residual_mean": 1.0, "residual_mean_stderr": 0.1}, "positive_mean", "warning"),
        ({"unreachable_share": 0.9}, "unreachable", "info"),
    ],
)
def test_a_fault_of_apa_is_named(changed: dict[str, Any], variant: str, severity: str) -> None:
    seen = dataclasses.replace(APA, **{**FINE, **changed})
    found = anomalies(seen.as_extra(), steps=20)
    assert {(each.step > 1, each.variant, each.severity) for each in found} == {
        (True, variant, severity)
    }


def test_a_slope_that_scatters_around_zero_is_no_fault() -> None:
    rng = np.random.default_rng(3)
    stream = [
        {"step": t, "apa_slope": float(rng.normal(0.0, 0.1)), "apa_r_squared": 0.02}
        for t in range(2000)
    ]
    assert findings(alone("apa_anomaly"), stream) == []


@pytest.mark.parametrize(
    ("extra", "variant", "first"),
    [
        ({"awr_ess": 0.1}, "few_weights", 2),
        ({"awr_ess": 0.9, "explained_variance": -0.5}, "blind_critic", 51),
    ],
)
def test_a_fault_beside_apa_is_named(extra: dict[str, float], variant: str, first: int) -> None:
    found = anomalies(extra)
    assert (found[0].step, found[0].variant, found[0].severity) == (first, variant, "warning")


def test_a_residual_that_does_not_fall_is_found_after_fifty_steps() -> None:
    extra = dataclasses.replace(APA, **FINE).as_extra()
    assert [each.step for each in anomalies(extra)] == list(range(51, 60))
    falling = [
        {"step": t} | extra | {"apa_residual_rms": extra["apa_residual_rms"] * 0.999**t}
        for t in range(120)
    ]
    assert findings(alone("apa_anomaly"), falling) == []


def test_the_plateau_is_a_slope_with_an_error() -> None:
    slope, error = kl_slope([0.0, 1.0, 0.0, 1.0])
    assert (slope, error) == (pytest.approx(0.2), pytest.approx(math.sqrt(0.8 / 2 / 5.0)))
    assert math.isnan(kl_slope([1.0, 2.0])[0])
