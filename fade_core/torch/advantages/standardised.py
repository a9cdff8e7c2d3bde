"""Advantages divided by a standard deviation, of the group or of the batch, on tensors.

``batch_mean`` and ``batch_std`` may be numbers or tensors of one element, such as statistics
that were reduced over the ranks.
"""

import math

import torch
from torch import Tensor
from torch.linalg import vector_norm

from fade_core.advantages.grouping import check_ddof, positive
from fade_core.torch.advantages.grouping import (
    HALF,
    ONE,
    TINY,
    Grouping,
    bounded,
    give,
    number,
    read,
    token_shares,
)


def grpo_std(
    rewards_PG: Tensor, ddof: int = 1, eps: float = 1e-6, *, groups: Tensor | None = None
) -> Tensor:
    """``A = (r - rbar) / (std + eps)``; see ``fade_core.advantages.grpo_std``."""
    check_ddof(ddof)
    positive("eps", eps)
    rewards, group = read(rewards_PG, groups)
    return give(_standardise(bounded(rewards), group, ddof, eps), rewards_PG)


def dapo(rewards_PG: Tensor, ddof: int = 1, *, groups: Tensor | None = None) -> Tensor:
    """``A = (r - rbar) / std``, 0 without spread; see ``fade_core.advantages.dapo``."""
    check_ddof(ddof)
    rewards, group = read(rewards_PG, groups)
    return give(_standardise(bounded(rewards), group, ddof), rewards_PG)


def f_grpo(rewards_PG: Tensor, gamma: float = 1.0, *, groups: Tensor | None = None) -> Tensor:
    """``A = (1 - rbar)^gamma (r - rbar) / std``; see ``fade_core.advantages.f_grpo``."""
    positive("gamma", gamma, zero=True)
    rewards, group = read(rewards_PG, groups)
    rewards = rewards.clamp(0, 1)
    failing = group.mean(ONE - rewards)
    return give(_standardise(rewards, group, 0).mul_(failing.pow_(gamma)), rewards_PG)


def reinforce_pp(
    rewards_PG: Tensor,
    batch_mean: float | Tensor | None = None,
    batch_std: float | Tensor | None = None,
    *,
    lengths: Tensor | None = None,
    groups: Tensor | None = None,
) -> Tensor:
    """``A = (r - mu) / sigma`` over the batch; see ``fade_core.advantages.reinforce_pp``."""
    rewards, _ = read(rewards_PG, groups, min_group=1)
    return give(_whiten(bounded(rewards), lengths, batch_mean, batch_std), rewards_PG)


def reinforce_pp_baseline(
    rewards_PG: Tensor,
    batch_std: float | Tensor | None = None,
    *,
    lengths: Tensor | None = None,
    groups: Tensor | None = None,
) -> Tensor:
    """``A = (r - rbar) / sigma``; see ``fade_core.advantages.reinforce_pp_baseline``."""
    rewards, group = read(rewards_PG, groups)
    rewards = bounded(rewards)
    rewards -= group.anchor(rewards)
    rewards -= group.mean(rewards)
    batch_mean = None if batch_std is None else 0.0
    return give(_whiten(rewards, lengths, batch_mean, batch_std), rewards_PG)


def gdpo(
    rewards_PG: Tensor,
    batch_std: float | Tensor | None = None,
    *,
    groups: Tensor | None = None,
) -> Tensor:
    """``A = s / std(s)``, s the group-standardised reward; see ``fade_core.advantages.gdpo``."""
    rewards, group = read(rewards_PG, groups)
    standard = _standardise(bounded(rewards), group, 0)
    if batch_std is not None:
        return give(_divide(standard, _scalar(batch_std, standard)), rewards_PG)
    # Their mean is 0. Where nothing has spread they all are, which any divisor leaves alone.
    spread = _root_mean_square(standard, None).clamp_(min=1e-30)
    return give(standard.div_(spread), rewards_PG)


def a_grae(
    rewards_PG: Tensor,
    batch_mean: float | Tensor | None = None,
    ceiling: float = 1.0,
    *,
    groups: Tensor | None = None,
) -> Tensor:
    """Reweigh by difficulty and the batch's accuracy; see ``fade_core.advantages.a_grae``."""
    positive("ceiling", ceiling)
    rewards, group = read(rewards_PG, groups)
    rewards = rewards.clamp(0, 1)
    tiny = TINY[rewards.dtype]
    solved, failing = group.mean(rewards), group.mean(ONE - rewards)
    mu = _scalar(group.over_groups(solved) if batch_mean is None else batch_mean, rewards)
    # 1 - mu and 1 - sqrt(rbar) from the mean of 1 - r, which does not cancel near 1.
    rest = group.over_groups(failing) if batch_mean is None else ONE - mu
    root = solved.clamp_(min=tiny).sqrt_()
    easy = (root + ONE).mul_(rest).div_(failing.clamp_(min=tiny))
    weights = _standardise(rewards, group, 1).mul_((mu / root).add_(easy).mul_(HALF))
    # The factor is at most 1, so the smaller of the two is the scaled one where it is positive.
    scaled = weights * (mu / ceiling).clamp_(max=1.0)
    return give(torch.minimum(weights, scaled, out=scaled), rewards_PG)


def _standardise(rewards: Tensor, group: Grouping, ddof: int, eps: float = 0.0) -> Tensor:
    """Overwrite bounded rewards with their standardised ones."""
    # From one of the group's rewards, and in units of their distance from it: nearly equal
    # rewards keep their digits, and tiny or huge ones neither underflow nor overflow when
    # squared. A group without spread is 0 throughout, which any divisor leaves alone.
    tiny = TINY[rewards.dtype]
    rewards -= group.anchor(rewards)
    unit = group.sum(rewards.abs()).clamp_(min=tiny)
    rewards /= unit
    rewards -= group.mean(rewards)
    deviation = group.deviation(rewards, ddof)
    if not eps:
        return rewards.div_(deviation.clamp_(min=tiny))
    return rewards.div_(deviation.add_(number(eps, unit.dtype) / unit))


def _whiten(
    values: Tensor,
    lengths: Tensor | None,
    batch_mean: float | Tensor | None,
    batch_std: float | Tensor | None,
) -> Tensor:
    """Overwrite bounded values with their standardised ones."""
    if values.numel() == 0:
        return values
    tokens = None if lengths is None else token_shares(lengths, values)
    away = None if batch_mean is None else values - batch_mean
    values -= values.reshape(-1)[:1].clone()
    values -= values.mean() if tokens is None else (tokens * values).sum()
    if batch_std is not None:
        return _divide(values if away is None else away, _scalar(batch_std, values))
    # The largest distance as unit, for the same reasons.
    tiny = TINY[values.dtype]
    unit = values.abs().amax().clamp_(min=tiny)
    values /= unit
    deviation = _root_mean_square(values, tokens)
    if away is None:
        return values.div_(deviation.clamp_(min=tiny))
    return _divide(away, deviation.mul_(unit))


def _root_mean_square(values: Tensor, tokens: Tensor | None) -> Tensor:
    if tokens is None:
        norm: Tensor = vector_norm(values)
        return norm.div_(number(math.sqrt(max(values.numel(), 1)), values.dtype))
    return (tokens * values**2).sum().sqrt_()


def _divide(values: Tensor, std: Tensor) -> Tensor:
    return torch.where(std > 0.0, values / std, 0.0)


def _scalar(value: float | Tensor, like: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=like.dtype, device=like.device)
