"""Advantages that reshape the group-centred reward by a power or a ratio of the solve rate.

Shapes: ``P`` prompts, ``G`` rollouts of each prompt; p is a prompt's solve rate, q = 1 - p.
"""

import numpy as np
from numpy.typing import ArrayLike

from fade_core.advantages.grouping import (
    Weights,
    check_alpha_delta,
    outcomes,
    positive,
    read,
)


def maxrl(rewards_PG: ArrayLike, *, groups: ArrayLike | None = None) -> Weights:
    """Divide the group-centred reward by the group's mean reward (MaxRL).

        A[p, g] = (r[p, g] - rbar[p]) / rbar[p],   0 where rbar[p] = 0

    Equal masses q - q^G: the hardest prompt that is ever solved weighs most. The limit of
    beta times ``log_mean_exp`` for large beta. The released code adds 1e-6 to rbar.

    Source: "Maximum Likelihood Reinforcement Learning", arXiv:2602.02710, released
    ``compute_maxrl_outcome_advantage``.

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1], ``G >= 2``; or ``[N]`` with ``groups``.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape, in [-1, G - 1]. Each group sums to zero up to rounding.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is outside [0, 1].
    """
    rewards, group = read(rewards_PG, groups, unit=True)
    best = group.max(rewards)
    # In units of the group's best, so that tiny rewards keep their digits.
    unit = rewards / np.where(best > 0.0, best, 1.0)
    rbar = group.mean(unit)
    return (unit - rbar) / np.where(best > 0.0, rbar, 1.0)


def log_mean_exp(
    rewards_PG: ArrayLike, beta: float = 2.0, *, groups: ArrayLike | None = None
) -> Weights:
    """Weigh by the gradient of the log-mean-exp of the reward, centred.

        A[p, g] = (e[p, g] - mean(e[p])) / (beta mean(e[p])),   e[p, g] = exp(beta r[p, g])

    For 0/1 rewards q K and -p K with K = (e^beta - 1) / (beta (q + p e^beta)). ``grpo`` as
    beta goes to 0, and beta times this goes to ``maxrl`` as beta grows.

    Source: derived: the gradient of (1 / beta) log E exp(beta r), baseline 1 / beta. That this
    is the FADE paper's row of that name is 60 % sure.

    Args:
        rewards_PG: ``[P, G]`` floats, any units, ``G >= 2``; or ``[N]`` with ``groups``.
        beta: Inverse temperature, > 0, in 1 / reward.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape. Each group sums to zero up to rounding.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is not finite.
        SettingError: ``beta`` is not a finite number > 0.
    """
    positive("beta", beta)
    rewards, group = read(rewards_PG, groups)
    # Less than the group's best: neither overflow at large beta nor cancellation at small.
    shifted = np.expm1(beta * (rewards - group.max(rewards)))
    mean = group.mean(shifted)
    return (shifted - mean) / (beta * (1.0 + mean))


def power(rewards_PG: ArrayLike, alpha: float = 2.0, *, groups: ArrayLike | None = None) -> Weights:
    """Move the weight to hard prompts by a power of the failure rate.

        A[p, g] = (1 - rbar[p])^(alpha - 1) * (r[p, g] - rbar[p])

    ``fade`` with delta = 1; ``grpo`` at alpha = 1; 1/k of the pass@k gradient at alpha = k.

    Source: FADE, arXiv:2607.01490, "Power alpha".

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1], ``G >= 2``; or ``[N]`` with ``groups``.
        alpha: Difficulty focus, >= 1.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape, in [-1, 1]. Each group sums to zero up to rounding.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is outside [0, 1].
        SettingError: ``alpha`` is not a finite number >= 1.
    """
    return fade(rewards_PG, alpha=alpha, delta=1.0, groups=groups)


