"""Estimators, placements and what they refuse."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from fade_core.errors import LogProbError, SettingError, ShapeError
from fade_core.kl import NO_CLAMP, Clamp, dead_zone, estimate, full_kl, slope
from fade_core.kl_checks import check_coefficient
from fade_core.kl_configurations import BY_PENALTY, CONFIGURATIONS
from fade_core.kl_placement import credit, importance_weights
from fade_core.kl_table import TARGETS, Configuration, Part, Penalty, combined, judge, spelled
from fade_core.torch import kl as torch_kl
from fade_core.torch.kl import Batch, configuration_loss, penalty_loss, token_penalty
from fade_core.torch.kl_exact import World, expected_gradient, loss_of
from fade_core.torch.kl_report import user_loss

D = [-2.0, -0.5, 0.0, 0.5, 2.0]


def batch(**changed: Any) -> Batch:
    fields: dict[str, Any] = {
        "logp_NT": torch.tensor([[-1.0, -2.0], [-0.5, -3.0]], dtype=torch.float64),
        "ref_logp_NT": torch.tensor([[-1.5, -1.0], [-0.7, -2.0]], dtype=torch.float64),
        "mask_NT": torch.tensor([[1, 1], [1, 0]]),
    }
    return Batch(**{**fields, **changed})


@pytest.mark.parametrize("name", ["k1", "k2", "k3", "abs"])
@pytest.mark.parametrize("clamp", [NO_CLAMP, Clamp(estimate=1.0), Clamp(log_ratio=1.0)])
def test_tensors_and_arrays_agree_in_value_and_slope(name: Any, clamp: Clamp) -> None:
    d = torch.tensor(D, dtype=torch.float64, requires_grad=True)
    value = torch_kl.estimate(d, name, clamp)
    (by_d,) = torch.autograd.grad(value.sum(), d)
    assert value.tolist() == pytest.approx(estimate(D, name, clamp).tolist())
    away_from_zero = [i for i, x in enumerate(D) if name != "abs" or x]
    got = [by_d[i].item() for i in away_from_zero]
    assert got == pytest.approx([slope(D, name, clamp)[i] for i in away_from_zero])


def test_a_clamp_limits_the_log_ratio_too() -> None:
    assert dead_zone("k1", Clamp(log_ratio=20.0, estimate=30.0)) == (-20.0, 20.0)
    assert dead_zone("k3", NO_CLAMP) == (-math.inf, math.inf)
    assert dead_zone("abs", Clamp(log_ratio=2.0)) == (-2.0, 2.0)


def test_a_whole_distribution_needs_no_sample() -> None:
    pi, ref = np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]])
    reverse = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    forward = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    assert full_kl(pi, ref)[0] == pytest.approx(reverse)
    assert full_kl(pi, ref, forward=True)[0] == pytest.approx(forward)


def test_a_forbidden_token_adds_nothing_to_a_whole_distribution() -> None:
    pi = np.array([0.0, -np.inf])
    assert float(full_kl(pi, np.log([0.5, 0.5]))) == pytest.approx(math.log(2))
    assert float(full_kl(np.log([0.5, 0.5]), pi)) == math.inf


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("sum", [[3.0, 3.0], [4.0, 4.0]]),
        ("togo", [[3.0, 2.0], [4.0, 0.0]]),
        ("now", [[1.0, 2.0], [4.0, 0.0]]),
    ],
)
def test_a_penalty_is_charged_to_tokens(mode: Any, expected: list[list[float]]) -> None:
    assert credit([[1.0, 2.0], [4.0, 9.0]], [[1, 1], [1, 0]], mode).tolist() == expected


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("token", [[2.0, 3.0], [2.0, 1.0]]),
        ("prefix", [[2.0, 6.0], [2.0, 2.0]]),
        ("sequence", [[6.0, 6.0], [2.0, 2.0]]),
        ("geometric", [[6**0.5, 6**0.5], [2.0, 2.0]]),
    ],
)
def test_weights_correct_for_who_sampled(level: Any, expected: list[list[float]]) -> None:
    log_rho = np.log([[2.0, 3.0], [2.0, 7.0]])
    got = importance_weights(log_rho, [[1, 1], [1, 0]], level)
    assert got == pytest.approx(np.array(expected))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: estimate(D, "k9"), SettingError, "estimator must be one of"),  # type: ignore[arg-type]
        (lambda: torch_kl.estimate(torch.zeros(1), "k9"), SettingError, "k1, k2, k3 or abs"),
        (lambda: Clamp(estimate=0.0), SettingError, "must be > 0"),
        (lambda: Clamp(log_ratio=-1.0), SettingError, "must be > 0"),
        (lambda: full_kl([0.0], [0.0, 0.0]), ShapeError, "score the same tokens"),
        (lambda: credit([[1.0]], [[1]], "all"), SettingError, "credit must be"),  # type: ignore[arg-type]
        (lambda: credit([[1.0]], [[0]], "sum"), ShapeError, "no response token"),
        (lambda: credit([[1.0]], [1], "sum"), ShapeError, r"\[N, T\]"),
        (lambda: importance_weights([[0.0]], [[1]], "word"), SettingError, "level must be"),  # type: ignore[arg-type]
        (lambda: check_coefficient("beta", -0.1), SettingError, "rewards leaving the reference"),
        (lambda: check_coefficient("beta", math.nan), SettingError, "finite"),
        (lambda: World(vocabulary=1), SettingError, "vocabulary must be"),
        (lambda: World(length=9), SettingError, "at most"),
        (lambda: loss_of("k9"), SettingError, "no configuration"),
        (lambda: user_loss(lambda *_: torch.zeros(1), "air"), SettingError, "placement"),
        (lambda: batch(mask_NT=torch.zeros(2, 2)).checked(), ShapeError, "completion mask"),
        (lambda: batch(mask_NT=torch.ones(2)).checked(), ShapeError, r"\[N, T\]"),
        (lambda: batch(ref_logp_NT=torch.zeros(2, 3)).checked(), ShapeError, "same shape"),
        (lambda: batch(logp_NT=torch.full((2, 2), math.nan)).checked(), LogProbError, "half prec"),
        (lambda: batch(logp_NT=torch.full((2, 2), 0.5)).checked(), LogProbError, "no log-prob"),
        (lambda: penalty_loss(Penalty("full", "loss"), batch()), ShapeError, "log_probs_NTV"),
        (lambda: penalty_loss(Penalty("k3", "loss", weight="x"), batch()), SettingError, "weight"),  # type: ignore[arg-type]
        (lambda: penalty_loss(Penalty("k3", "reward", "x"), batch()), SettingError, "credit"),  # type: ignore[arg-type]
        (lambda: token_penalty(Penalty("k2", "loss", summed=True), batch()), SettingError, "summ"),
        (
            lambda: configuration_loss(
                Configuration("", ((-1.0, Penalty("k1", "loss")),), (), (), ""), batch()
            ),
            SettingError,
            "coefficient",
        ),
    ],
)
def test_what_cannot_be_right_is_refused_with_advice(
    call: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        call()


def test_masked_positions_may_hold_anything() -> None:
    logp = torch.tensor([[-1.0, -2.0], [-0.5, math.nan]])
    checked = batch(logp_NT=logp, rollout_logp_NT=logp).checked()
    assert checked.logp_NT[1, 1] == 0.0
    assert bool(torch.isfinite(penalty_loss(Penalty("k3", "loss"), checked)).all())


def test_without_a_rollout_policy_the_ratio_is_one_with_a_gradient() -> None:
    logp = torch.tensor([[-1.0, -2.0]], dtype=torch.float64, requires_grad=True)
    ref = torch.tensor([[-1.5, -1.0]], dtype=torch.float64)
    one = Batch(logp, ref, torch.ones(1, 2))
    (gradient,) = torch.autograd.grad(
        penalty_loss(Penalty("k3", "loss", weight="token"), one).sum(), logp
    )
    assert gradient[0].tolist() == pytest.approx([0.5, -1.0])  # rho d, as K2 gives


def test_a_loss_must_be_one_number_a_sequence_or_a_token() -> None:
    world = World(length=2, vocabulary=2)
    whole, _ = expected_gradient(world, lambda b: (b.logp_NT - b.ref_logp_NT) ** 2 / 2)
    summed, _ = expected_gradient(world, loss_of("k2-in-loss"))
    assert torch.allclose(whole, summed)
    with pytest.raises(ShapeError, match="do not average"):
        expected_gradient(world, lambda b: b.logp_NT.mean())


def test_a_user_penalty_may_go_without_a_rollout_policy() -> None:
    loss = user_loss(lambda *given: (given[2] - given[1]) * given[3], "reward")
    assert loss(batch()).shape == (2,)


def test_the_data_is_whole() -> None:
    named = {
        part.target
        for item in CONFIGURATIONS.values()
        for mix in (item.on_policy, item.off_policy)
        for part in mix or ()
    }
    assert named <= set(TARGETS)
    assert all(item.reason and item.label for item in CONFIGURATIONS.values())
    assert len(set(BY_PENALTY.values())) == len(BY_PENALTY)


def test_a_sum_of_gradients_is_judged_by_what_is_left() -> None:
    assert combined([(1.0, None)]) is None
    assert judge(None).value == "biased"
    assert judge((Part("RKL_seq"), Part("RKL_tok"))).value == "token-correct"
    assert judge((Part("RKL_seq", 0.0, 1.0),)).value == "biased"
    assert spelled(None) == "no named gradient"
    assert spelled(()) == "0"
    assert spelled((Part("KL(rollout||pi)", -1.0),)) == "-KL(rollout||pi)"
    assert spelled((Part("RKL_seq", 0.5), Part("FKL_tok", -2.0))) == "0.5 RKL_seq - 2 FKL_tok"


@pytest.mark.parametrize("m", [0.1, 1.0, 2.0, 3.0])
def test_the_noise_of_each_estimator_on_gaussians_is_the_closed_form(m: float) -> None:
    # q = N(0, 1) draws, p = N(m, 1) is the reference: d = m^2/2 - m x, KL = m^2/2. k1 has
    # deviation m; k3's second moment follows from E[exp(t x)] = exp(t^2/2).
    x = np.linspace(-30.0, 30.0, 60001)
    q = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi) * (x[1] - x[0])
    d, kl = 0.5 * m * m - m * x, 0.5 * m * m
    k1, k2, k3 = (estimate(d, name) for name in ("k1", "k2", "k3"))
    assert q @ k1 == pytest.approx(kl)
    assert q @ k3 == pytest.approx(kl)
    assert q @ k2 == pytest.approx(kl * (1.0 + kl / 2.0))
    assert q @ (k1 - kl) ** 2 == pytest.approx(m * m)
    assert q @ (k3 - kl) ** 2 == pytest.approx(math.expm1(m * m) - m * m)
