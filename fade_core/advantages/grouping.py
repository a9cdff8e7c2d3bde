"""Reading rewards into groups, and the sums and ranks within a group that every method needs.

Shapes: ``P`` prompts, ``G`` rollouts of each prompt, ``N`` rollouts in all. Rewards are
``[P, G]``, or ``[N]`` with a label for each rollout where groups differ in size. A group's value
comes back in a shape that broadcasts to its rollouts, so that one formula serves both.
"""

import math
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fade_core.errors import RewardError, SettingError, ShapeError

Weights = NDArray[np.float64]


class Grouping(Protocol):
    """How rollouts belong to groups."""

    @property
    def size(self) -> Weights:
        """Rollouts of each group, broadcastable to the rollouts."""

    def mean(self, values: Weights) -> Weights:
        """Return the mean of each group, broadcastable to the rollouts."""

    def max(self, values: Weights) -> Weights:
        """Return the maximum of each group, broadcastable to the rollouts."""

    def ranked(self, values: Weights, rank: Weights) -> Weights:
        """Return the value of this rank in each group, 0 for the smallest."""

    def each(self, values: Weights) -> Weights:
        """Return ``[P]``: one value of each group, where all of a group's are equal."""

    def over_groups(self, values: Weights) -> float:
        """Return the mean over groups of the groups' means."""


class Rows:
    """Groups of equal size: the rows of ``[P, G]``."""

    def __init__(self, rewards_PG: Weights) -> None:
        self.size = np.full((1, 1), float(rewards_PG.shape[1]))

    def mean(self, values: Weights) -> Weights:
        """Return ``[P, 1]`` means."""
        result: Weights = values.mean(axis=1, keepdims=True)
        return result

    def max(self, values: Weights) -> Weights:
        """Return ``[P, 1]`` maxima."""
        result: Weights = values.max(axis=1, keepdims=True)
        return result

    def ranked(self, values: Weights, rank: Weights) -> Weights:
        """Return ``[P, 1]`` order statistics."""
        rank_P1 = np.broadcast_to(rank.astype(np.int64), (len(values), 1))
        return np.take_along_axis(np.sort(values, axis=1), rank_P1, axis=1)

    def each(self, values: Weights) -> Weights:
        """Return the first value of each row."""
        return values[:, 0]

    def over_groups(self, values: Weights) -> float:
        """Return the mean of the rows' means."""
        return float(values.mean())


class Labels:
    """Groups of any size: rollouts with equal labels."""

    def __init__(self, groups_N: NDArray[np.integer]) -> None:
        _, self._group_N, count_K = np.unique(groups_N, return_inverse=True, return_counts=True)
        self._count_K = count_K.astype(np.float64)
        self._start_K = np.concatenate([[0], np.cumsum(count_K)[:-1]]).astype(np.int64)
        self._order_N = np.argsort(self._group_N, kind="stable")
        self.size: Weights = self._count_K[self._group_N]

    def mean(self, values: Weights) -> Weights:
        """Return ``[N]`` means."""
        sum_K = np.bincount(self._group_N, weights=values, minlength=len(self._count_K))
        result: Weights = (sum_K / self._count_K)[self._group_N]
        return result

    def max(self, values: Weights) -> Weights:
        """Return ``[N]`` maxima."""
        max_K = np.maximum.reduceat(values[self._order_N], self._start_K)
        result: Weights = max_K[self._group_N]
        return result

    def ranked(self, values: Weights, rank: Weights) -> Weights:
        """Return ``[N]`` order statistics."""
        sorted_N = values[np.lexsort((values, self._group_N))]
        result: Weights = sorted_N[self._start_K[self._group_N] + rank.astype(np.int64)]
        return result

    def each(self, values: Weights) -> Weights:
        """Return the first value of each label, in the order of the labels."""
        return values[self._order_N][self._start_K]

    def over_groups(self, values: Weights) -> float:
        """Return the mean over the labels of the labels' means."""
        return float((values / self.size).sum()) / len(self._count_K)


