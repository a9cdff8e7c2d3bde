"""Advantages that reshape the centred reward by a power or ratio of the solve rate, on tensors."""

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu_

from fade_core.advantages.grouping import check_alpha_delta, positive
from fade_core.torch.advantages.grouping import ONE, bounded, give, number, read, solved

_UNIT = {
    torch.float32: torch.full((), 2.0**100, device="cpu"),
    torch.float64: torch.full((), 2.0**1000, dtype=torch.float64, device="cpu"),
}


def maxrl(rewards_PG: Tensor, *, groups: Tensor | None = None) -> Tensor:
    """``A = (r - rbar) / rbar``, 0 where rbar = 0; see ``fade_core.advantages.maxrl``."""
    rewards, group = read(rewards_PG, groups)
    # The weights have no unit: in a small one, a power of two, subnormal rewards keep their digits
    # and no mean but that of zeros is as small as the bound.
    rewards = rewards.clamp(0, 1).mul_(_UNIT[rewards.dtype])
    rbar = group.mean(rewards)
    rewards -= rbar
    return give(rewards.div_(rbar.clamp_(1e-30)), rewards_PG)


def log_mean_exp(rewards_PG: Tensor, beta: float = 2.0, *, groups: Tensor | None = None) -> Tensor:
    """Gradient of the log-mean-exp, centred; see ``fade_core.advantages.log_mean_exp``."""
    positive("beta", beta)
    rewards, group = read(rewards_PG, groups)
    rewards = bounded(rewards)
    rewards -= group.max(rewards)
    factor = number(beta, rewards.dtype)
    shifted = rewards.mul_(factor).expm1_()
    mean = group.mean(shifted)
    shifted -= mean
    return give(shifted.div_(mean.add_(ONE).mul_(factor)), rewards_PG)


def power(rewards_PG: Tensor, alpha: float = 2.0, *, groups: Tensor | None = None) -> Tensor:
    """``A = (1 - rbar)^(alpha - 1) (r - rbar)``; see ``fade_core.advantages.power``."""
    return fade(rewards_PG, alpha=alpha, delta=1.0, groups=groups)


def asym_grpo(rewards_PG: Tensor, delta: float = 0.5, *, groups: Tensor | None = None) -> Tensor:
    """``grpo`` with negative weights over ``delta``; see ``fade_core.advantages.asym_grpo``."""
    return fade(rewards_PG, alpha=1.0, delta=delta, groups=groups)


def asym_grpo_gu(
    rewards_PG: Tensor,
    beta_pos: float = 0.9,
    beta_neg: float = 0.4,
    *,
    groups: Tensor | None = None,
) -> Tensor:
    """Powers of the odds of the solve rate; see ``fade_core.advantages.asym_grpo_gu``."""
    positive("beta_pos", beta_pos, zero=True)
    positive("beta_neg", beta_neg, zero=True)
    rewards, group = read(rewards_PG, groups)
    outcome = solved(rewards)
    correct = group.sum(outcome)
    up = group.by_count(correct, _odds_against, beta_pos)
    down = group.by_count(correct, _odds, beta_neg)
    # One of the two terms is exactly 0.
    return give((outcome * up).add_(outcome.sub_(ONE).mul_(down)), rewards_PG)


def fade(rewards_PG: Tensor, alpha: float, delta: float, *, groups: Tensor | None = None) -> Tensor:
    """FADE's weights; see ``fade_core.advantages.fade``.

    Args:
        rewards_PG: ``[P, G]`` in [0, 1] of any dtype, or ``[N]`` with ``groups``; one outside
            counts as the nearer end.
        alpha: Difficulty focus, finite and >= 1.
        delta: Sign balance, finite and > 0.
        groups: ``[N]`` integers in [0, N): rollouts with equal ones are a group.

    Returns:
        In the rewards' shape, on their device, in their floating dtype (else float32).

    Raises:
        ShapeError: The tensors do not have these shapes, or a row has fewer than two rollouts.
        SettingError: ``alpha`` or ``delta`` is out of its range.
    """
    check_alpha_delta(alpha, delta)
    rewards, group = read(rewards_PG, groups)
    rewards = rewards.clamp(0, 1)
    rbar = group.mean(rewards)
    rewards -= rbar
    if delta != 1.0:
        # For where(x > 0, x, x / delta): one call on the batch where that takes three.
        leaky_relu_(rewards, 1.0 / delta)
    if alpha != 1.0:
        rewards *= (ONE - rbar).pow_(alpha - 1.0)
    return give(rewards, rewards_PG)


def _odds(correct: Tensor, size: Tensor | float, power: float) -> Tensor:
    failures = size - correct
    return (correct / failures.masked_fill(failures <= 0.0, 1.0)) ** power


def _odds_against(correct: Tensor, size: Tensor | float, power: float) -> Tensor:
    return _odds(size - correct, size, power)
