"""Advantages divided by a standard deviation, of the group or of the batch.

Shapes: ``P`` prompts, ``G`` rollouts of each prompt; p is a prompt's solve rate, q = 1 - p.
A group, or a batch, whose rewards are all equal has no spread and gets weight 0 throughout.

Where a method needs statistics of the whole batch, they are measured from the rewards passed.
``batch_mean`` and ``batch_std`` replace them for a caller that holds one group only, such as the
exact sums of ``fade_core.gradient_mass``.
"""

import numpy as np
from numpy.typing import ArrayLike

from fade_core.advantages.grouping import (
    Grouping,
    Weights,
    check_ddof,
    check_fraction,
    positive,
    read,
    token_shares,
)


def grpo_std(
    rewards_PG: ArrayLike,
    ddof: int = 1,
    eps: float = 1e-6,
    *,
    groups: ArrayLike | None = None,
) -> Weights:
    """Standardise each reward within its group.

        A[p, g] = (r[p, g] - rbar[p]) / (std[p] + eps)

    Like ``grpo``, but the mass follows sqrt(p q), so easy and hard prompts weigh more. The two
    standard deviations differ by sqrt((G - 1) / G), 6.5 % at G = 8: pin ``ddof``.

    Source: Shao et al. 2024, "DeepSeekMath", arXiv:2402.03300. ``ddof = 1`` and ``eps = 1e-6``
    are verl's choice.

    Args:
        rewards_PG: ``[P, G]`` floats, any units, ``G >= 2``; or ``[N]`` with ``groups``.
        ddof: 1 for the sample, 0 for the population standard deviation.
        eps: Added to the standard deviation, > 0; ``dapo`` has none.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape, dimensionless; 0 for a group whose rewards are all equal.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is not finite.
        SettingError: ``ddof`` is not 0 or 1, or ``eps`` is not positive.
    """
    check_ddof(ddof)
    positive("eps", eps)
    return _standardise(*read(rewards_PG, groups), ddof, eps)


def dapo(rewards_PG: ArrayLike, ddof: int = 1, *, groups: ArrayLike | None = None) -> Weights:
    """Standardise the groups that dynamic sampling keeps; give the others weight 0.

        A[p, g] = (r[p, g] - rbar[p]) / std[p]   where the group has spread, else 0

    ``grpo_std`` without eps. Dynamic sampling replaces a group without spread by a new prompt;
    a batch that is already drawn cannot, so such a group gets 0 and the kept ones are not
    rescaled. ``gradient_mass.exact_mass`` gives DAPO's mass a kept group: this over
    1 - p^G - q^G. Clip-higher and token-mean aggregation are properties of the loss.

    Source: Yu et al. 2025, "DAPO", arXiv:2503.14476.

    Args:
        rewards_PG: ``[P, G]`` floats, any units, ``G >= 2``; or ``[N]`` with ``groups``.
        ddof: 1 for the sample, 0 for the population standard deviation.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape, dimensionless; 0 for a group whose rewards are all equal.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is not finite.
        SettingError: ``ddof`` is not 0 or 1.
    """
    check_ddof(ddof)
    return _standardise(*read(rewards_PG, groups), ddof, 0.0)


def f_grpo(
    rewards_PG: ArrayLike, gamma: float = 1.0, *, groups: ArrayLike | None = None
) -> Weights:
    """Standardise each reward within its group and shrink easy groups by a power.

        A[p, g] = (1 - rbar[p])^gamma * (r[p, g] - rbar[p]) / std[p]   (population std)

    ``grpo_std`` at gamma = 0; ``power`` up to the square root: mass sqrt(p q) q^gamma.

    Source: F-GRPO, arXiv:2602.06717.

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1], ``G >= 2``; or ``[N]`` with ``groups``.
        gamma: Focus on hard prompts, >= 0.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape, dimensionless; 0 for a group whose rewards are all equal.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is outside [0, 1].
        SettingError: ``gamma`` is not a finite number >= 0.
    """
    positive("gamma", gamma, zero=True)
    rewards, group = read(rewards_PG, groups, unit=True)
    failing = group.mean(1.0 - rewards)
    return failing**gamma * _standardise(rewards, group, 0, 0.0)


