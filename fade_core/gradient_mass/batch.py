"""Positive and negative gradient mass of the advantage weights of a real batch.

Shapes: ``P`` prompts, ``G`` rollouts of each prompt, ``T`` tokens, ``B`` bins of difficulty.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fade_core.advantages.grouping import read, token_shares
from fade_core.errors import RewardError, SettingError, ShapeError
from fade_core.records import DIFFICULTY_BINS


@dataclass(frozen=True, slots=True)
class GradientMass:
    """Mass a rollout on each side of the update ``m_S g_S - m_F g_F``.

    Attributes:
        success: m_S, mean over all rollouts of the weight on successes; >= 0 for most methods.
        failure: m_F, mean over all rollouts of minus the weight on failures.
    """

    success: float
    failure: float

    @property
    def sign_ratio(self) -> float:
        """m_S / m_F; ``nan`` where both are 0, infinite where only m_F is."""
        if self.failure == 0.0:
            return float("nan") if self.success == 0.0 else float(np.copysign(np.inf, self.success))
        return self.success / self.failure


def batch_mass(rewards_PG: ArrayLike, weights_PG: ArrayLike) -> GradientMass:
    """Split the weights of a batch into the mass on successes and the mass on failures.

        m_S = (1 / PG) * sum_{successes} A[p, g]
        m_F = (1 / PG) * sum_{failures} -A[p, g]

    Rewards that are all 0 or 1 decide by outcome. Where a reward is fractional there is no
    outcome, and the sign of the weight decides: positive mass against negative mass.

    Source: FADE, arXiv:2607.01490, sections 2 to 4.

    Args:
        rewards_PG: ``[P, G]`` floats.
        weights_PG: ``[P, G]`` floats, the advantages of the same rollouts.

    Returns:
        Both masses, in units of the weights; ``nan`` for an empty batch or a ``nan`` weight.

    Raises:
        ShapeError: The two arrays differ in shape.

    >>> batch_mass([[1, 0, 0, 0]], [[0.75, -0.25, -0.25, -0.25]])
    GradientMass(success=0.1875, failure=0.1875)
    """
    rewards = np.asarray(rewards_PG, dtype=np.float64)
    weights = np.asarray(weights_PG, dtype=np.float64)
    _same_shape(rewards, weights)
    return _split(weights, success_mask(rewards, weights))


def success_mask(rewards: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which rollouts count as successes: by outcome, or by sign where there is none.

    Args:
        rewards: Any shape.
        weights: Of the same shape.

    Returns:
        Booleans of the same shape.
    """
    binary = bool(((rewards == 0.0) | (rewards == 1.0)).all())
    return rewards == 1.0 if binary else weights > 0.0


@dataclass(frozen=True, slots=True)
class MassByDifficulty:
    """The masses of a batch by the solve rate of the prompt they come from.

    Attributes:
        edges: ``[B + 1]`` solve rates between the bins; the last bin includes 1.
        prompts: ``[B]`` prompts in each bin.
        success: ``[B]`` shares of m_S; they add up to the batch's m_S.
        failure: ``[B]`` shares of m_F; they add up to the batch's m_F.
    """

    edges: list[float]
    prompts: list[int]
    success: list[float]
    failure: list[float]


def mass_by_difficulty(
    rewards_PG: ArrayLike,
    weights_PG: ArrayLike,
    bins: int = DIFFICULTY_BINS,
    *,
    groups: ArrayLike | None = None,
) -> MassByDifficulty:
    """Split the masses of a batch by the solve rate of each prompt.

        m_S[b] = (1 / N) * sum_{successes of prompts with rbar in bin b} A

    Unlike the difficulty weight of ``exact_mass``, which is a curve of the method, this also
    holds how many prompts of each difficulty the batch had.

    Source: FADE, arXiv:2607.01490, sections 2 to 4 and 7.

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1]; or ``[N]`` with ``groups``.
        weights_PG: The advantages of the same rollouts, in the same shape.
        bins: Number of equal bins, >= 1.
        groups: ``[N]`` integer labels of ragged groups.

    Returns:
        Both masses and the number of prompts by bin.

    Raises:
        ShapeError: The arrays do not have these shapes.
        RewardError: A reward is outside [0, 1], so there is no solve rate.
        SettingError: ``bins`` is not >= 1.
    """
    if bins < 1:
        raise SettingError(f"bins must be >= 1, got {bins}")
    rewards, group = read(rewards_PG, groups, min_group=1)
    weights = np.asarray(weights_PG, dtype=np.float64)
    _same_shape(rewards, weights)
    if not ((rewards >= 0.0) & (rewards <= 1.0)).all():
        raise RewardError(
            "rewards must be in [0, 1] to have a solve rate; pass the accuracy reward"
        )
    solve_rate = np.broadcast_to(group.mean(rewards), rewards.shape)
    # A mean of 0.3 may be 0.29999999999999999.
    bin_ = np.minimum((solve_rate * bins + 1e-9).astype(np.int64), bins - 1).ravel()
    positive = success_mask(rewards, weights)

    def total(amounts: NDArray[np.float64]) -> list[float]:
        values: list[float] = np.bincount(bin_, weights=amounts.ravel(), minlength=bins).tolist()
        return values

    size = max(weights.size, 1)
    prompts = total(np.broadcast_to(1.0 / group.size, rewards.shape))
    return MassByDifficulty(
        edges=np.linspace(0.0, 1.0, bins + 1).tolist(),
        prompts=[round(count) for count in prompts],
        success=total(np.where(positive, weights, 0.0) / size),
        failure=total(np.where(positive, 0.0, 0.0 - weights) / size),
    )


