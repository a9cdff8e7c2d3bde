"""Advantages divided by a standard deviation, of the group or of the batch, on tensors.

``batch_mean`` and ``batch_std`` may be numbers or tensors of one element, such as statistics
that were reduced over the ranks.
"""

import torch
from torch import Tensor

from fade_core.advantages.grouping import check_ddof, positive
from fade_core.torch.advantages.grouping import (
    Grouping,
    at_least,
    bounded,
    give,
    read,
    token_shares,
)


def grpo_std(
    rewards_PG: Tensor, ddof: int = 1, eps: float = 1e-6, *, groups: Tensor | None = None
) -> Tensor:
    """``A = (r - rbar) / (std + eps)``; see ``fade_core.advantages.grpo_std``."""
    check_ddof(ddof)
    positive("eps", eps)
    return give(_standardise(*read(rewards_PG, groups), ddof, eps), rewards_PG)


def dapo(rewards_PG: Tensor, ddof: int = 1, *, groups: Tensor | None = None) -> Tensor:
    """``A = (r - rbar) / std``, 0 without spread; see ``fade_core.advantages.dapo``."""
    check_ddof(ddof)
    return give(_standardise(*read(rewards_PG, groups), ddof, 0.0), rewards_PG)


def f_grpo(rewards_PG: Tensor, gamma: float = 1.0, *, groups: Tensor | None = None) -> Tensor:
    """``A = (1 - rbar)^gamma (r - rbar) / std``; see ``fade_core.advantages.f_grpo``."""
    positive("gamma", gamma, zero=True)
    rewards, group = read(rewards_PG, groups)
    failing = group.mean(1.0 - rewards.clamp(0.0, 1.0))
    return give(failing**gamma * _standardise(rewards, group, 0, 0.0), rewards_PG)


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
    rewards = bounded(rewards)
    tokens = token_shares(lengths, rewards)
    return give(_whiten(rewards, tokens, batch_mean, batch_std), rewards_PG)


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
    tokens = token_shares(lengths, rewards)
    below = rewards - group.max(rewards)
    batch_mean = None if batch_std is None else 0.0
    return give(_whiten(below - group.mean(below), tokens, batch_mean, batch_std), rewards_PG)


def gdpo(
    rewards_PG: Tensor,
    batch_std: float | Tensor | None = None,
    *,
    groups: Tensor | None = None,
) -> Tensor:
    """``A = s / std(s)``, s the group-standardised reward; see ``fade_core.advantages.gdpo``."""
    standard = _standardise(*read(rewards_PG, groups), 0, 0.0)
    tokens = token_shares(None, standard)
    return give(_whiten(standard, tokens, 0.0, batch_std), rewards_PG)


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
    rewards = rewards.clamp(0.0, 1.0)
    standard = _standardise(rewards, group, 1, 0.0)
    mu = _scalar(group.over_groups(rewards) if batch_mean is None else batch_mean, rewards)
    # 1 - mu and 1 - sqrt(rbar) from the mean of 1 - r, which does not cancel near 1.
    rest = group.over_groups(1.0 - rewards) if batch_mean is None else 1.0 - mu
    root = group.mean(rewards).clamp(min=torch.finfo(rewards.dtype).tiny).sqrt()
    failing = group.mean(1.0 - rewards)
    easy = (1.0 + root) / failing.masked_fill(failing <= 0.0, 1.0)
    weights = standard * (mu * 0.5 / root + rest * 0.5 * easy)
    positive_part = weights * (mu / ceiling).clamp(max=1.0)
    return give(torch.where(weights > 0.0, positive_part, weights), rewards_PG)


def _standardise(rewards: Tensor, group: Grouping, ddof: int, eps: float) -> Tensor:
    # Below the group's best and in units of the spread: nearly equal rewards keep their digits,
    # and tiny or huge ones neither underflow nor overflow when squared.
    rewards = bounded(rewards)
    below = rewards - group.max(rewards)
    spread = group.max(-below)
    flat = spread <= 0.0
    unit = spread.masked_fill(flat, 1.0)
    scaled = below / unit
    centred = scaled - group.mean(scaled)
    variance = group.mean(centred**2) * (group.size / at_least(group.size - ddof, 1.0))
    deviation = variance.sqrt().masked_fill(flat, 1.0)
    # torch divides a number by a tensor through its reciprocal, which is infinite for a subnormal
    # spread: 0 * inf.
    return centred / (deviation + eps / unit if eps else deviation)


def _whiten(
    values: Tensor,
    tokens: Tensor,
    batch_mean: float | Tensor | None,
    batch_std: float | Tensor | None,
) -> Tensor:
    if values.numel() == 0:
        return values.clone()
    below = values - values.amax()
    centred = below - (tokens * below).sum()
    if batch_std is None:
        # The largest distance as unit: neither overflow nor underflow when squared.
        largest = centred.abs().amax() * (below.amin() < 0.0)
        part = centred / largest.masked_fill(largest <= 0.0, 1.0)
        batch_std = largest * (tokens * part**2).sum().sqrt()
    std = _scalar(batch_std, values)
    away = centred if batch_mean is None else values - batch_mean
    return torch.where(std > 0.0, away / std, torch.zeros_like(values))


def _scalar(value: float | Tensor, like: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=like.dtype, device=like.device)
