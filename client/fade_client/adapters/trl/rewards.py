"""The gathered rewards of a TRL rollout batch, and FADE's advantages of them.

Shapes: ``F`` reward functions; ``P`` prompts, ``G`` rollouts of each; ``N = P G``, all ranks
together. Only methods of the tensors are used, so that this imports no torch. The means are
TRL's own calls, or of zeros and ones what those give, so that alpha = delta = 1 gives TRL's own
advantages to the last bit; the rest is done on plain numbers in few functions, because after a
training step the caches hold nothing of torch, numpy or this, and of the few numbers that a batch
has each call would cost more than the whole list.
"""

import difflib
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fade_client.errors import ConfigError
from fade_client.frames import Array

_WORDS = ("accuracy", "correct")


@dataclass(slots=True)
class Rewards:
    """The rewards of one rollout batch, the same on every rank.

    Attributes:
        total_N: What TRL trains on: the weighted sum over the reward functions, a tensor.
        totals: The same as numbers.
        solved: The accuracy reward, or None where none is known; ``nan`` where the function
            returned None.
        size: Rollouts of each prompt.
        is_binary: The usual case: one reward, which is the accuracy, of float32 zeros and ones.
    """

    total_N: Any
    totals: list[float]
    solved: list[float] | None
    size: int
    is_binary: bool

    @classmethod
    def of(
        cls, per_function_NF: Any, weights_F: Any, group_size: int, index: int | None
    ) -> "Rewards":
        """Return the rewards of a batch.

        Args:
            per_function_NF: As ``_calculate_rewards`` returns them, ``nan`` for None.
            weights_F: Weight of each function.
            group_size: Rollouts of each prompt.
            index: Column of the accuracy reward, or None.
        """
        if per_function_NF.shape[1] == 1 and weights_F.tolist() == [1.0]:
            # One reward of weight 1 is its own sum, and a dozen small operations less.
            totals = [row[0] for row in per_function_NF.tolist()]
            if index is None:
                return cls(per_function_NF, totals, None, group_size, is_binary=False)
            is_float32 = per_function_NF.element_size() == 4
            is_binary = is_float32 and totals.count(0.0) + totals.count(1.0) == len(totals)
            return cls(per_function_NF, totals, totals, group_size, is_binary)
        weights = weights_F.to(per_function_NF.device).unsqueeze(0)
        total = (per_function_NF * weights).nansum(dim=1)
        unscored = per_function_NF.isnan().all(dim=1)
        total_N = total.masked_fill(unscored, float("nan"))
        solved = None if index is None else per_function_NF[:, index].tolist()
        return cls(total_N, total_N.tolist(), solved, group_size, is_binary=False)

    @property
    def problem(self) -> str | None:
        """Why FADE's advantages of this batch are undefined, or None."""
        if self.is_binary:
            return None
        if self.solved is None:
            return "no reward function is known to be the accuracy; name it: accuracy_reward=..."
        known = [each for each in self.solved if each == each]
        if not known:
            return "the accuracy reward is None for every completion"
        low, high = min(known), max(known)
        if low >= 0.0 and high <= 1.0:
            return None
        return (
            f"the accuracy reward must be in [0, 1], got {low:g} to {high:g}; map it there, such "
            "as {-1, +1} to {0, 1}, or name the reward that is an accuracy: accuracy_reward=..."
        )

    def fade(self, alpha: float, delta: float) -> list[float]:
        """Return FADE's advantage of each rollout, ``[N]``; see ``fade_core.advantages.fade``.

        The lead factor follows the accuracy, the sign and size TRL's weighted sum, so that a
        format reward beside the accuracy keeps its say. A rollout without any reward gets 0.

        Args:
            alpha: Difficulty focus, >= 1.
            delta: Sign balance, > 0.
        """
        assert self.solved is not None, "look at problem first"
        weights: list[float] = []
        if self.is_binary:
            for solved in self._groups(self.solved):
                wins = solved.count(1.0)
                won, lost = _centred(wins, self.size)
                lead = (1.0 - wins / self.size) ** (alpha - 1.0)
                won, lost = lead * won, lead * lost / delta
                weights += [won if each else lost for each in solved]
            return weights
        total_PG = self.total_N.reshape(-1, self.size)
        centred_PG = (total_PG - total_PG.nanmean(dim=1, keepdim=True)).tolist()
        for solved, centred in zip(self._groups(self.solved), centred_PG, strict=True):
            lead = _lead(solved, alpha)
            weights += [_weight(each, lead, delta) for each in centred]
        return weights

    def fields(self) -> dict[str, float | None]:
        """Return what a record cannot compute from the accuracy, because it is not all."""
        if self.is_binary:
            return {"accuracy": _mean(self.totals)}
        fields: dict[str, float | None] = {}
        if self.solved is not None and self.problem is None:
            fields["accuracy"] = _mean([each for each in self.solved if each == each])
        if self.solved == self.totals and all(map(_is_known, self._groups(self.totals))):
            return fields
        known = [each for each in self.totals if math.isfinite(each)]
        if known:
            mean = fields["reward_mean"] = _mean(known)
            fields["reward_std"] = math.sqrt(_mean([(each - mean) ** 2 for each in known]))
            groups = self._groups(self.totals)
            equal = [group for group in groups if all(each == group[0] for each in group)]
            fields["zero_variance_fraction"] = len(equal) / len(groups)
        return fields

    def arrays(self, advantages_N: list[float]) -> tuple[Array | None, Array | None]:
        """Return the accuracies and the advantages of the groups that are known as a whole.

        Args:
            advantages_N: What the trainer uses.

        Returns:
            Twice ``[P, G]``; None where there is no such group.
        """
        if self.solved is None:
            return None, None
        solved = self.solved
        if not self.is_binary:
            parts = map(self._groups, (self.solved, self.totals, advantages_N))
            whole = [
                (ours, used)
                for ours, all_, used in zip(*parts, strict=True)
                if _is_known(ours) and _is_known(all_)
            ]
            if not whole:
                return None, None
            solved = [each for ours, _ in whole for each in ours]
            advantages_N = [each for _, used in whole for each in used]
        return Array.of_numbers(solved, self.size), Array.of_numbers(advantages_N, self.size)

    def _groups(self, numbers_N: list[float]) -> list[list[float]]:
        size = self.size
        return [numbers_N[start : start + size] for start in range(0, len(numbers_N), size)]