def token_weighted_mass(
    rewards_PG: ArrayLike, weights_PG: ArrayLike, lengths_PG: ArrayLike
) -> GradientMass:
    """Split the weights of a batch where each rollout counts by its number of tokens.

        m_S = sum_{successes} L A / sum L,   m_F = sum_{failures} -L A / sum L

    The mass that reaches the optimizer under token-mean or token-sum losses; their sign ratio is
    (m_S Lbar_S) / (m_F Lbar_F). Under seq-mean-token-mean it is ``batch_mass``. Log both.

    Source: derived, see docs/method.md.

    Args:
        rewards_PG: ``[P, G]`` floats, or any shape.
        weights_PG: The advantages of the same rollouts, in the same shape.
        lengths_PG: Generated tokens of each rollout, in the same shape, > 0.

    Returns:
        Both masses a token; ``nan`` for an empty batch.

    Raises:
        ShapeError: The arrays differ in shape.
        SettingError: A length is not a finite number > 0.

    >>> token_weighted_mass([[1, 0]], [[0.5, -0.5]], [[10, 30]])
    GradientMass(success=0.125, failure=0.375)
    """
    rewards = np.asarray(rewards_PG, dtype=np.float64)
    weights = np.asarray(weights_PG, dtype=np.float64)
    _same_shape(rewards, weights)
    tokens = token_shares(lengths_PG, rewards)
    if tokens.size == 0:
        return GradientMass(float("nan"), float("nan"))
    positive = success_mask(rewards, weights)
    share = tokens * weights / tokens.sum()
    return GradientMass(
        success=float(np.where(positive, share, 0.0).sum()),
        failure=0.0 - float(np.where(positive, 0.0, share).sum()),
    )


def clipped_mass(
    rewards_PG: ArrayLike,
    weights_PG: ArrayLike,
    ratios: ArrayLike,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    mask: ArrayLike | None = None,
) -> GradientMass:
    """Split what PPO's clip leaves of the weights: the mass of a batch after clipping.

        kept = not (A > 0 and ratio > 1 + clip_high) and not (A < 0 and ratio < 1 - clip_low)
        m_S  = (1 / N) sum_{successes} A * mean_t(ratio * kept)

    ``batch_mass`` where every ratio is 1, that is on the first update after sampling. Without a
    dual clip: a large ratio at a negative weight keeps its whole, unbounded mass.

    Source: Schulman et al. 2017, "Proximal Policy Optimization", arXiv:1707.06347; clip-higher
    is DAPO's, arXiv:2503.14476.

    Args:
        rewards_PG: ``[P, G]`` floats, or any shape ``[...]``.
        weights_PG: The advantages of the same rollouts, in the same shape.
        ratios: New over old probability, > 0: ``[...]`` of the rollout or ``[..., T]`` of its
            tokens.
        clip_low: In [0, 1].
        clip_high: >= 0.
        mask: ``[..., T]``, non-zero for the tokens that were generated; None for all.

    Returns:
        Both masses; ``nan`` for an empty batch or a ``nan`` ratio.

    Raises:
        ShapeError: The shapes do not fit each other.
        SettingError: A clip bound is out of its range.
    """
    if not (0.0 <= clip_low <= 1.0 and clip_high >= 0.0):
        raise SettingError(
            f"clip_low must be in [0, 1] and clip_high >= 0, got {clip_low} and {clip_high}"
        )
    weights = np.asarray(weights_PG, dtype=np.float64)
    ratio_T = np.asarray(ratios, dtype=np.float64)
    ratio_T = ratio_T[..., None] if ratio_T.ndim == weights.ndim else ratio_T
    mask_T = np.ones_like(ratio_T) if mask is None else (np.asarray(mask) != 0).astype(np.float64)
    if ratio_T.shape[:-1] != weights.shape or mask_T.shape != ratio_T.shape:
        raise ShapeError(
            f"ratios and mask must be {list(weights.shape)} or that and one more axis of tokens, "
            f"got {list(ratio_T.shape)} and {list(mask_T.shape)}"
        )
    sign_T = np.sign(weights)[..., None]
    high_T = (sign_T > 0.0) & (ratio_T > 1.0 + clip_high)
    low_T = (sign_T < 0.0) & (ratio_T < 1.0 - clip_low)
    left_T = np.where(mask_T * ~(high_T | low_T) > 0.0, ratio_T, 0.0)
    left = left_T.sum(axis=-1) / np.maximum(mask_T.sum(axis=-1), 1.0)
    rewards = np.asarray(rewards_PG, dtype=np.float64)
    _same_shape(rewards, weights)
    return _split(weights * left, success_mask(rewards, weights))


def _split(weights: NDArray[np.float64], positive: NDArray[np.bool_]) -> GradientMass:
    if weights.size == 0:
        return GradientMass(float("nan"), float("nan"))
    return GradientMass(
        success=float(np.where(positive, weights, 0.0).mean()),
        # 0.0 - x, not -x: an empty side is 0, not -0.
        failure=0.0 - float(np.where(positive, 0.0, weights).mean()),
    )


def _same_shape(rewards: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
    if rewards.shape != weights.shape:
        raise ShapeError(
            f"rewards {list(rewards.shape)} and advantages {list(weights.shape)} must have "
            "the same shape [P, G]; per-token advantages have to be reduced to one a rollout"
        )