def read(
    rewards: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    min_group: int = 2,
    unit: bool = False,
) -> tuple[Weights, Grouping]:
    """Check rewards and their groups.

    Args:
        rewards: ``[P, G]`` floats, or ``[N]`` with ``groups``; finite.
        groups: None, or ``[N]`` integers: rollouts with equal labels are one group.
        min_group: Fewest rollouts that a group may have.
        unit: Whether rewards have to be in [0, 1].

    Returns:
        The rewards in float64, and how they are grouped.

    Raises:
        ShapeError: The arrays do not have these shapes, or a group is too small.
        RewardError: A reward is not finite, or outside [0, 1] where it has to be inside.
    """
    values = np.asarray(rewards, dtype=np.float64)
    if groups is None:
        _check_rows(values, min_group)
        grouping: Grouping = Rows(values)
    else:
        grouping = Labels(_check_labels(values, np.asarray(groups), min_group))
    if unit and values.size and not (values.min() >= 0.0 and values.max() <= 1.0):
        raise RewardError(
            f"rewards must be in [0, 1] and finite, got {values.min()} to {values.max()}; "
            "map {-1, +1} to {0, 1}, or pass the accuracy reward alone instead of a sum"
        )
    if not np.isfinite(values).all():
        raise RewardError(_not_finite(values, grouping))
    return values, grouping


def outcomes(rewards: Weights) -> Weights:
    """Return outcomes: 1 where the reward is above 1/2, else 0.

    Args:
        rewards: Any shape.

    Returns:
        The same shape.
    """
    return (rewards > 0.5).astype(np.float64)


def group_k(k: float, grouping: Grouping) -> int:
    """Return ``k`` as an integer that every group can hold.

    Args:
        k: Samples that count together.
        grouping: The groups.

    Returns:
        ``k``.

    Raises:
        SettingError: ``k`` is not a whole number in [1, size of the smallest group].
    """
    smallest = int(grouping.size.min(initial=math.inf)) if grouping.size.size else 1
    return check_k(k, smallest)


def check_k(k: float, largest: int) -> int:
    """Return ``k`` as an integer in [1, largest].

    Args:
        k: Samples that count together.
        largest: Size of the smallest group.

    Returns:
        ``k``.

    Raises:
        SettingError: ``k`` is not a whole number in that range.
    """
    if k != k or math.isinf(k) or int(k) != k or not 1 <= k <= largest:
        raise SettingError(
            f"k must be a whole number in [1, {largest}] (the rollouts of a group), got {k}"
        )
    return int(k)


def choose_ratio(top: Weights, bottom: Weights, k: int) -> Weights:
    """Return ``C(top, k) / C(bottom, k)`` without overflow.

        prod_{i < k} max(top - i, 0) / (bottom - i)

    Args:
        top: Counts >= 0.
        bottom: Counts >= ``k``, broadcastable to ``top``.
        k: >= 0.

    Returns:
        Of the broadcast shape, in [0, 1] where ``top <= bottom``.
    """
    ratio: Weights = np.ones(np.broadcast_shapes(top.shape, bottom.shape))
    for i in range(k):
        ratio = ratio * np.clip(top - i, 0.0, None) / (bottom - i)
    return ratio


def token_shares(lengths: ArrayLike | None, rewards: Weights) -> Weights:
    """Return the weight of each rollout in a token-weighted mean.

    Args:
        lengths: None for equal weights, or tokens of each rollout, in the rewards' shape, > 0.
        rewards: Their rewards.

    Returns:
        Floats > 0 in the rewards' shape.

    Raises:
        ShapeError: The shapes differ.
        SettingError: A length is not a finite number > 0.
    """
    if lengths is None:
        return np.ones_like(rewards)
    tokens = np.asarray(lengths, dtype=np.float64)
    if tokens.shape != rewards.shape:
        raise ShapeError(
            f"lengths must have the rewards' shape {list(rewards.shape)}, got "
            f"{list(tokens.shape)}; one number of generated tokens a rollout"
        )
    if not ((tokens > 0.0) & np.isfinite(tokens)).all():
        raise SettingError(
            "lengths must be finite and > 0; drop rollouts without a generated token first"
        )
    return tokens


