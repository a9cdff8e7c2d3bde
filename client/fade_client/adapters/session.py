"""One record a rollout batch, joined from what a trainer says at different times.

Shapes: ``P`` prompts, ``G`` rollouts of each prompt.
"""

import math
from collections.abc import Mapping
from typing import Any

from fade_client.run import Run


class Session:
    """The record of the batch in progress, and the run that it goes to.

    ``begin`` opens a batch and closes the one before, so that what was observed at batch k is
    in the schedule of batch k + 1. A value that is given several times within a batch, as by
    gradient accumulation, is recorded as its mean.

    Args:
        run: Where the records go.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._is_open = False
        self._arrays: dict[str, Any] = {}
        self._numbers: dict[str, list[float]] = {}
        self._fixed: dict[str, Any] = {}

    def begin(self) -> None:
        """Record the batch before, and start the next."""
        self.flush()
        self._is_open = True

    def weigh(
        self, rewards_PG: Any = None, advantages_PG: Any = None, **fields: float | None
    ) -> None:
        """Note the batch's rewards and the advantages that the trainer uses.

        Args:
            rewards_PG: ``[P, G]``, or None where they are no solve rates or of uneven groups.
            advantages_PG: ``[P, G]``.
            **fields: Values for ``Run.log_step``; None takes one out.
        """
        self._arrays = {"rewards": rewards_PG, "advantages": advantages_PG}
        self._fixed |= fields

    def add(self, numbers: Mapping[str, float | list[float]]) -> None:
        """Note values of the batch in progress; without one they are of no batch.

        Args:
            numbers: One or several values by name.
        """
        if not self._is_open:
            return
        for name, given in numbers.items():
            several = given if isinstance(given, list) else [given]
            known = self._numbers.get(name)
            self._numbers[name] = several if known is None else known + several

    def has(self, name: str) -> bool:
        """Say whether the batch in progress has a value of that name."""
        return name in self._numbers

    def flush(self) -> None:
        """Record the batch in progress, if there is one."""
        if not self._is_open:
            return
        means = {
            name: numbers[0] if len(numbers) == 1 else _mean(numbers)
            for name, numbers in self._numbers.items()
            if numbers
        }
        arrays, fixed = self._arrays, self._fixed
        self._is_open, self._arrays, self._numbers, self._fixed = False, {}, {}, {}
        self.run.log_step(None, means | fixed, **arrays)

    def finish(self, status: str = "finished") -> None:
        """Record the batch in progress if it was weighed, and end the run."""
        if self._arrays:
            self.flush()
        self._is_open = False
        self.run.finish(status)


def _mean(numbers: list[float]) -> float:
    # A sum over an infinity and its opposite raises in fsum; such a batch is not a number.
    if not all(map(math.isfinite, numbers)):
        return _worst(numbers)
    return math.fsum(numbers) / len(numbers)


def _worst(numbers: list[float]) -> float:
    infinities = {number for number in numbers if math.isinf(number)}
    is_one_sided = len(infinities) == 1 and not any(map(math.isnan, numbers))
    return infinities.pop() if is_one_sided else math.nan
