"""FADE's advantage and scheduler against the reference values.

The reference has 12 significant digits, so 1e-9 relative is the tightest honest tolerance; the
absolute 1e-11 is its last digit for values near 0.1.
"""

from typing import Any

import numpy as np
import pytest
import torch

from fade_core import advantages, scheduler
from fade_core.gradient_mass import batch_mass
from fade_core.passk import pass_at_k
from fade_core.torch import advantages as torch_advantages
from tests.helpers import golden


def close(expected: Any) -> Any:
    return pytest.approx(expected, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize(
    "case", golden()["fade_adv"], ids=lambda c: f"{c['group']}-{c['alpha']}-{c['delta']}"
)
def test_a_group_gets_the_reference_weights_and_masses(case: dict[str, Any]) -> None:
    rewards = [case["r"]]
    weights = advantages.fade(rewards, alpha=case["alpha"], delta=case["delta"])
    mass = batch_mass(rewards, weights)
    assert weights[0].tolist() == close(case["A"])
    assert (mass.success, mass.failure) == close((case["mS"], case["mF"]))


@pytest.mark.parametrize("row", golden()["fade_two_value"], ids=str)
def test_a_binary_group_has_two_weights_and_masses_in_ratio_delta(row: list[float]) -> None:
    solved, size, alpha, delta, on_success, on_failure, mass_success, mass_failure = row
    rewards = [[1.0] * int(solved) + [0.0] * int(size - solved)]
    weights = advantages.fade(rewards, alpha=alpha, delta=delta)
    mass = batch_mass(rewards, weights)
    if 0 < solved < size:
        assert (weights[0, 0], weights[0, -1]) == close((on_success, on_failure))
    else:
        assert not weights.any()
    assert (mass.success, mass.failure) == close((mass_success, mass_failure))


@pytest.mark.parametrize(("p_hat", "alpha"), golden()["alpha"])
def test_alpha_follows_the_solve_rate(p_hat: float, alpha: float) -> None:
    assert scheduler.alpha_for(p_hat, alpha_max=3.0) == close(alpha)


@pytest.mark.parametrize(("h_star", "h_hat", "delta"), golden()["delta"])
def test_delta_follows_the_entropy(h_star: float, h_hat: float, delta: float) -> None:
    assert scheduler.delta_for(h_hat, h_star, delta_min=0.3) == close(delta)


@pytest.mark.parametrize(("sequence", "weight_new"), [("ema_A", 0.02), ("ema_B", 0.98)])
def test_the_averages_follow_the_reference_sequence(sequence: str, weight_new: float) -> None:
    # The accuracies and entropies behind the reference, recovered from its own first column:
    # x_t = (ema_t - (1 - w) ema_(t-1)) / w. They come out as the round numbers below.
    accuracies, entropies = [0.42, 0.55, 0.38, 0.61, 0.47], [1.9, 1.6, 1.2, 0.9, 0.7]
    config = scheduler.SchedulerConfig(ema_weight_new=weight_new, h_initial=2.0)
    records = list(zip(range(5), accuracies, entropies, strict=True))
    for schedule, expected in zip(
        scheduler.replay(records, config)[1:], golden()[sequence], strict=True
    ):
        got = (schedule.p_hat, schedule.h_hat, schedule.alpha, schedule.delta)
        assert got == close(expected)


def test_one_whole_step_gives_the_reference_pair_weights_and_masses() -> None:
    case = golden()["step"]
    config = scheduler.SchedulerConfig(
        p_hat_initial=case["p0"], h_initial=case["H0"], h_star=case["Hstar"]
    )
    accuracy = float(np.mean(case["R"]))
    schedule = scheduler.observe(scheduler.initial(config), 0, accuracy, case["Ht"], config)
    assert (schedule.p_hat, schedule.h_hat) == close((case["p1"], case["H1"]))
    assert (schedule.alpha, schedule.delta) == close((case["alpha"], case["delta"]))
    weights = advantages.fade(case["R"], alpha=schedule.alpha, delta=schedule.delta)
    assert weights.ravel().tolist() == close(np.ravel(case["A"]).tolist())
    mass = batch_mass(case["R"], weights)
    assert (mass.success, mass.failure) == close((case["mS"], case["mF"]))


@pytest.mark.parametrize(
    "case", golden()["fade_adv"], ids=lambda c: f"{c['group']}-{c['alpha']}-{c['delta']}"
)
def test_torch_gives_the_reference_weights(case: dict[str, Any]) -> None:
    rewards = torch.tensor([case["r"]], dtype=torch.float64)
    weights = torch_advantages.fade(rewards, alpha=case["alpha"], delta=case["delta"])
    assert weights[0].tolist() == close(case["A"])


@pytest.mark.parametrize(("n", "c", "k", "expected"), golden()["passk"])
def test_pass_at_k_is_unbiased(n: int, c: int, k: int, expected: float) -> None:
    assert pass_at_k(n, c, k) == close(expected)
