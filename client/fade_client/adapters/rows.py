"""FADE's weights for trainers that keep rollouts as rows with the name of their prompt.

Shapes: ``N`` rollouts of a batch in the trainer's order; ``P`` prompts, ``G`` rollouts each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fade_core.advantages import check_alpha_delta
from fade_core.errors import RewardError, ShapeError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """A batch of rollouts and which prompt each belongs to.

    Attributes:
        rewards_N: What the trainer trains on, any units.
        solved_N: The accuracy reward, in [0, 1]; the same array where that is what it trains on.
        group_N: Index of each rollout's prompt, from 0.
    """

    rewards_N: Floats
    solved_N: Floats
    group_N: NDArray[np.intp]

    @classmethod
    def of(
        cls, rewards_N: ArrayLike, groups: Sequence[Any], solved_N: ArrayLike | None = None
    ) -> "Rows":
        """Return the batch of these rows.

        Args:
            rewards_N: One reward a rollout.
            groups: Any name of each rollout's prompt; prompts are numbered as they come.
            solved_N: The accuracy reward where it is another; None for ``rewards_N``.

        Raises:
            ShapeError: They are not of one length.
        """
        rewards = np.asarray(rewards_N, dtype=np.float64)
        solved = rewards if solved_N is None else np.asarray(solved_N, dtype=np.float64)
        numbers: dict[str, int] = {}
        group = [numbers.setdefault(str(name), len(numbers)) for name in groups]
        if rewards.ndim != 1 or not rewards.shape == solved.shape == (len(group),):
            raise ShapeError(
                f"one reward and one group a rollout are wanted, got {list(rewards.shape)} "
                f"rewards, {list(solved.shape)} solve rates, {len(group)} groups"
            )
        return cls(rewards, solved, np.asarray(group, dtype=np.intp))

    def fade(self, alpha: float, delta: float) -> Floats:
        """Return FADE's weight of each rollout; see ``fade_core.advantages.fade``.

        The lead factor follows the solve rate, the sign and size the trainer's own reward, so
        that a format reward beside the accuracy keeps its say. A group of one gets 0.

        Args:
            alpha: Difficulty focus, >= 1.
            delta: Sign balance, > 0.

        Raises:
            RewardError: A solve rate is outside [0, 1].
            SettingError: ``alpha`` or ``delta`` is out of its range.
        """
        check_alpha_delta(alpha, delta)
        if problem := outside(self.solved_N):
            raise RewardError(problem)
        lead_P = np.clip(1.0 - self._mean_P(self.solved_N), 0.0, None) ** (alpha - 1.0)
        return lead_P[self.group_N] * signed(self.centred(), delta)

    def centred(self) -> Floats:
        """Return each reward less its group's mean; 0 in a group of one."""
        centred: Floats = self.rewards_N - self._mean_P(self.rewards_N)[self.group_N]
        centred[np.bincount(self.group_N)[self.group_N] < 2] = 0.0
        return centred

    def grouped(self, numbers_N: ArrayLike) -> Floats | None:
        """Return one number a rollout as ``[P, G]``, or None where groups differ in size."""
        sizes = np.bincount(self.group_N)
        if sizes.size == 0 or sizes.min() != sizes.max():
            return None
        order = np.argsort(self.group_N, kind="stable")
        grouped: Floats = np.asarray(numbers_N, dtype=np.float64)[order].reshape(sizes.size, -1)
        return grouped

    def outcome(self) -> dict[str, float]:
        """Return the outcome fields that hold for groups of any size."""
        low, high = self._extremes_P()
        fields = {
            "reward_mean": float(self.rewards_N.mean()),
            "reward_std": float(self.rewards_N.std()),
            "zero_variance_fraction": float((low == high).mean()),
        }
        if outside(self.solved_N) is None:
            # Over prompts and not rollouts: an uneven batch must not weigh a prompt by its luck.
            fields["accuracy"] = float(self._mean_P(self.solved_N).mean())
        return fields

    def _mean_P(self, numbers_N: Floats) -> Floats:
        mean: Floats = np.bincount(self.group_N, numbers_N) / np.bincount(self.group_N)
        return mean

    def _extremes_P(self) -> tuple[Floats, Floats]:
        count = int(self.group_N.max()) + 1
        low, high = np.full(count, np.inf), np.full(count, -np.inf)
        np.minimum.at(low, self.group_N, self.rewards_N)
        np.maximum.at(high, self.group_N, self.rewards_N)
        return low, high


def outside(solved: Any) -> str | None:
    """Say why these are no solve rates, or None where they are."""
    numbers = np.asarray(solved, dtype=np.float64)
    if numbers.size == 0:
        return "there is no reward in the batch"
    if bool(((numbers >= 0.0) & (numbers <= 1.0)).all()):
        return None
    return (
        f"the accuracy reward must be in [0, 1] and finite, got {numbers.min():g} to "
        f"{numbers.max():g}; map {{-1, +1}} to {{0, 1}}, or name the reward that is an accuracy"
    )


def signed(centred: Floats, delta: float) -> Floats:
    """Return centred rewards with the negative ones over ``delta``."""
    weights: Floats = np.where(centred >= 0.0, centred, centred / delta)
    return weights
