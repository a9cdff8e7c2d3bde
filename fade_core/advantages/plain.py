"""Advantages without a baseline, or with one that only shifts the reward.

Shapes: ``P`` prompts, ``G`` rollouts of each prompt; p is a prompt's solve rate, q = 1 - p.
"""

import numpy as np
from numpy.typing import ArrayLike

from fade_core.advantages.grouping import (
    Weights,
    check_fraction,
    outcomes,
    positive,
    read,
    token_shares,
)
from fade_core.errors import SettingError


def reinforce(rewards_PG: ArrayLike, *, groups: ArrayLike | None = None) -> Weights:
    """Weigh each rollout by its reward, without a baseline.

        A[p, g] = r[p, g]

    Has positive mass only, which is what collapses entropy.

    Source: Williams 1992, "Simple statistical gradient-following algorithms", REINFORCE.

    Args:
        rewards_PG: ``[P, G]`` floats, any units; or ``[N]`` with ``groups``.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape and units.

    Raises:
        ShapeError: The arrays do not have these shapes.
        RewardError: A reward is not finite.
    """
    return read(rewards_PG, groups, min_group=1)[0].copy()


def reinforce_signed(rewards_PG: ArrayLike, *, groups: ArrayLike | None = None) -> Weights:
    """Weigh successes by +1 and failures by -1, without a baseline.

        A[p, g] = 2 r[p, g] - 1

    Like ``reinforce`` on rewards in {-1, +1}: masses p and q, so hard prompts push down.

    Source: Williams 1992; the row "REINFORCE, r in {-1, +1}" of the FADE paper.

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1]; or ``[N]`` with ``groups``.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape, in [-1, 1].

    Raises:
        ShapeError: The arrays do not have these shapes.
        RewardError: A reward is outside [0, 1].
    """
    return 2.0 * read(rewards_PG, groups, min_group=1, unit=True)[0] - 1.0


def psr(rewards_PG: ArrayLike, *, groups: ArrayLike | None = None) -> Weights:
    """Reinforce positive samples only (PSR).

        A[p, g] = 1 where r[p, g] > 1/2, else 0

    ``reinforce`` on outcomes. The released code drops the failures before its masked mean, so
    there the scale does not shrink with the pass rate; here it does (mass p a rollout).

    Source: Zhu et al. 2025, "The Surprising Effectiveness of Negative Reinforcement in LLM
    Reasoning", arXiv:2506.01347, released code ``compute_psr_nsr_outcome_advantage``.

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1], a success above 1/2; or ``[N]`` with ``groups``.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape, 0 or 1.

    Raises:
        ShapeError: The arrays do not have these shapes.
        RewardError: A reward is outside [0, 1].
    """
    return outcomes(read(rewards_PG, groups, min_group=1, unit=True)[0])


def nsr(rewards_PG: ArrayLike, *, groups: ArrayLike | None = None) -> Weights:
    """Reinforce negative samples only (NSR).

        A[p, g] = -1 where r[p, g] <= 1/2, else 0

    The mirror of ``psr``: masses 0 and q, so it pushes hardest where nothing is solved.

    Source: Zhu et al. 2025, arXiv:2506.01347, as ``psr``.

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1], a success above 1/2; or ``[N]`` with ``groups``.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape, -1 or 0.

    Raises:
        ShapeError: The arrays do not have these shapes.
        RewardError: A reward is outside [0, 1].
    """
    return outcomes(read(rewards_PG, groups, min_group=1, unit=True)[0]) - 1.0


def w_reinforce(
    rewards_PG: ArrayLike, lambda_: float = 0.1, *, groups: ArrayLike | None = None
) -> Weights:
    """Weigh successes by ``lambda`` and failures by -1 (W-REINFORCE).

        A[p, g] = lambda where r[p, g] > 1/2, else -1

    Between ``nsr`` (lambda = 0) and ``reinforce_signed`` (lambda = 1): masses lambda p and q.
    In configuration and on the command line the parameter is ``lambda``; in Python, where that
    is a keyword, it is ``lambda_``, and ``advantages(..., **{"lambda": 0.1})`` takes both.

    Source: Zhu et al. 2025, arXiv:2506.01347; 0.1 is the recommended value of its README.

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1], a success above 1/2; or ``[N]`` with ``groups``.
        lambda_: Weight of a success, >= 0.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape, ``lambda`` or -1.

    Raises:
        ShapeError: The arrays do not have these shapes.
        RewardError: A reward is outside [0, 1].
        SettingError: ``lambda`` is not a finite number >= 0.
    """
    positive("lambda", lambda_, zero=True)
    rewards = outcomes(read(rewards_PG, groups, min_group=1, unit=True)[0])
    return np.where(rewards == 1.0, lambda_, -1.0)


def grpo(rewards_PG: ArrayLike, *, groups: ArrayLike | None = None) -> Weights:
    """Subtract from each reward the mean reward of its group (GRPO without division by std).

        A[p, g] = r[p, g] - rbar[p],   rbar[p] = (1 / G) * sum_k r[p, k]

    Equal positive and negative mass, p q (1 - 1/G), largest at solve rate 1/2.

    Source: Liu et al. 2025, "Understanding R1-Zero-Like Training", arXiv:2503.20783
    (the Dr. GRPO advantage).

    Args:
        rewards_PG: ``[P, G]`` floats, any units, ``G >= 2``; or ``[N]`` with ``groups``.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape and units. Each group sums to zero up to rounding.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is not finite.
    """
    rewards, group = read(rewards_PG, groups)
    return rewards - group.mean(rewards)