def reinforce_pp(
    rewards_PG: ArrayLike,
    batch_mean: float | None = None,
    batch_std: float | None = None,
    *,
    lengths: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> Weights:
    """Standardise each reward within the batch (REINFORCE++).

        A[p, g] = (r[p, g] - mu) / sigma

    mu and sigma (population) are token-weighted where lengths are given, as in verl. Without a
    group baseline a prompt that is always or never solved keeps its mass.

    Source: Hu 2025, "REINFORCE++", arXiv:2501.03262.

    Args:
        rewards_PG: ``[P, G]`` floats, any units; or ``[N]`` with ``groups``.
        batch_mean: mu, where the rewards are not the whole batch; None measures it.
        batch_std: sigma >= 0, likewise; 0 gives weight 0.
        lengths: Generated tokens of each rollout, in the rewards' shape, > 0; None for equal.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape, dimensionless; 0 for a batch whose rewards are all equal.

    Raises:
        ShapeError: The arrays do not have these shapes.
        RewardError: A reward is not finite.
        SettingError: A length is not a finite number > 0, or ``batch_std`` is negative.
    """
    rewards, _ = read(rewards_PG, groups, min_group=1)
    tokens = token_shares(lengths, rewards)
    return _whiten(rewards, tokens, batch_mean, batch_std)


def reinforce_pp_baseline(
    rewards_PG: ArrayLike,
    batch_std: float | None = None,
    *,
    lengths: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> Weights:
    """Centre each reward in its group, then standardise within the batch.

        A[p, g] = (x[p, g] - mean(x)) / std(x),   x[p, g] = r[p, g] - rbar[p]

    ``grpo`` over one number, the batch's spread of centred rewards; mean(x) is 0 without
    lengths.

    Source: Hu 2025, "REINFORCE++", arXiv:2501.03262, the "baseline" variant, as in verl.

    Args:
        rewards_PG: ``[P, G]`` floats, any units, ``G >= 2``; or ``[N]`` with ``groups``.
        batch_std: std(x) >= 0, where the rewards are not the whole batch; mean(x) is then taken
            as 0. None measures both; 0 gives weight 0.
        lengths: Generated tokens of each rollout, in the rewards' shape, > 0; None for equal.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape, dimensionless; 0 for a batch without spread.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is not finite.
        SettingError: A length is not a finite number > 0, or ``batch_std`` is negative.
    """
    rewards, group = read(rewards_PG, groups)
    tokens = token_shares(lengths, rewards)
    below = rewards - group.max(rewards)
    return _whiten(below - group.mean(below), tokens, None if batch_std is None else 0.0, batch_std)


def gdpo(
    rewards_PG: ArrayLike, batch_std: float | None = None, *, groups: ArrayLike | None = None
) -> Weights:
    """Standardise a reward within its group, then within the batch.

        A[p, g] = s[p, g] / std(s),   s = dapo(r, ddof = 0)

    ``dapo`` over one number: std(s)^2 is the share of groups with spread. For several
    rewards GDPO adds the group-standardised rewards before the division by std(s); that sum is
    the caller's.

    Source: GDPO, arXiv:2601.05242.

    Args:
        rewards_PG: ``[P, G]`` floats, any units, ``G >= 2``; or ``[N]`` with ``groups``.
        batch_std: std(s) >= 0, where the rewards are not the whole batch; 0 gives weight 0.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape, dimensionless; 0 for a group whose rewards are all equal.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is not finite.
        SettingError: ``batch_std`` is not a finite number >= 0.
    """
    standard = _standardise(*read(rewards_PG, groups), 0, 0.0)
    return _whiten(standard, np.ones_like(standard), 0.0, batch_std)


def a_grae(
    rewards_PG: ArrayLike,
    batch_mean: float | None = None,
    ceiling: float = 1.0,
    *,
    groups: ArrayLike | None = None,
) -> Weights:
    """Reweigh the standardised reward by difficulty, and successes by the batch's accuracy.

        s[p, g] = (r[p, g] - rbar[p]) / std[p]                               (sample std)
        A[p, g] = s[p, g] (mu / (2 sqrt(rbar[p])) + (1 - mu) / (2 (1 - sqrt(rbar[p]))))
        A[p, g] is multiplied by min(1, mu / ceiling) where s[p, g] > 0

    mu is the mean over prompts of rbar. Masses have the ratio min(1, mu / ceiling). The tails
    are the heaviest of the family after ``unique_best``: nearly solved groups weigh most.

    Source: A-GRAE, released code ``compute_grpo_outcome_advantage``; implemented from its
    formula. The easy-focus term divides by 1 - sqrt(rbar), not by sqrt(1 - rbar).

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1], ``G >= 2``; or ``[N]`` with ``groups``.
        batch_mean: mu, where the rewards are not the whole batch, in [0, 1]; None measures it.
        ceiling: Accuracy at which successes get their full weight, > 0; 1 for mathematics.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        In the rewards' shape, dimensionless; 0 for a group whose rewards are all equal.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group has fewer than two rollouts.
        RewardError: A reward is outside [0, 1].
        SettingError: ``batch_mean`` is outside [0, 1], or ``ceiling`` is not > 0.
    """
    positive("ceiling", ceiling)
    rewards, group = read(rewards_PG, groups, unit=True)
    standard = _standardise(rewards, group, 1, 0.0)
    # 1 - mu and 1 - sqrt(rbar) from the mean of 1 - r, which does not cancel near 1.
    mu, rest = 0.0, 1.0
    if batch_mean is not None:
        check_fraction("batch_mean", batch_mean)
        mu, rest = batch_mean, 1.0 - batch_mean
    elif rewards.size:
        mu, rest = group.over_groups(rewards), group.over_groups(1.0 - rewards)
    root = np.sqrt(np.maximum(group.mean(rewards), np.finfo(np.float64).tiny))
    failing = group.mean(1.0 - rewards)
    easy = (1.0 + root) / np.where(failing > 0.0, failing, 1.0)
    weights = standard * (mu * 0.5 / root + rest * 0.5 * easy)
    return np.where(weights > 0.0, weights * min(1.0, mu / ceiling), weights)


def _standardise(rewards: Weights, group: Grouping, ddof: int, eps: float) -> Weights:
    # Below the group's best and in units of the spread: nearly equal rewards keep their digits,
    # and tiny ones do not underflow when squared.
    below = rewards - group.max(rewards)
    spread = group.max(-below)
    unit = np.where(spread > 0.0, spread, 1.0)
    scaled = below / unit
    centred = scaled - group.mean(scaled)
    variance = group.mean(centred**2) * (group.size / (group.size - ddof))
    std = np.where(spread > 0.0, np.sqrt(variance), 1.0)
    # A subnormal spread is far below eps: the quotient is infinite, and the weight rightly 0.
    with np.errstate(over="ignore"):
        return centred / (std + eps / unit)


def _whiten(
    values: Weights, tokens: Weights, batch_mean: float | None, batch_std: float | None
) -> Weights:
    if values.size == 0:
        return values.copy()
    share = tokens / tokens.sum()
    below = values - values.max()
    centred = below - (share * below).sum()
    if batch_std is None:
        unit = float(np.abs(centred).max()) if below.any() else 0.0
        batch_std = unit * float((share * (centred / (unit or 1.0)) ** 2).sum()) ** 0.5
    positive("batch_std", batch_std, zero=True)
    away = centred if batch_mean is None else values - batch_mean
    return away / batch_std if batch_std else np.zeros_like(values)
