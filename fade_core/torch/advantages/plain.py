"""Advantages without a baseline, or with one that only shifts the reward, on tensors."""

import math

import torch
from torch import Tensor

from fade_core.advantages.grouping import check_fraction, positive
from fade_core.errors import SettingError
from fade_core.torch.advantages.grouping import (
    ONE,
    at_least,
    bounded,
    give,
    number,
    read,
    solved,
    token_shares,
)


def reinforce(rewards_PG: Tensor, *, groups: Tensor | None = None) -> Tensor:
    """``A = r``; see ``fade_core.advantages.reinforce``."""
    rewards, _ = read(rewards_PG, groups, min_group=1)
    return give(rewards.clone(), rewards_PG)


def reinforce_signed(rewards_PG: Tensor, *, groups: Tensor | None = None) -> Tensor:
    """``A = 2 r - 1``; see ``fade_core.advantages.reinforce_signed``."""
    rewards, _ = read(rewards_PG, groups, min_group=1)
    return give((2.0 * rewards).sub_(ONE), rewards_PG)


def psr(rewards_PG: Tensor, *, groups: Tensor | None = None) -> Tensor:
    """``A = 1`` on successes, else 0; see ``fade_core.advantages.psr``."""
    rewards, _ = read(rewards_PG, groups, min_group=1)
    return give(solved(rewards), rewards_PG)


def nsr(rewards_PG: Tensor, *, groups: Tensor | None = None) -> Tensor:
    """``A = -1`` on failures, else 0; see ``fade_core.advantages.nsr``."""
    rewards, _ = read(rewards_PG, groups, min_group=1)
    return give(solved(rewards).sub_(ONE), rewards_PG)


def w_reinforce(
    rewards_PG: Tensor, lambda_: float = 0.1, *, groups: Tensor | None = None
) -> Tensor:
    """``A = lambda`` on successes, else -1; see ``fade_core.advantages.w_reinforce``."""
    positive("lambda", lambda_, zero=True)
    rewards, _ = read(rewards_PG, groups, min_group=1)
    return give(solved(rewards).mul_(1.0 + lambda_).sub_(ONE), rewards_PG)


def grpo(rewards_PG: Tensor, *, groups: Tensor | None = None) -> Tensor:
    """``A = r - rbar``; see ``fade_core.advantages.grpo``."""
    rewards, group = read(rewards_PG, groups)
    rewards = bounded(rewards)
    rewards -= group.mean(rewards)
    return give(rewards, rewards_PG)


def rloo(rewards_PG: Tensor, *, groups: Tensor | None = None) -> Tensor:
    """``A = G / (G - 1) (r - rbar)``; see ``fade_core.advantages.rloo``."""
    rewards, group = read(rewards_PG, groups)
    rewards = bounded(rewards)
    factor = group.size / at_least(group.size - 1.0, 1.0)
    rewards -= group.mean(rewards)
    return give(rewards.mul_(factor), rewards_PG)


def opo(
    rewards_PG: Tensor, *, lengths: Tensor | None = None, groups: Tensor | None = None
) -> Tensor:
    """``A = r - sum L r / sum L``; see ``fade_core.advantages.opo``."""
    if lengths is None:
        return grpo(rewards_PG, groups=groups)
    rewards, group = read(rewards_PG, groups)
    rewards = bounded(rewards)
    tokens = token_shares(lengths, rewards)
    share = tokens / group.mean(tokens)
    return give(rewards - group.mean(share * rewards), rewards_PG)


def qae(
    rewards_PG: Tensor, K: float = 0.4, interpolate: int = 1, *, groups: Tensor | None = None
) -> Tensor:
    """``A = r - K-quantile of the group``; see ``fade_core.advantages.qae``."""
    check_fraction("K", K)
    if interpolate not in (0, 1):
        raise SettingError(f"interpolate must be 0 (exact gate) or 1 (linear), got {interpolate}")
    rewards, group = read(rewards_PG, groups)
    rewards = bounded(rewards)
    if interpolate == 0:
        (baseline,) = group.ranked(rewards, at_least(_ceil(K * group.size - 1e-5) - 1.0, 0.0))
        return give(rewards.sub_(baseline), rewards_PG)
    position = K * (group.size - 1.0)
    low = position.floor() if isinstance(position, Tensor) else float(math.floor(position))
    # One rank up, unless the position is a rank itself (then also at the top of the group).
    below, above = group.ranked(rewards, low, _ceil(position))
    return give(rewards.sub_(torch.lerp(below, above, position - low)), rewards_PG)


def gpg(
    rewards_PG: Tensor,
    batch_mean: float | Tensor | None = None,
    *,
    groups: Tensor | None = None,
) -> Tensor:
    """``A = (r - rbar) / pbar``; see ``fade_core.advantages.gpg``."""
    rewards, group = read(rewards_PG, groups)
    rewards = bounded(rewards)
    if batch_mean is None:
        # Where it is 0 there is nothing but zeros, which any divisor leaves alone.
        nonzero = rewards.count_nonzero().to(rewards.dtype).clamp_(min=1.0)
        share = nonzero.div_(number(max(rewards.numel(), 1), rewards.dtype))
        rewards -= group.mean(rewards)
        return give(rewards.div_(share), rewards_PG)
    share = torch.as_tensor(batch_mean, dtype=rewards.dtype, device=rewards.device)
    rewards -= group.mean(rewards)
    return give(torch.where(share > 0.0, rewards / share, 0.0), rewards_PG)


def _ceil(value: Tensor | float) -> Tensor | float:
    return value.ceil() if isinstance(value, Tensor) else float(math.ceil(value))
