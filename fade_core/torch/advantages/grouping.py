"""Rewards in groups on tensors: means, maxima and ranks within a group, without reading back.

Shapes: ``P`` prompts, ``G`` rollouts of each prompt, ``N`` rollouts in all. See
``fade_core.advantages.grouping`` for the same in numpy.
"""

import functools
import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.linalg import vector_norm

from fade_core.advantages.grouping import check_k
from fade_core.errors import ShapeError

# A batch is small, so what counts is the number of calls and what each of them prepares: making
# a tensor of a Python number takes as long as the operation on it. A CPU tensor without
# dimensions goes with tensors of any device and floating dtype, and does not synchronise them.
ONE = torch.ones((), device="cpu")
HALF = torch.full((), 0.5, device="cpu")
TINY = {dtype: torch.finfo(dtype).tiny for dtype in (torch.float32, torch.float64)}
"""The smallest normal number of each dtype that is computed in."""

ByCount = Callable[..., Tensor]
"""``(successes, size, *settings)``: a number of each group that is a function of its successes."""


class Grouping(Protocol):
    """How rollouts belong to groups."""

    @property
    def size(self) -> Tensor | float:
        """Rollouts of each group, broadcastable to the rollouts."""

    @property
    def divisor(self) -> Tensor:
        """The same as a tensor."""

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of each group, broadcastable to the rollouts."""

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of each group, broadcastable to the rollouts."""

    def deviation(self, centred: Tensor, ddof: int) -> Tensor:
        """Return the standard deviation of each group of values whose mean is 0."""

    def anchor(self, values: Tensor) -> Tensor:
        """Return one of the values of each group, whichever is found fastest."""

    def by_count(self, correct: Tensor, function: ByCount, *settings: float) -> Tensor:
        """Return ``function(correct, size, *settings)``, ``correct`` the sums of 0/1 outcomes."""

    def max(self, values: Tensor) -> Tensor:
        """Return the maximum of each group, broadcastable to the rollouts."""

    def ranked(self, values: Tensor, *ranks: Tensor | float) -> tuple[Tensor, ...]:
        """Return the values of these ranks in each group, 0 for the smallest."""

    def over_groups(self, values: Tensor) -> Tensor:
        """Return the mean over groups of the groups' means."""


