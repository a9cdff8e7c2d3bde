"""Rewards in groups on tensors: means, maxima and ranks within a group, without reading back.

Shapes: ``P`` prompts, ``G`` rollouts of each prompt, ``N`` rollouts in all. See
``fade_core.advantages.grouping`` for the same in numpy.
"""

from typing import Protocol

import torch
from torch import Tensor

from fade_core.advantages.grouping import check_k
from fade_core.errors import ShapeError

# A batch is small, so what counts is the number of calls and what each of them prepares: making
# a tensor of a Python number takes as long as the operation on it. A CPU tensor without
# dimensions goes with tensors of any device and floating dtype, and does not synchronise them.
ONE = torch.ones((), device="cpu")
HALF = torch.full((), 0.5, device="cpu")


class Grouping(Protocol):
    """How rollouts belong to groups."""

    @property
    def size(self) -> Tensor | float:
        """Rollouts of each group, broadcastable to the rollouts."""

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of each group, broadcastable to the rollouts."""

    def max(self, values: Tensor) -> Tensor:
        """Return the maximum of each group, broadcastable to the rollouts."""

    def ranked(self, values: Tensor, rank: Tensor | float) -> Tensor:
        """Return the value of this rank in each group, 0 for the smallest."""

    def over_groups(self, values: Tensor) -> Tensor:
        """Return the mean over groups of the groups' means."""


class Rows:
    """Groups of equal size: the rows of ``[P, G]``."""

    def __init__(self, size: int) -> None:
        self.size = float(size)
        self._divisor = torch.full((), self.size, device="cpu")

    def mean(self, values: Tensor) -> Tensor:
        """Return ``[P, 1]`` means; of values <= 1 never above 1, which rounded shares may be."""
        return values.sum(1, True).div_(self._divisor)

    def max(self, values: Tensor) -> Tensor:
        """Return ``[P, 1]`` maxima."""
        return values.amax(dim=1, keepdim=True)

    def ranked(self, values: Tensor, rank: Tensor | float) -> Tensor:
        """Return ``[P, 1]`` order statistics; ``rank`` is a number, since the size is."""
        return values.sort(dim=1).values[:, int(rank), None]

    def over_groups(self, values: Tensor) -> Tensor:
        """Return the mean of the rows' means."""
        return values.mean()


_ROWS = tuple(Rows(size) for size in range(129))
"""Those of the usual sizes, ready to use."""


class Labels:
    """Groups of any size: rollouts with equal labels in ``[0, N)``."""

    def __init__(self, groups_N: Tensor, like: Tensor) -> None:
        self._group_N = groups_N.long()
        count_K = torch.zeros_like(like).index_add_(0, self._group_N, torch.ones_like(like))
        self.size: Tensor = count_K[self._group_N]
        # Counts in integers: a float32 sum is exact to 2^24 rollouts only.
        whole_K = torch.zeros_like(self._group_N).index_add_(
            0, self._group_N, torch.ones_like(self._group_N)
        )
        self._start_N = (whole_K.cumsum(0) - whole_K)[self._group_N]

    def mean(self, values: Tensor) -> Tensor:
        """Return ``[N]`` means; of values <= 1 never above 1, which rounded shares may be."""
        total_K = torch.zeros_like(values).index_add_(0, self._group_N, values)
        return total_K[self._group_N].div_(self.size)

    def max(self, values: Tensor) -> Tensor:
        """Return ``[N]`` maxima."""
        start = torch.full_like(values, -torch.inf)
        best_K = start.scatter_reduce(0, self._group_N, values, reduce="amax")
        return best_K[self._group_N]

    def ranked(self, values: Tensor, rank: Tensor | float) -> Tensor:
        """Return ``[N]`` order statistics; of a group that is too small, its smallest."""
        by_value = values.argsort(stable=True)
        order = by_value[self._group_N[by_value].argsort(stable=True)]
        rank_N = torch.as_tensor(rank, device=values.device).clamp(min=0.0).long()
        return values[order][self._start_N + rank_N]

    def over_groups(self, values: Tensor) -> Tensor:
        """Return the mean over the labels of the labels' means."""
        return (values / self.size).sum() / (1.0 / self.size).sum()