def _lead(solved_G: Sequence[float], alpha: float) -> float:
    known = [each for each in solved_G if each == each]
    # A group without any accuracy is weighed as GRPO does.
    rate = _mean(known) if known else 0.0
    lead: float = max(0.0, 1.0 - rate) ** (alpha - 1.0)
    return lead


@lru_cache(maxsize=4096)
def _centred(solved: int, size: int) -> tuple[float, float]:
    """Return a success's reward less the group's mean, and a failure's, as float32 has them.

    Zeros and ones add up exactly in any order, so these are the results of TRL's own calls.
    """
    (mean,) = array("f", [solved / size])
    won, lost = array("f", [1.0 - mean, 0.0 - mean])
    return won, lost


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


def _weight(centred: float, lead: float, delta: float) -> float:
    if centred >= 0.0:
        return lead * centred
    # Not a number where the rollout has no reward.
    return lead * centred / delta if centred < 0.0 else 0.0


def _is_known(numbers: Sequence[float]) -> bool:
    # The sum is not a number where one of them is not, or both infinities are among them.
    total = sum(numbers)
    return total == total


def function_names(trainer: Any) -> list[str]:
    """Return the names of the reward functions, as TRL logs them."""
    names = getattr(trainer, "reward_func_names", None)
    if names is None:
        functions = trainer.reward_funcs
        names = [getattr(function, "__name__", type(function).__name__) for function in functions]
    return [str(name) for name in names]


def accuracy_index(names: Sequence[str], chosen: str | None) -> int | None:
    """Return which reward function is the accuracy, or None where that is not clear.

    The one that was named; else the only one; else the only one whose name contains "accuracy"
    or "correct".

    Args:
        names: The reward functions.
        chosen: The name that the user gave, or None.

    Raises:
        ConfigError: There is none of that name.

    >>> accuracy_index(["format_reward", "accuracy_reward"], None)
    1
    """
    if chosen is not None:
        if chosen in names:
            return names.index(chosen)
        near = difflib.get_close_matches(chosen, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError(
            f"no reward function is called {chosen!r}; {hint}there are: {', '.join(names)}"
        )
    if len(names) == 1:
        return 0
    found = [i for i, name in enumerate(names) if any(word in name.lower() for word in _WORDS)]
    return found[0] if len(found) == 1 else None