def positive(name: str, value: float, *, zero: bool = False) -> None:
    """Refuse a parameter that is not a finite number > 0 (or >= 0).

    Args:
        name: The parameter, for the message.
        value: What was passed.
        zero: Whether 0 is allowed.

    Raises:
        SettingError: It is out of its range.
    """
    if not (math.isfinite(value) and (value >= 0.0 if zero else value > 0.0)):
        raise SettingError(f"{name} must be a finite number {'>=' if zero else '>'} 0, got {value}")


def check_ddof(ddof: float) -> None:
    """Refuse degrees of freedom other than 0 and 1.

    Args:
        ddof: 0 for the population, 1 for the sample standard deviation.

    Raises:
        SettingError: It is neither.
    """
    if ddof not in (0, 1):
        raise SettingError(f"ddof must be 0 (population) or 1 (sample), got {ddof}")


def check_alpha_delta(alpha: float, delta: float) -> None:
    """Refuse an ``alpha`` or ``delta`` for which FADE's weights are undefined.

    Args:
        alpha: Must be finite and >= 1: below 1 a solved group would be 0 to a negative power.
        delta: Must be finite and > 0: it is divided by.

    Raises:
        SettingError: One of them is out of its range.
    """
    if not 1.0 <= alpha < math.inf:
        raise SettingError(f"alpha must be a finite number >= 1, got {alpha}")
    if not 0.0 < delta < math.inf:
        raise SettingError(f"delta must be a finite number > 0, got {delta}")


def check_fraction(name: str, value: float) -> None:
    """Refuse a parameter outside [0, 1].

    Args:
        name: The parameter, for the message.
        value: What was passed.

    Raises:
        SettingError: It is outside [0, 1].
    """
    if not 0.0 <= value <= 1.0:
        raise SettingError(f"{name} must be in [0, 1], got {value}")


def _check_rows(values: Weights, min_group: int) -> None:
    if values.ndim != 2 or values.shape[1] < min_group:
        hint = "; for groups of different sizes pass [N] rewards and groups=" * (values.ndim != 2)
        raise ShapeError(
            f"rewards must be [P, G] with G >= {min_group}, got {list(values.shape)}; "
            f"a group of one rollout has no baseline{hint}"
        )


def _check_labels(
    values: Weights, groups: NDArray[np.integer], min_group: int
) -> NDArray[np.integer]:
    if values.ndim != 1 or groups.shape != values.shape or groups.dtype.kind not in "iu":
        raise ShapeError(
            "with groups=, rewards must be [N] and groups [N] integers, one label a rollout; got "
            f"rewards {list(values.shape)} and groups {list(groups.shape)} of {groups.dtype}"
        )
    labels, counts = np.unique(groups, return_counts=True)
    if counts.size and counts.min() < min_group:
        raise ShapeError(
            f"every group must have {min_group} rollouts or more, got {counts.min()} with label "
            f"{labels[counts.argmin()]}; a group of one rollout has no baseline, so drop it"
        )
    return groups


def _not_finite(values: Weights, grouping: Grouping) -> str:
    bad = ~np.isfinite(values)
    whole = bool((grouping.mean(bad.astype(np.float64)) == 1.0).any())
    where = "a whole group" if whole else "a group"
    first = [int(i) for i in np.argwhere(bad)[0]]
    return (
        f"rewards must be finite, got {values[tuple(first)]} in {where} (first at {first}); "
        "drop the group, or score it again: a missing reward is not a failure"
    )