def read(
    rewards: Tensor, groups: Tensor | None = None, *, min_group: int = 2
) -> tuple[Tensor, Grouping]:
    """Check the shapes of rewards and groups; the values stay where they are.

    Args:
        rewards: ``[P, G]`` of any dtype, or ``[N]`` with ``groups``.
        groups: None, or ``[N]`` integers in [0, N).
        min_group: Fewest rollouts that a row may have.

    Returns:
        The rewards in the dtype to compute in, and how they are grouped.

    Raises:
        ShapeError: The tensors do not have these shapes, or a row is too short.
    """
    wide = rewards.dtype in (torch.float32, torch.float64)
    values = rewards if wide else rewards.to(torch.float32)
    if groups is None:
        if values.ndim != 2 or (size := values.shape[1]) < min_group:
            raise ShapeError(
                f"rewards must be [P, G] with G >= {min_group}, got {list(values.shape)}; "
                "a group of one rollout has no baseline; for groups of different sizes pass "
                "[N] rewards and groups="
            )
        return values, _ROWS[size] if size < len(_ROWS) else Rows(size)
    if values.ndim != 1 or groups.shape != values.shape or groups.is_floating_point():
        raise ShapeError(
            "with groups=, rewards must be [N] and groups [N] integers in [0, N), one a rollout; "
            f"got rewards {list(values.shape)} and groups {list(groups.shape)} of {groups.dtype}"
        )
    return values, Labels(groups, values)


def give(weights: Tensor, rewards: Tensor) -> Tensor:
    """Return weights in the dtype that the caller's rewards ask for.

    Args:
        weights: In the dtype that was computed in.
        rewards: As the caller passed them.

    Returns:
        In the rewards' floating dtype; float32 where they are integers or booleans.
    """
    same = weights.dtype == rewards.dtype or not rewards.is_floating_point()
    return weights if same else weights.to(rewards.dtype)


def bounded(values: Tensor) -> Tensor:
    """Clamp finite values so that sums and differences of them do not overflow.

    Args:
        values: float32 or float64.

    Returns:
        The same below 1e30 (float32) or 1e300 (float64) in size.
    """
    limit = 1e30 if values.dtype == torch.float32 else 1e300
    return values.clamp(-limit, limit)


def solved(rewards: Tensor) -> Tensor:
    """Return outcomes: 1 where the reward is above 1/2, else 0.

    Args:
        rewards: Any shape.

    Returns:
        The same shape and dtype.
    """
    return rewards.clone().gt_(HALF)


def whole_k(k: float, group: Grouping) -> int:
    """Return ``k`` as an integer, checked against the group size where that is known.

    Args:
        k: Samples that count together.
        group: The groups.

    Returns:
        ``k``.

    Raises:
        SettingError: ``k`` is not a whole number in [1, G].
    """
    return check_k(k, int(group.size) if isinstance(group.size, float) else 2**31)


def at_least(size: Tensor | float, least: float) -> Tensor | float:
    """Return ``size``, or ``least`` where it is smaller.

    Args:
        size: A number, or a tensor of them.
        least: The bound.

    Returns:
        As ``size``.
    """
    return max(size, least) if isinstance(size, float) else size.clamp(min=least)


def choose_ratio(top: Tensor, bottom: Tensor | float, k: int) -> Tensor:
    """Return ``C(top, k) / C(bottom, k)``; 0 instead of undefined where a group is too small.

    Args:
        top: Counts >= 0.
        bottom: Counts, broadcastable to ``top``.
        k: >= 0.

    Returns:
        Of ``top``'s shape.
    """
    ratio = torch.ones_like(top)
    for i in range(k):
        ratio = ratio * (top - i).clamp(min=0.0) / at_least(bottom - i, 1.0)
    return ratio


def token_shares(lengths: Tensor | None, rewards: Tensor) -> Tensor:
    """Return the weight of each rollout in a token-weighted mean; the weights sum to 1.

    Args:
        lengths: None for equal weights, or tokens of each rollout, in the rewards' shape, > 0.
        rewards: Their rewards.

    Returns:
        Floats in the rewards' shape and dtype.

    Raises:
        ShapeError: The shapes differ.
    """
    if lengths is None:
        return torch.full_like(rewards, 1.0 / max(rewards.numel(), 1))
    if lengths.shape != rewards.shape:
        raise ShapeError(
            f"lengths must have the rewards' shape {list(rewards.shape)}, got "
            f"{list(lengths.shape)}; one number of generated tokens a rollout"
        )
    tokens = lengths.to(rewards.dtype)
    return tokens / tokens.sum()
