"""Positive and negative gradient mass of advantage weights.

Shapes: ``P`` prompts, ``G`` rollouts of each prompt.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fade_core.errors import ShapeError


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
    if rewards.shape != weights.shape:
        raise ShapeError(
            f"rewards {list(rewards.shape)} and advantages {list(weights.shape)} must have "
            "the same shape [P, G]; per-token advantages have to be reduced to one a rollout"
        )
    if weights.size == 0:
        return GradientMass(float("nan"), float("nan"))
    positive = success_mask(rewards, weights)
    return GradientMass(
        success=float(np.where(positive, weights, 0.0).mean()),
        # 0.0 - x, not -x: an empty side is 0, not -0.
        failure=0.0 - float(np.where(positive, 0.0, weights).mean()),
    )


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