def rloo(rewards_PG: ArrayLike, *, groups: ArrayLike | None = None) -> Weights:
    """Subtract from each reward the mean reward of the other rollouts of its group.

        A[p, g] = r[p, g] - (sum_{k != g} r[p, k]) / (G - 1) = G / (G - 1) * (r[p, g] - rbar[p])

    ``grpo`` times G / (G - 1), which makes its masses p q exactly, whatever the group size.

    Source: Ahmadian et al. 2024, "Back to Basics", arXiv:2402.14740 (RLOO).

    Args:
        rewards_PG: ``[P, G]`` floats, any units, ``G >= 2``; or ``[N]`` with ``groups``.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape and units. Each group sums to zero up to rounding.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is not finite.
    """
    rewards, group = read(rewards_PG, groups)
    return (rewards - group.mean(rewards)) * (group.size / (group.size - 1.0))


def opo(
    rewards_PG: ArrayLike,
    *,
    lengths: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> Weights:
    """Subtract from each reward the length-weighted mean reward of its group.

        A[p, g] = r[p, g] - sum_k L[p, k] r[p, k] / sum_k L[p, k]

    ``grpo`` when all rollouts are equally long; otherwise the long answers' reward counts more.

    Source: Hao et al. 2025, "On-Policy RL with Optimal Reward Baseline", arXiv:2505.23585 (OPO),
    as in verl's ``compute_opo_outcome_advantage``.

    Args:
        rewards_PG: ``[P, G]`` floats, any units, ``G >= 2``; or ``[N]`` with ``groups``.
        lengths: Generated tokens of each rollout, in the rewards' shape, > 0; None for equal.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape and units.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is not finite.
        SettingError: A length is not a finite number > 0.
    """
    rewards, group = read(rewards_PG, groups)
    tokens = token_shares(lengths, rewards)
    return rewards - group.mean(tokens * rewards) / group.mean(tokens)


def qae(
    rewards_PG: ArrayLike,
    K: float = 0.4,
    interpolate: int = 1,
    *,
    groups: ArrayLike | None = None,
) -> Weights:
    """Subtract from each reward the K-quantile of its group's rewards.

        A[p, g] = r[p, g] - Q_K(r[p, :])

    A gate: with solve rate up to 1 - K only successes count (masses p and 0), above it only
    failures do (0 and q). ``torch.quantile``'s linear interpolation, which the released code
    uses, blurs the gate for at most one group composition; ``interpolate = 0`` takes the
    smallest reward whose cumulative share reaches K instead, which is the exact gate.

    Source: Wu et al. 2025, "Quantile Advantage Estimation", arXiv:2509.22611 (QAE); K = 0.4 as
    in the released scripts.

    Args:
        rewards_PG: ``[P, G]`` floats, any units, ``G >= 2``; or ``[N]`` with ``groups``.
        K: Quantile, in [0, 1].
        interpolate: 1 for linear interpolation between ranks, 0 for the exact gate.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape and units.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is not finite.
        SettingError: ``K`` is outside [0, 1], or ``interpolate`` is neither 0 nor 1.
    """
    check_fraction("K", K)
    if interpolate not in (0, 1):
        raise SettingError(f"interpolate must be 0 (exact gate) or 1 (linear), got {interpolate}")
    rewards, group = read(rewards_PG, groups)
    if interpolate == 0:
        # K G may come out just above a whole number.
        rank = np.clip(np.ceil(K * group.size - 1e-9) - 1.0, 0.0, None)
        return rewards - group.ranked(rewards, rank)
    position = K * (group.size - 1.0)
    low = np.floor(position)
    above = np.minimum(low + 1.0, group.size - 1.0)
    part = position - low
    return rewards - (
        (1.0 - part) * group.ranked(rewards, low) + part * group.ranked(rewards, above)
    )


def gpg(
    rewards_PG: ArrayLike,
    batch_mean: float | None = None,
    *,
    groups: ArrayLike | None = None,
) -> Weights:
    """Centre each reward in its group and divide by the batch's share of rewards that are not 0.

        A[p, g] = (r[p, g] - rbar[p]) / pbar,   pbar = #(r != 0) / N

    ``grpo`` rescaled once a batch, so that a batch with few successes is not a small update.

    Source: Chu et al. 2025, "GPG", arXiv:2504.02546, as in verl's
    ``compute_gpg_outcome_advantage``.

    Args:
        rewards_PG: ``[P, G]`` floats, any units, ``G >= 2``; or ``[N]`` with ``groups``.
        batch_mean: pbar where the rewards are not the whole batch, in [0, 1]; None measures it.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape; 0 where pbar is 0.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is not finite.
        SettingError: ``batch_mean`` is outside [0, 1].
    """
    rewards, group = read(rewards_PG, groups)
    if batch_mean is None:
        batch_mean = float((rewards != 0.0).mean()) if rewards.size else 0.0
    check_fraction("batch_mean", batch_mean)
    centred = rewards - group.mean(rewards)
    return centred / batch_mean if batch_mean else np.zeros_like(centred)
