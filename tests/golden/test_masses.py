"""Masses, axes and tails against the reference values, and against brute force beside them."""

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fade_core import advantages, weights
from fade_core.diversity import zero_variance_expected, zero_variance_uniform
from fade_core.gradient_mass import (
    GradientMass,
    axes,
    binomial,
    exact_mass,
    limit_mass,
    mass_curve,
)
from tests.helpers import golden

ROWS: dict[str, tuple[str, dict[str, float]]] = {
    "REINFORCE, r in {0,1}, no baseline": ("reinforce", {}),
    "REINFORCE, r in {-1,+1}, no baseline": ("reinforce_signed", {}),
    "PSR": ("psr", {}),
    "NSR": ("nsr", {}),
    "W-REINFORCE lambda=0.1": ("w_reinforce", {"lambda": 0.1}),
    "GRPO mean-only = Dr.GRPO advantage": ("grpo", {}),
    "RLOO": ("rloo", {}),
    "GRPO std (population)": ("grpo_std", {"ddof": 0, "eps": 1e-13}),
    "GRPO std (sample, ddof=1)": ("grpo_std", {"ddof": 1, "eps": 1e-13}),
    "DAPO (std pop., kept groups only)": ("dapo", {"ddof": 0}),
    "pass@4 success-only U-stat": ("passk_success", {"k": 4}),
    "pass@4 PKPO un-baselined": ("pkpo", {"k": 4}),
    "pass@4 PKPO LOO (MaxRL repo, no k)": ("pkpo_loo", {"k": 4}),
    "pass@4 Training (2508.10751)": ("passk_training", {"k": 4}),
    "pass@G unique-best (2503.19595, verl)": ("unique_best", {}),
    "MaxRL": ("maxrl", {}),
    "log-mean-exp beta=2 (centred)": ("log_mean_exp", {"beta": 2}),
    "F-GRPO gamma=1": ("f_grpo", {"gamma": 1}),
    "Power alpha=2 (C=1)": ("power", {"alpha": 2}),
    "Power alpha=3 (C=1)": ("power", {"alpha": 3}),
    "AsymGRPO delta=0.5 (FADE paper)": ("asym_grpo", {"delta": 0.5}),
    "FADE alpha=2 delta=0.5": ("fade", {"alpha": 2, "delta": 0.5}),
    "AsymGRPO of Gu et al. (0.9,0.4)": ("asym_grpo_gu", {"beta_pos": 0.9, "beta_neg": 0.4}),
    "QAE K=0.4 (two-regime rule)": ("qae", {"K": 0.4, "interpolate": 0}),
    "QAE K=0.4 (linear-interp quantile)": ("qae", {"K": 0.4}),
    "REINFORCE++ (mu_B=0.4, sigma_B=sqrt(.24))": (
        "reinforce_pp",
        {"batch_mean": 0.4, "batch_std": math.sqrt(0.24)},
    ),
    "REINFORCE++-baseline (sigma_B=0.35)": ("reinforce_pp_baseline", {"batch_std": 0.35}),
    "A-GRAE (mu_B=0.4, ddof=1)": ("a_grae", {"batch_mean": 0.4}),
}
SHIPPED = [(name, ({"alpha": 2.25, "delta": 0.7} if name == "fade" else {})) for name in
           advantages.METHODS]  # fmt: skip


def close(expected: Any) -> Any:
    return pytest.approx(expected, rel=1e-9, abs=1e-11)


def pair(mass: GradientMass) -> tuple[float, float]:
    return mass.success, mass.failure


def test_every_row_of_the_reference_has_a_method() -> None:
    assert (
        set(ROWS)
        == set(golden()["mass"])
        == set(golden()["tails_by_method"]) | {"DAPO (std pop., kept groups only)"}
    )


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("solve_rate", ["0.05", "0.25", "0.5", "0.9"])
def test_the_masses_are_those_of_the_reference(row: str, solve_rate: str) -> None:
    method, params = ROWS[row]
    reference, p = golden()["mass"][row][solve_rate], float(solve_rate)
    assert pair(exact_mass(method, p, 8, **params)) == close(tuple(reference["G8"]))
    assert pair(exact_mass(method, p, 16, **params)) == close(tuple(reference["G16"]))
    if "Ginf" in reference:
        assert pair(limit_mass(method, p, **params)) == close(tuple(reference["Ginf"]))


def brute_force(method: str, p: float, size: int, **params: float) -> tuple[float, float]:
    """Sum over all 2^G outcomes one by one, in no particular order and with no symmetry."""
    success = failure = 0.0
    for outcome in itertools.product([0.0, 1.0], repeat=size):
        chance = math.prod(p if r else 1.0 - p for r in outcome)
        weight = advantages.advantages([outcome], method, **params)[0]
        success += chance * sum(w for w, r in zip(weight, outcome, strict=True) if r) / size
        failure -= chance * sum(w for w, r in zip(weight, outcome, strict=True) if not r) / size
    return success, failure


