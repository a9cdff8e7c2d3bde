"""Advantages that estimate the gradient of pass@k.

Shapes: ``P`` prompts, ``G`` rollouts of each prompt; p is a prompt's solve rate, q = 1 - p, and
c the successes of a group, the rollouts with a reward above 1/2. ``C(n, k)`` is the
binomial coefficient.
"""

import numpy as np
from numpy.typing import ArrayLike

from fade_core.advantages.grouping import (
    Grouping,
    Weights,
    choose_ratio,
    group_k,
    outcomes,
    read,
)


def passk_success(rewards_PG: ArrayLike, k: int = 2, *, groups: ArrayLike | None = None) -> Weights:
    """Estimate the pass@k gradient without bias, weighing successes only.

        A[p, g] = k C(G - c, k - 1) / C(G - 1, k - 1) where r[p, g] > 1/2, else 0

    Masses k p q^(k-1) and 0 at every group size: the gradient of 1 - (1 - p)^k, no baseline.
    ``reinforce`` at k = 1.

    Source: the U-statistic of pass@k (Chen et al. 2021, arXiv:2107.03374), differentiated.

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1], a success above 1/2, ``G >= 2``; or ``[N]`` with
            ``groups``.
        k: Samples that count together, in [1, G].
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape, in [0, k].

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is outside [0, 1].
        SettingError: ``k`` is not a whole number in [1, G].
    """
    outcome, group, correct, k = _read(rewards_PG, groups, k)
    return outcome * k * choose_ratio(group.size - correct, group.size - 1.0, k - 1)


def pkpo(rewards_PG: ArrayLike, k: int = 2, *, groups: ArrayLike | None = None) -> Weights:
    """Estimate the pass@k gradient without bias and without a baseline (PKPO).

        A[p, g] = k                                                 where r[p, g] > 1/2
        A[p, g] = k (1 - C(G - 1 - c, k - 1) / C(G - 1, k - 1))     where r[p, g] <= 1/2

    Failures are pushed UP where the group has a success: masses k p and -k q (1 - q^(k-1)).

    Source: Walder and Karkhanis 2025, "Pass@K Policy Optimization", arXiv:2505.15201, times the
    number of rollouts.

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1], a success above 1/2, ``G >= 2``; or ``[N]`` with
            ``groups``.
        k: Samples that count together, in [1, G].
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape, in [0, k].

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is outside [0, 1].
        SettingError: ``k`` is not a whole number in [1, G].
    """
    outcome, group, correct, k = _read(rewards_PG, groups, k)
    others = group.size - 1.0
    failed = choose_ratio(np.clip(others - correct, 0.0, None), others, k - 1)
    return np.where(outcome == 1.0, float(k), k * (1.0 - failed))


def pkpo_loo(rewards_PG: ArrayLike, k: int = 2, *, groups: ArrayLike | None = None) -> Weights:
    """Subtract from the success-only pass@k weight its mean over the other rollouts.

        s[p]    = C(G - c, k - 1) / C(G - 1, k - 1)
        A[p, g] = s[p] (G - c) / (G - 1) where r[p, g] > 1/2, else -s[p] c / (G - 1)

    Has equal masses, p q^k for G much larger than k: ``power`` at alpha = k. ``rloo`` at
    k = 1. There is no factor k, as in the released code.

    Source: Walder and Karkhanis 2025, arXiv:2505.15201, with leave-one-out baseline as in the
    MaxRL repository's ``compute_pkpo_outcome_advantage``.

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1], a success above 1/2, ``G >= 2``; or ``[N]`` with
            ``groups``.
        k: Samples that count together, in [1, G].
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape, in [-1, 1]. Each group sums to zero up to rounding.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is outside [0, 1].
        SettingError: ``k`` is not a whole number in [1, G].
    """
    outcome, group, correct, k = _read(rewards_PG, groups, k)
    others = group.size - 1.0
    share = choose_ratio(group.size - correct, others, k - 1) / others
    return share * np.where(outcome == 1.0, group.size - correct, -correct)


def passk_training(
    rewards_PG: ArrayLike, k: int = 2, *, groups: ArrayLike | None = None
) -> Weights:
    """Standardise over all subsets of k rollouts and give each rollout its subsets' mean.

        rho     = 1 - C(G - c, k) / C(G, k),   sigma = sqrt(rho (1 - rho))
        A[p, g] = (1 - rho) / sigma                                         where r[p, g] > 1/2
        A[p, g] = (1 - rho - C(G - c - 1, k - 1) / C(G - 1, k - 1)) / sigma where r[p, g] <= 1/2

    Equal masses in every group, p q^(k/2) / sqrt(1 - q^k) for large groups; ``grpo_std``
    (population, no eps) at k = 1.

    Source: Chen et al. 2025, "Pass@k Training", arXiv:2508.10751, released ``passk_adv.py``.

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1], a success above 1/2, ``G >= 2``; or ``[N]`` with
            ``groups``.
        k: Samples that count together, in [1, G].
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape; 0 where every subset, or none, has a success.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is outside [0, 1].
        SettingError: ``k`` is not a whole number in [1, G].
    """
    outcome, group, correct, k = _read(rewards_PG, groups, k)
    failing = choose_ratio(group.size - correct, group.size, k)
    others = group.size - 1.0
    failed = choose_ratio(np.clip(others - correct, 0.0, None), others, k - 1)
    variance = failing * (1.0 - failing)
    sigma = np.sqrt(np.where(variance > 0.0, variance, 1.0))
    return np.where(
        variance > 0.0, np.where(outcome == 1.0, failing, failing - failed) / sigma, 0.0
    )


def unique_best(rewards_PG: ArrayLike, *, groups: ArrayLike | None = None) -> Weights:
    """Reward the best rollout of a group by its lead over the second best.

        A[p, g] = r_max[p] - r_second[p] where r[p, g] = r_max[p], else 0

    With 0/1 rewards a lone success gets 1 and everything else 0: masses p q^(G-1) and 0, an
    estimate of the pass@G gradient with the heaviest tails of the family.

    Source: Tang et al. 2025, "Optimizing Language Models for Inference Time Objectives",
    arXiv:2503.19595, as verl's ``grpo_passk`` without its division by the standard deviation.

    Args:
        rewards_PG: ``[P, G]`` floats, any units, ``G >= 2``; or ``[N]`` with ``groups``.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape and units, >= 0.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is not finite.
    """
    rewards, group = read(rewards_PG, groups)
    best = group.max(rewards)
    lead = best - group.ranked(rewards, group.size - 2.0)
    return np.where(rewards == best, lead, 0.0)


def _read(
    rewards_PG: ArrayLike, groups: ArrayLike | None, k: float
) -> tuple[Weights, Grouping, Weights, int]:
    rewards, group = read(rewards_PG, groups, unit=True)
    outcome = outcomes(rewards)
    correct = np.round(group.mean(outcome) * group.size)
    return outcome, group, correct, group_k(k, group)