def asym_grpo(
    rewards_PG: ArrayLike, delta: float = 0.5, *, groups: ArrayLike | None = None
) -> Weights:
    """Divide the negative weights of ``grpo`` by ``delta``.

        A[p, g] = (r[p, g] - rbar[p]) * (1 if r[p, g] >= rbar[p] else 1 / delta)

    ``fade`` with alpha = 1. Not the method of the same name of arXiv:2604.04894, which is
    ``asym_grpo_gu``.

    Source: FADE, arXiv:2607.01490, "AsymGRPO delta".

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1], ``G >= 2``; or ``[N]`` with ``groups``.
        delta: Sign balance m_S / m_F, > 0.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is outside [0, 1].
        SettingError: ``delta`` is not a finite number > 0.
    """
    return fade(rewards_PG, alpha=1.0, delta=delta, groups=groups)


def asym_grpo_gu(
    rewards_PG: ArrayLike,
    beta_pos: float = 0.9,
    beta_neg: float = 0.4,
    *,
    groups: ArrayLike | None = None,
) -> Weights:
    """Weigh successes and failures by separate powers of the odds of the solve rate.

        A[p, g] =  (q[p] / p[p])^beta_pos where r[p, g] > 1/2
        A[p, g] = -(p[p] / q[p])^beta_neg where r[p, g] <= 1/2

    (0.5, 0.5) is ``grpo_std`` (population, no eps) and (0, 0) is ``reinforce_signed``. Not the
    AsymGRPO of the FADE paper, which is ``asym_grpo``.

    Source: Gu et al. 2026, arXiv:2604.04894, sections 2 to 4, with its defaults.

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1], a success above 1/2, ``G >= 2``; or ``[N]`` with
            ``groups``.
        beta_pos: Power for successes, >= 0.
        beta_neg: Power for failures, >= 0.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape; 0 for a solved or unsolved group while the powers are > 0.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is outside [0, 1].
        SettingError: A power is not a finite number >= 0.
    """
    positive("beta_pos", beta_pos, zero=True)
    positive("beta_neg", beta_neg, zero=True)
    rewards, group = read(rewards_PG, groups, unit=True)
    outcome = outcomes(rewards)
    p = group.mean(outcome)
    q = 1.0 - p
    up = (q / np.where(p > 0.0, p, 1.0)) ** beta_pos
    down = (p / np.where(q > 0.0, q, 1.0)) ** beta_neg
    return np.where(outcome == 1.0, up, -down)


def fade(
    rewards_PG: ArrayLike, alpha: float, delta: float, *, groups: ArrayLike | None = None
) -> Weights:
    """Weigh a group by FADE's difficulty focus ``alpha`` and sign balance ``delta``.

        lead[p] = (1 - rbar[p])^(alpha - 1)
        A[p, g] = lead[p] * (r[p, g] - rbar[p])           where r[p, g] >= rbar[p]
        A[p, g] = lead[p] * (r[p, g] - rbar[p]) / delta   where r[p, g] <  rbar[p]

    Positive mass p q^alpha, largest at solve rate 1 / (1 + alpha); negative mass that over
    ``delta``, in every group of 0/1 rewards. No division by the standard deviation.

    Source: FADE, arXiv:2607.01490, section 8.

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1], ``G >= 2``; or ``[N]`` with ``groups``.
        alpha: Difficulty focus, >= 1; the scheduler keeps it in [1, 3].
        delta: Sign balance m_S / m_F, > 0; the scheduler keeps it in [0.3, 1].
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape; 0 for a group whose rewards are all equal.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is outside [0, 1].
        SettingError: ``alpha`` is not a finite number >= 1, or ``delta`` not one > 0.

    >>> fade([[1, 0, 0, 0]], alpha=2.0, delta=0.5).tolist()
    [[0.5625, -0.375, -0.375, -0.375]]
    >>> fade([1, 0, 0, 0, 1, 0], alpha=2.0, delta=0.5, groups=[7, 7, 7, 7, 9, 9]).tolist()
    [0.5625, -0.375, -0.375, -0.375, 0.25, -0.5]
    """
    check_alpha_delta(alpha, delta)
    rewards, group = read(rewards_PG, groups, unit=True)
    rbar = group.mean(rewards)
    # The mean of equal rewards may round to just above 1, whose fractional power is NaN.
    lead = np.clip(1.0 - rbar, 0.0, None) ** (alpha - 1.0)
    centred = rewards - rbar
    return lead * np.where(centred >= 0.0, centred, centred / delta)