STATISTICS: dict[str, Callable[[float], dict[str, float]]] = {
    "reinforce_pp": lambda p: {"batch_mean": p, "batch_std": math.sqrt(p * (1 - p))},
    "reinforce_pp_baseline": lambda p: {"batch_std": math.sqrt(p * (1 - p) * 4 / 5)},
    "gdpo": lambda p: {"batch_std": math.sqrt(1 - p**5 - (1 - p) ** 5)},
    "gpg": lambda p: {"batch_mean": p},
    "a_grae": lambda p: {"batch_mean": p},
}


@pytest.mark.parametrize(("method", "params"), SHIPPED)
@pytest.mark.parametrize("p", [0.13, 0.71])
def test_the_sum_over_counts_is_the_sum_over_all_outcomes(
    method: str, params: dict[str, float], p: float
) -> None:
    statistics = STATISTICS[method](p) if method in STATISTICS else {}
    expected = brute_force(method, p, 5, **params, **statistics)
    if method == "dapo":
        kept = 1 - p**5 - (1 - p) ** 5
        expected = expected[0] / kept, expected[1] / kept
    got = pair(exact_mass(method, p, 5, **params))
    assert got == pytest.approx(expected, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize(("p", "size"), [(0.37, 5), (0.62, 11), (0.08, 24)])
def test_closed_forms_hold_at_other_solve_rates_and_sizes(p: float, size: int) -> None:
    q = 1 - p
    share = [math.comb(size, c) * p**c * q ** (size - c) for c in range(size + 1)]
    closed = {
        "rloo": (p * q, p * q),
        "grpo": (p * q * (1 - 1 / size), p * q * (1 - 1 / size)),
        "maxrl": (q - q**size, q - q**size),
        "unique_best": (p * q ** (size - 1), 0),
    }
    for method, expected in closed.items():
        assert pair(exact_mass(method, p, size)) == pytest.approx(expected, rel=1e-12)
    for k in (1, 3, 5):
        assert exact_mass("passk_success", p, size, k=k).success == pytest.approx(
            k * p * q ** (k - 1), rel=1e-12
        )
        assert pair(exact_mass("pkpo", p, size, k=k)) == pytest.approx(
            (k * p, -k * q * (1 - q ** (k - 1))), rel=1e-12, abs=1e-15
        )
        ratio = (k - 1) / (size - 1)
        expected_loo = p * q ** (k - 1) * (ratio + (1 - ratio) * q)
        assert exact_mass("pkpo_loo", p, size, k=k).success == pytest.approx(
            expected_loo, rel=1e-12
        )
    by_hand = sum(s * (c / size) * (1 - c / size) ** 1.7 for c, s in enumerate(share))
    mass = exact_mass("fade", p, size, alpha=1.7, delta=0.4)
    assert pair(mass) == pytest.approx((by_hand, by_hand / 0.4), rel=1e-12)


@pytest.mark.parametrize(("method", "params"), SHIPPED)
@pytest.mark.parametrize("p", [0.2, 0.65])
def test_large_groups_come_close_to_the_limit(
    method: str, params: dict[str, float], p: float
) -> None:
    large, limit = exact_mass(method, p, 2000, **params), limit_mass(method, p, **params)
    assert pair(large) == pytest.approx(pair(limit), rel=2e-2, abs=1e-3)


@pytest.mark.parametrize("method", sorted(set(advantages.METHODS) - {"fade"}))
def test_a_prompt_that_is_always_or_never_solved_has_finite_masses(method: str) -> None:
    for p in (0.0, 1.0):
        for mass in (exact_mass(method, p, 6), limit_mass(method, p)):
            assert all(map(math.isfinite, pair(mass)))


@pytest.mark.parametrize("row", golden()["power_shape"], ids=lambda row: f"alpha {row[0]}")
def test_power_has_the_reference_shape(row: list[float]) -> None:
    alpha, peak, height, height_ratio, area, area_ratio = row
    found = axes("power", None, alpha=alpha)
    assert found.peak_solve_rate == close(peak)
    top = limit_mass("power", found.peak_solve_rate, alpha=alpha).success
    assert (top, 0.25 / top) == close((height, height_ratio))
    assert (found.scale / 6, 1 / found.scale) == close((area, area_ratio))


def test_alpha_three_is_for_prompts_with_the_reference_ratio_of_signal() -> None:
    # The weight relative to GRPO's is what a matched filter gives a prompt for its signal.
    at_peak, at_half = (
        limit_mass("power", p, alpha=3).success / limit_mass("grpo", p).success for p in (0.25, 0.5)
    )
    assert at_peak / at_half == close(golden()["signal_ratio_alpha3"])


def test_alpha_three_breaks_even_with_grpo_at_the_reference_signal() -> None:
    # Signal q^t over prompts whose solve rates are uniform, noise 1 / (p q) as in one group: the
    # t at which the signal-to-noise ratio of alpha = 3 is that of GRPO, and what signal a prompt
    # at alpha = 3's peak then has relative to one at 1/2.
    node, share = np.polynomial.legendre.leggauss(64)
    p, share = (1 + node) / 2, share / 2
    weight = {a: np.array([limit_mass("power", x, alpha=a).success for x in p]) for a in (1, 3)}

    def lead(t: float) -> float:
        ratio = {
            a: (share * w * (1 - p) ** t).sum() ** 2 / (share * w**2 / (p * (1 - p))).sum()
            for a, w in weight.items()
        }
        return float(ratio[3] / ratio[1] - 1)

    low, high = 0.0, 2.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if lead(middle) < 0 else (low, middle)
    assert [low, (0.75 / 0.5) ** low] == close(golden()["breakeven_alpha3"])


@pytest.mark.parametrize("row", golden()["scale"], ids=lambda row: f"alpha {row[0]}")
def test_the_scale_of_fade_is_that_of_the_reference(row: list[float]) -> None:
    alpha, *scales = row
    for delta, scale in zip((1.0, 0.7, 0.5, 0.3), scales, strict=True):
        found = axes("fade", None, alpha=alpha, delta=delta)
        assert (found.scale, found.sign_ratio) == close((scale, delta))


@pytest.mark.parametrize(("p", "shares"), golden()["zero_std_share"].items())
def test_the_zero_variance_share_is_expected(p: str, shares: list[float]) -> None:
    got = [zero_variance_expected(float(p), size) for size in (4, 8, 16)]
    assert got == close(shares)
    uniform = np.mean([zero_variance_expected(x, 8) for x in (np.arange(20000) + 0.5) / 20000])
    assert zero_variance_uniform(8) == pytest.approx(uniform, rel=1e-6)


def test_the_tail_measures_are_those_of_the_reference() -> None:
    # Recovered from the reference's own measures: the sizes are the one list of ten with this
    # Gini index, maximum, Kish number and Hill index; the signs follow from the kurtosis.
    values = [0.1, -0.1, 0.2, -0.2, 0.3, -0.3, 0.4, -0.4, 5.0, -1.0]
    reference, found = golden()["tail"], weights.tails(values)
    assert found.excess_kurtosis == close(reference["kurt"])
    assert found.max_over_mean == close(reference["max_mean"])
    assert found.gini == close(reference["gini"])
    assert found.kish_fraction * len(values) == close(reference["kish"])
    assert weights.top_share(np.abs(values), 0.1) == close(reference["top10"])
    assert weights.hill_index(values, 3).index == close(reference["hill_k3"])


@pytest.mark.parametrize("row", golden()["tails_by_method"])
def test_the_tails_by_construction_are_what_the_reference_sampled(row: str) -> None:
    # The reference drew 25,000 or so prompts at random, so its last digits are its own: the share
    # of zeros of a 0/1 method, exactly 1/2, is 0.5018 there.
    method, params = ROWS[row]
    zeros, peak, kurtosis, gini, top, kish = golden()["tails_by_method"][row]
    found = weights.tails_by_construction(method, 16, **params)
    near = functools.partial(pytest.approx, rel=0.04, abs=0.004)
    assert (found.zero_share, found.gini) == near((zeros, gini))
    assert (found.max_over_mean, found.top1_share) == near((peak, top))
    assert found.excess_kurtosis == pytest.approx(kurtosis, rel=0.04, abs=0.06)
    assert found.kish_fraction == near(kish)


@pytest.mark.parametrize("row", golden()["neff"], ids=lambda row: f"Beta({row[0]}, {row[1]})")
def test_the_difficulty_ess_is_that_of_the_reference(row: list[float]) -> None:
    # Kish over prompts whose solve rates follow Beta(a, b), each weighed by p q^alpha: the mean
    # over a fine grid in t, p = sin^2 t, with every grid point as often as it is likely.
    a, b, *expected = row
    angle = (np.arange(200_000) + 0.5) / 200_000 * np.pi / 2
    p = np.sin(angle) ** 2
    density = np.sin(angle) ** (2 * a - 1) * np.cos(angle) ** (2 * b - 1)
    for alpha, value in zip((1, 1.5, 2, 3), expected, strict=True):
        mass = p * (1 - p) ** alpha
        kish = (density * mass).sum() ** 2 / ((density * mass**2).sum() * density.sum())
        assert kish == close(value)


@pytest.mark.parametrize("size", [8, 1000, 1001, 2500])
def test_the_binomial_chances_add_up_and_have_the_right_moments(size: int) -> None:
    for p in (0.0, 0.03, 0.5, 1.0):
        chance = binomial(size, p)
        count = np.arange(size + 1)
        assert chance.sum() == pytest.approx(1, rel=1e-11)
        assert (chance * count).sum() == pytest.approx(size * p, rel=1e-10)
        variance = (chance * (count - size * p) ** 2).sum()
        assert variance == pytest.approx(size * p * (1 - p), rel=1e-9, abs=1e-12)


def test_a_curve_goes_through_the_exact_masses() -> None:
    curve = mass_curve("fade", 8, points=5, alpha=2.0, delta=0.5)
    assert curve.solve_rate == [0.0, 0.25, 0.5, 0.75, 1.0]
    for p, success, failure in zip(curve.solve_rate, curve.success, curve.failure, strict=True):
        assert pair(exact_mass("fade", p, 8, alpha=2.0, delta=0.5)) == (success, failure)
    assert mass_curve("grpo", None, points=3).success == [0.0, 0.25, 0.0]