class Rows:
    """Groups of equal size: the rows of ``[P, G]``."""

    def __init__(self, size: int) -> None:
        self.size = float(size)
        self.divisor = torch.full((), self.size, device="cpu")

    def sum(self, values: Tensor) -> Tensor:
        """Return ``[P, 1]`` sums."""
        return values.sum(1, True)

    def mean(self, values: Tensor) -> Tensor:
        """Return ``[P, 1]`` means; of values <= 1 never above 1, which rounded shares may be."""
        return values.sum(1, True).div_(self.divisor)

    def deviation(self, centred: Tensor, ddof: int) -> Tensor:
        """Return ``[P, 1]`` standard deviations."""
        root = number(math.sqrt(self.size - ddof), centred.dtype)
        norm_P1: Tensor = vector_norm(centred, dim=1, keepdim=True)
        return norm_P1.div_(root)

    def anchor(self, values: Tensor) -> Tensor:
        """Return the first column, ``[P, 1]``, in memory of its own."""
        return values[:, :1].clone()

    def by_count(self, correct: Tensor, function: ByCount, *settings: float) -> Tensor:
        """Return ``[P, 1]``; on a CPU from a table of the G + 1 values that it can have."""
        # Elsewhere a table would have to outlive its stream, or the graph that captures it.
        if correct.device.type != "cpu":
            return function(correct, self.size, *settings)
        return _table(function, self.size, correct.dtype, settings).take(correct.long())

    def max(self, values: Tensor) -> Tensor:
        """Return ``[P, 1]`` maxima."""
        return values.amax(dim=1, keepdim=True)

    def ranked(self, values: Tensor, *ranks: Tensor | float) -> tuple[Tensor, ...]:
        """Return ``[P, 1]`` order statistics; ranks are numbers, since the size is."""
        ordered = values.sort(dim=1).values
        return tuple(ordered.narrow(1, int(rank), 1) for rank in ranks)

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
        self.size = self.divisor = count_K[self._group_N]
        # Counts in integers: a float32 sum is exact to 2^24 rollouts only.
        whole_K = torch.zeros_like(self._group_N).index_add_(
            0, self._group_N, torch.ones_like(self._group_N)
        )
        self._start_N = (whole_K.cumsum(0) - whole_K)[self._group_N]

    def sum(self, values: Tensor) -> Tensor:
        """Return ``[N]`` sums."""
        return torch.zeros_like(values).index_add_(0, self._group_N, values)[self._group_N]

    def mean(self, values: Tensor) -> Tensor:
        """Return ``[N]`` means; of values <= 1 never above 1, which rounded shares may be."""
        return self.sum(values).div_(self.size)

    def deviation(self, centred: Tensor, ddof: int) -> Tensor:
        """Return ``[N]`` standard deviations."""
        return self.sum(centred**2).div_((self.size - ddof).clamp_(min=1.0)).sqrt_()

    def anchor(self, values: Tensor) -> Tensor:
        """Return ``[N]`` maxima: finding the first of each group takes no less."""
        return self.max(values)

    def by_count(self, correct: Tensor, function: ByCount, *settings: float) -> Tensor:
        """Return ``[N]``."""
        return function(correct, self.size, *settings)

    def max(self, values: Tensor) -> Tensor:
        """Return ``[N]`` maxima."""
        start = torch.full_like(values, -torch.inf)
        best_K = start.scatter_reduce(0, self._group_N, values, reduce="amax")
        return best_K[self._group_N]

    def ranked(self, values: Tensor, *ranks: Tensor | float) -> tuple[Tensor, ...]:
        """Return ``[N]`` order statistics; of a group that is too small, its smallest."""
        by_value = values.argsort(stable=True)
        ordered = values[by_value[self._group_N[by_value].argsort(stable=True)]]
        ranks_N = (torch.as_tensor(rank, device=values.device) for rank in ranks)
        return tuple(ordered[self._start_N + rank_N.clamp(min=0.0).long()] for rank_N in ranks_N)

    def over_groups(self, values: Tensor) -> Tensor:
        """Return the mean over the labels of the labels' means."""
        return (values / self.size).sum() / (1.0 / self.size).sum()


@functools.lru_cache(maxsize=1024)
def number(value: float, dtype: torch.dtype) -> Tensor:
    """Return a number as a tensor without dimensions, made once; see ``ONE``.

    Args:
        value: Any number.
        dtype: That of the tensor it is to meet.

    Returns:
        On the CPU; not to be written to.
    """
    # A tensor made in inference mode could not be used where gradients are recorded.
    with torch.inference_mode(mode=False):
        return torch.full((), value, dtype=dtype, device="cpu")


@functools.lru_cache(maxsize=256)
def _table(
    function: ByCount, size: float, dtype: torch.dtype, settings: tuple[float, ...]
) -> Tensor:
    """Return ``[G + 1]``: the function of 0 to G successes, on the CPU."""
    with torch.inference_mode(mode=False):  # see above
        return function(torch.arange(int(size) + 1, dtype=dtype, device="cpu"), size, *settings)


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
    if values.requires_grad:  # the weights are constants of the loss
        values = values.detach()
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
    return torch.gt(rewards, HALF, out=torch.empty_like(rewards))


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


def token_shares(lengths: Tensor, rewards: Tensor) -> Tensor:
    """Return the weight of each rollout in a token-weighted mean; the weights sum to 1.

    Args:
        lengths: Tokens of each rollout, in the rewards' shape, > 0.
        rewards: Their rewards.

    Returns:
        Floats in the rewards' shape and dtype.

    Raises:
        ShapeError: The shapes differ.
    """
    if lengths.shape != rewards.shape:
        raise ShapeError(
            f"lengths must have the rewards' shape {list(rewards.shape)}, got "
            f"{list(lengths.shape)}; one number of generated tokens a rollout"
        )
    tokens = lengths.to(rewards.dtype)
    return tokens / tokens.sum()
