"""The gathered rewards of a TRL rollout batch, and FADE's advantages of them.

Shapes: ``F`` reward functions; ``P`` prompts, ``G`` rollouts of each; ``N = P G``, all ranks
together. Only methods of the tensors are used, so that this imports no torch. The means are
TRL's own calls, so that alpha = delta = 1 gives TRL's own advantages to the last bit; the rest is
done on plain numbers, because after a training step the caches hold nothing of torch or numpy, and
of the few numbers that a batch has each of their calls would cost more than the whole list.
"""

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from fade_client.errors import ConfigError
from fade_client.frames import Array

Rows = list[list[float]]

_WORDS = ("accuracy", "correct")


@dataclass(frozen=True)
class Rewards:
    """The rewards of one rollout batch, the same on every rank.

    Attributes:
        total_PG: What TRL trains on: the weighted sum over the reward functions.
        solved_PG: The accuracy reward, or None where none is known; ``nan`` where the function
            returned None.
    """

    total_PG: Any
    solved_PG: Any | None

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
        columns = per_function_NF.shape[1]
        if columns == 1 and weights_F.tolist() == [1.0]:
            # One reward of weight 1 is its own sum, and a dozen small operations less.
            only_PG = per_function_NF.reshape(-1, group_size)
            return cls(only_PG, None if index is None else only_PG)
        weights = weights_F.to(per_function_NF.device).unsqueeze(0)
        total = (per_function_NF * weights).nansum(dim=1)
        unscored = per_function_NF.isnan().all(dim=1)
        total_PG = total.masked_fill(unscored, float("nan")).view(-1, group_size)
        solved = None if index is None else per_function_NF[:, index].reshape(-1, group_size)
        return cls(total_PG, solved)

    @cached_property
    def problem(self) -> str | None:
        """Why FADE's advantages of this batch are undefined, or None."""
        if self._solved is None:
            return "no reward function is known to be the accuracy; name it: accuracy_reward=..."
        known = [each for group in self._solved for each in group if each == each]
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
        assert self._solved is not None, "look at problem first"
        centred_PG = self.total_PG - self.total_PG.nanmean(dim=1, keepdim=True)
        weights: list[float] = []
        for solved, centred in zip(self._solved, centred_PG.tolist(), strict=True):
            lead = _lead(solved, alpha)
            weights += [_weight(each, lead, delta) for each in centred]
        return weights

    def fields(self) -> dict[str, float | None]:
        """Return what a record cannot compute from the accuracy, because it is not all."""
        fields: dict[str, float | None] = {}
        if self._solved is not None and self.problem is None:
            fields["accuracy"] = _mean([each for each in chain(*self._solved) if each == each])
        if self._solved == self._total and all(map(_is_known, self._total)):
            return fields
        known = [each for each in chain(*self._total) if math.isfinite(each)]
        if known:
            mean = fields["reward_mean"] = _mean(known)
            fields["reward_std"] = math.sqrt(_mean([(each - mean) ** 2 for each in known]))
            equal = [group for group in self._total if all(each == group[0] for each in group)]
            fields["zero_variance_fraction"] = len(equal) / len(self._total)
        return fields

    def arrays(self, advantages_N: Sequence[float]) -> tuple[Array | None, Array | None]:
        """Return the accuracies and the advantages of the groups that are known as a whole.

        Args:
            advantages_N: What the trainer uses.

        Returns:
            Twice ``[P, G]``; None where there is no such group.
        """
        if self._solved is None:
            return None, None
        size = self.total_PG.shape[1]
        starts = range(0, len(advantages_N), size)
        weights = (advantages_N[start : start + size] for start in starts)
        groups = zip(self._solved, self._total, weights, strict=True)
        whole = [(ours, used) for ours, all_, used in groups if _is_known(ours) and _is_known(all_)]
        if not whole:
            return None, None
        return Array.of_rows([one for one, _ in whole]), Array.of_rows([one for _, one in whole])

    # One copy to the host.
    @cached_property
    def _total(self) -> Rows:
        if self._solved is not None and self.solved_PG is self.total_PG:
            return self._solved
        rows: Rows = self.total_PG.tolist()
        return rows

    @cached_property
    def _solved(self) -> Rows | None:
        return None if self.solved_PG is None else self.solved_PG.tolist()


def _lead(solved_G: Sequence[float], alpha: float) -> float:
    known = [each for each in solved_G if each == each]
    # A group without any accuracy is weighed as GRPO does.
    rate = _mean(known) if known else 0.0
    lead: float = max(0.0, 1.0 - rate) ** (alpha - 1.0)
    return lead


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
