"""Advantages that estimate the gradient of pass@k, on tensors."""

import torch
from torch import Tensor

from fade_core.torch.advantages.grouping import (
    Grouping,
    at_least,
    bounded,
    choose_ratio,
    give,
    read,
    solved,
    whole_k,
)


def passk_success(rewards_PG: Tensor, k: int = 2, *, groups: Tensor | None = None) -> Tensor:
    """Success-only pass@k weight; see ``fade_core.advantages.passk_success``."""
    outcome, group, correct, k = _read(rewards_PG, groups, k)
    ratio = choose_ratio(group.size - correct, group.size - 1.0, k - 1)
    return give(outcome * k * ratio, rewards_PG)


def pkpo(rewards_PG: Tensor, k: int = 2, *, groups: Tensor | None = None) -> Tensor:
    """PKPO without a baseline; see ``fade_core.advantages.pkpo``."""
    outcome, group, correct, k = _read(rewards_PG, groups, k)
    others = group.size - 1.0
    failed = choose_ratio((others - correct).clamp(min=0.0), others, k - 1)
    weights = k * (1.0 - failed * (1.0 - outcome))
    return give(weights, rewards_PG)


def pkpo_loo(rewards_PG: Tensor, k: int = 2, *, groups: Tensor | None = None) -> Tensor:
    """PKPO with a leave-one-out mean; see ``fade_core.advantages.pkpo_loo``."""
    outcome, group, correct, k = _read(rewards_PG, groups, k)
    others = at_least(group.size - 1.0, 1.0)
    share = choose_ratio(group.size - correct, others, k - 1) / others
    return give(share * torch.where(outcome > 0.0, group.size - correct, -correct), rewards_PG)


def passk_training(rewards_PG: Tensor, k: int = 2, *, groups: Tensor | None = None) -> Tensor:
    """Standardised over subsets of k; see ``fade_core.advantages.passk_training``."""
    outcome, group, correct, k = _read(rewards_PG, groups, k)
    failing = choose_ratio(group.size - correct, group.size, k)
    others = group.size - 1.0
    failed = choose_ratio((others - correct).clamp(min=0.0), others, k - 1)
    variance = failing * (1.0 - failing)
    flat = variance <= 0.0
    weights = (failing - failed * (1.0 - outcome)) / variance.masked_fill(flat, 1.0).sqrt()
    return give(weights.masked_fill(flat, 0.0), rewards_PG)


def unique_best(rewards_PG: Tensor, *, groups: Tensor | None = None) -> Tensor:
    """The best rollout's lead over the second; see ``fade_core.advantages.unique_best``."""
    rewards, group = read(rewards_PG, groups)
    rewards = bounded(rewards)
    best = group.max(rewards)
    lead = best - group.ranked(rewards, group.size - 2.0)
    return give(torch.where(rewards == best, lead, torch.zeros_like(rewards)), rewards_PG)


def _read(
    rewards_PG: Tensor, groups: Tensor | None, k: float
) -> tuple[Tensor, Grouping, Tensor, int]:
    rewards, group = read(rewards_PG, groups)
    outcome = solved(rewards)
    correct = (group.mean(outcome) * group.size).round()
    return outcome, group, correct, whole_k(k, group)
