"""The gathered rewards of a TRL rollout batch, and FADE's advantages of them.

Shapes: ``F`` reward functions; ``P`` prompts, ``G`` rollouts of each; ``N = P G``, all ranks
together. Only methods of the tensors are used, so that this imports no torch, and in the order
in which TRL uses them, so that alpha = delta = 1 gives TRL's own advantages to the last bit.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fade_client.errors import ConfigError

_WORDS = ("accuracy", "correct")


@dataclass(frozen=True, slots=True)
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

    def problem(self) -> str | None:
        """Say why FADE's advantages of this batch are undefined, or None."""
        if self.solved_PG is None:
            return "no reward function is known to be the accuracy; name it: accuracy_reward=..."
        known = self.solved_PG[~self.solved_PG.isnan()]
        if known.numel() == 0:
            return "the accuracy reward is None for every completion"
        low, high = float(known.min()), float(known.max())
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
        assert self.solved_PG is not None, "ask problem() first"
        rate_P1 = self.solved_PG.nanmean(dim=1, keepdim=True)
        # A group without any accuracy is weighed as GRPO does.
        lead_P1 = ((1.0 - rate_P1).clamp(min=0.0) ** (alpha - 1.0)).nan_to_num(nan=1.0)
        centred = self.total_PG - self.total_PG.nanmean(dim=1, keepdim=True)
        signed = centred.where(centred >= 0.0, centred / delta)
        return (lead_P1 * signed).nan_to_num(nan=0.0).reshape(-1)

    def fields(self) -> dict[str, float | None]:
        """Return what a record says of rewards that it cannot compute from the accuracy."""
        total = self.total_PG[~self.total_PG.isnan()].double()
        if total.numel() == 0:
            return {}
        spread = self.total_PG.nan_to_num().amax(dim=1) - self.total_PG.nan_to_num().amin(dim=1)
        fields: dict[str, float | None] = {
            "reward_mean": float(total.mean()),
            "reward_std": float(total.std(unbiased=False)),
            "zero_variance_fraction": float((spread == 0.0).double().mean()),
        }
        if self.problem() is None and self.solved_PG is not None:
            fields["accuracy"] = float(self.solved_PG.double().nanmean())
        return fields

    def scored(self) -> Any:
        """Return ``[P]``, whether every rollout of a group has its accuracy and its reward."""
        assert self.solved_PG is not None, "ask problem() first"
        return ~(self.solved_PG.isnan() | self.total_PG.isnan()).any(dim=1)


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
