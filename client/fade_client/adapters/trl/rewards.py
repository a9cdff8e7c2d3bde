"""The gathered rewards of a TRL rollout batch, and FADE's advantages of them.

Shapes: ``F`` reward functions; ``P`` prompts, ``G`` rollouts of each; ``N = P G``, all ranks
together. Only methods of the tensors are used, so that this imports no torch, and in the order
in which TRL uses them, so that alpha = delta = 1 gives TRL's own advantages to the last bit.
"""

import difflib
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
        low, high = _extremes(self._solved)
        if low >= 0.0 and high <= 1.0:
            return None
        if np.isnan(low):
            return "the accuracy reward is None for every completion"
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
        rate_P1 = self.solved_PG.nanmean(dim=1, keepdim=True)
        # A group without any accuracy is weighed as GRPO does.
        lead_P1 = ((1.0 - rate_P1).clamp(min=0.0) ** (alpha - 1.0)).nan_to_num(nan=1.0)
        centred = self.total_PG - self.total_PG.nanmean(dim=1, keepdim=True)
        signed = centred.where(centred >= 0.0, centred / delta)
        return (lead_P1 * signed).nan_to_num(nan=0.0).reshape(-1)

    def fields(self) -> dict[str, float | None]:
        """Return what a record cannot compute from the accuracy, because it is not all."""
        total, solved = self._total, self._solved
        if np.isnan(total).all() or (solved is not None and np.array_equal(total, solved)):
            return {}
        known = total[np.isfinite(total)].astype(np.float64)
        fields: dict[str, float | None] = {
            "reward_mean": float(known.mean()),
            "reward_std": float(known.std()),
            "zero_variance_fraction": float((total == total[:, :1]).all(axis=1).mean()),
        }
        if self.problem is None and solved is not None:
            fields["accuracy"] = float(np.nanmean(solved.astype(np.float64)))
        return fields

    def arrays(self, advantages_N: Sequence[float]) -> tuple[Floats | None, Floats | None]:
        """Return the accuracies and the advantages of the groups that are known as a whole.

        Args:
            advantages_N: What the trainer uses.

        Returns:
            Twice ``[P, G]``; None where there is no such group.
        """
        solved = self._solved
        if solved is None:
            return None, None
        weights = np.asarray(advantages_N, dtype=np.float32).reshape(solved.shape)
        unknown = np.isnan(solved) | np.isnan(self._total)
        if unknown.any():
            whole = ~unknown.any(axis=1)
            solved, weights = solved[whole], weights[whole]
        return (solved, weights) if len(solved) else (None, None)

    # One copy to the host, and the rest in numpy: a dozen small tensor operations would cost
    # more than the record itself.
    @cached_property
    def _total(self) -> Floats:
        return _host(self.total_PG)

    @cached_property
    def _solved(self) -> Floats | None:
        return None if self.solved_PG is None else _host(self.solved_PG)


def _host(tensor: Any) -> Floats:
    array: Floats = tensor.detach().float().cpu().numpy()
    return array


def _extremes(numbers: Floats) -> tuple[float, float]:
    low, high = float(numbers.min()), float(numbers.max())
    if low == low:
        return low, high
    known = numbers[~np.isnan(numbers)]
    return (float(known.min()), float(known.max())) if known.size else (low, high)


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
