"""The gathered rewards of a TRL rollout batch, and FADE's advantages of them.

Shapes: ``F`` reward functions; ``P`` prompts, ``G`` rollouts of each; ``N = P G``, all ranks
together. Only methods of the tensors are used, so that this imports no torch, and in the order
in which TRL uses them, so that alpha = delta = 1 gives TRL's own advantages to the last bit.
"""

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fade_client.errors import ConfigError

Floats = NDArray[np.float32]

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
        if columns == 1 and float(weights_F[0]) == 1.0:
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
        known = self._solved if _is_known(self._solved) else [x for x in self._solved if x == x]
        if not known:
            return "the accuracy reward is None for every completion"
        low, high = min(known), max(known)
        if low >= 0.0 and high <= 1.0:
            return None
        return (
            f"the accuracy reward must be in [0, 1], got {low:g} to {high:g}; map it there, such "
            "as {-1, +1} to {0, 1}, or name the reward that is an accuracy: accuracy_reward=..."
        )

    def fade(self, alpha: float, delta: float) -> Any:
        """Return FADE's advantage of each rollout, ``[N]``; see ``fade_core.advantages.fade``.

        The lead factor follows the accuracy, the sign and size TRL's weighted sum, so that a
        format reward beside the accuracy keeps its say. A rollout without any reward gets 0.

        Args:
            alpha: Difficulty focus, >= 1.
            delta: Sign balance, > 0.
        """
        assert self.solved_PG is not None, "look at problem first"
        mean_P1 = self.total_PG.nanmean(dim=1, keepdim=True)
        weights = self.total_PG - mean_P1
        if delta != 1.0:
            weights = weights.where(weights >= 0.0, weights / delta)
        if alpha != 1.0:
            is_one = self.solved_PG is self.total_PG
            rate_P1 = mean_P1 if is_one else self.solved_PG.nanmean(dim=1, keepdim=True)
            # A group without any accuracy is weighed as GRPO does.
            lead_P1 = (1.0 - rate_P1).clamp(min=0.0) ** (alpha - 1.0)
            weights = lead_P1.nan_to_num(nan=1.0) * weights
        return weights.nan_to_num(nan=0.0).reshape(-1)

    def fields(self) -> dict[str, float | None]:
        """Return what a record cannot compute from the accuracy, because it is not all."""
        total, solved = self._total, self._solved
        if solved is not None and _is_known(solved) and total == solved:
            return {} if self.problem else {"accuracy": sum(solved) / len(solved)}
        known = np.array([each for each in total if math.isfinite(each)])
        if not known.size:
            return {}
        fields: dict[str, float | None] = {
            "reward_mean": float(known.mean()),
            "reward_std": float(known.std()),
            "zero_variance_fraction": self._share_of_equal_groups(),
        }
        if solved is not None and self.problem is None:
            rated = [each for each in solved if each == each]
            fields["accuracy"] = sum(rated) / len(rated)
        return fields

    def arrays(self, advantages_N: Sequence[float]) -> tuple[Floats | None, Floats | None]:
        """Return the accuracies and the advantages of the groups that are known as a whole.

        Args:
            advantages_N: What the trainer uses.

        Returns:
            Twice ``[P, G]``; None where there is no such group.
        """
        if self._solved is None:
            return None, None
        shape = tuple(self.total_PG.shape)
        solved = np.array(self._solved, dtype=np.float32).reshape(shape)
        weights = np.array(advantages_N, dtype=np.float32).reshape(shape)
        if not (_is_known(self._solved) and _is_known(self._total)):
            unknown = np.isnan(solved) | np.isnan(self._total).reshape(shape)
            whole = ~unknown.any(axis=1)
            solved, weights = solved[whole], weights[whole]
        return (solved, weights) if len(solved) else (None, None)

    def _share_of_equal_groups(self) -> float:
        total = np.array(self._total).reshape(tuple(self.total_PG.shape))
        return float((total == total[:, :1]).all(axis=1).mean())

    # One copy to the host, as plain numbers: of the few that a batch has, a dozen operations
    # of numpy or torch would cost more than the record itself.
    @cached_property
    def _total(self) -> list[float]:
        if self._solved is not None and self.solved_PG is self.total_PG:
            return self._solved
        return _host(self.total_PG)

    @cached_property
    def _solved(self) -> list[float] | None:
        return None if self.solved_PG is None else _host(self.solved_PG)


def _host(tensor: Any) -> list[float]:
    numbers: list[float] = tensor.reshape(-1).tolist()
    return numbers


def _is_known(numbers: list[float]) -> bool:
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
