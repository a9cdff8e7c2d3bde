"""Advantages that estimate the gradient of pass@k, on tensors.

A group's weights are functions of its successes alone, ``correct`` of ``size``.
"""

from torch import Tensor

from fade_core.torch.advantages.grouping import (
    ONE,
    ByCount,
    Grouping,
    at_least,
    bounded,
    choose_ratio,
    give,
    number,
    read,
    solved,
    whole_k,
)


def passk_success(rewards_PG: Tensor, k: int = 2, *, groups: Tensor | None = None) -> Tensor:
    """Success-only pass@k weight; see ``fade_core.advantages.passk_success``."""
    outcome, group, k = _read(rewards_PG, groups, k)
    return give(outcome.mul_(group.by_count(group.sum(outcome), _lead, k)), rewards_PG)


def pkpo(rewards_PG: Tensor, k: int = 2, *, groups: Tensor | None = None) -> Tensor:
    """PKPO without a baseline; see ``fade_core.advantages.pkpo``."""
    outcome, group, k = _read(rewards_PG, groups, k)
    lost = group.by_count(group.sum(outcome), _lost, k)
    return give(outcome.sub_(ONE).mul_(lost).add_(number(k, outcome.dtype)), rewards_PG)


def pkpo_loo(rewards_PG: Tensor, k: int = 2, *, groups: Tensor | None = None) -> Tensor:
    """PKPO with a leave-one-out mean; see ``fade_core.advantages.pkpo_loo``."""
    outcome, group, k = _read(rewards_PG, groups, k)
    return give(_balanced(outcome, group, _pkpo_loo_scale, k), rewards_PG)


def passk_training(rewards_PG: Tensor, k: int = 2, *, groups: Tensor | None = None) -> Tensor:
    """Standardised over subsets of k; see ``fade_core.advantages.passk_training``."""
    outcome, group, k = _read(rewards_PG, groups, k)
    return give(_balanced(outcome, group, _passk_training_scale, k), rewards_PG)


def unique_best(rewards_PG: Tensor, *, groups: Tensor | None = None) -> Tensor:
    """The best rollout's lead over the second; see ``fade_core.advantages.unique_best``."""
    rewards, group = read(rewards_PG, groups)
    rewards = bounded(rewards)
    # Nobody leads the second but a best that is alone.
    (second,) = group.ranked(rewards, group.size - 2.0)
    return give(rewards.sub_(second).clamp_(min=0.0), rewards_PG)


def _read(rewards_PG: Tensor, groups: Tensor | None, k: float) -> tuple[Tensor, Grouping, int]:
    rewards, group = read(rewards_PG, groups)
    return solved(rewards), group, whole_k(k, group)


def _balanced(outcome: Tensor, group: Grouping, scale: ByCount, k: int) -> Tensor:
    """Centre the outcomes and scale each group: what a method of equal masses comes to."""
    correct = group.sum(outcome)
    factor = group.by_count(correct, scale, k)
    return outcome.sub_(correct.div_(group.divisor)).mul_(factor)


def _lead(correct: Tensor, size: Tensor | float, k: int) -> Tensor:
    return k * choose_ratio(size - correct, size - 1.0, k - 1)


def _lost(correct: Tensor, size: Tensor | float, k: int) -> Tensor:
    return k * _others_failed(correct, size, k)


def _pkpo_loo_scale(correct: Tensor, size: Tensor | float, k: int) -> Tensor:
    others = at_least(size - 1.0, 1.0)
    return choose_ratio(size - correct, others, k - 1) * (size / others)


def _passk_training_scale(correct: Tensor, size: Tensor | float, k: int) -> Tensor:
    failing = choose_ratio(size - correct, size, k)
    variance = failing * (1.0 - failing)
    flat = variance <= 0.0
    scale = _others_failed(correct, size, k) / variance.masked_fill(flat, 1.0).sqrt()
    return scale.masked_fill(flat, 0.0)


def _others_failed(correct: Tensor, size: Tensor | float, k: int) -> Tensor:
    """Return the chance that k - 1 others beside a failure fail too."""
    others = size - 1.0
    return choose_ratio((others - correct).clamp(min=0.0), others, k - 1)
