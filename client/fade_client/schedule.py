"""The pair that the trainer uses: the local scheduler, and the advantages made with it.

Shapes: ``P`` prompts, ``G`` rollouts of each prompt.
"""

import importlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any

import numpy as np

from fade_client.values import is_tensor
from fade_core import advantages as numpy_advantages
from fade_core import scheduler
from fade_core.errors import RewardError
from fade_core.scheduler import Averages, Schedule, SchedulerConfig

_fields_of = attrgetter(*(field.name for field in fields(Schedule)))

MAX_BACKLOG = 4096
"""Observations that ``bound`` lets wait to be folded; the sender folds them long before."""


@dataclass(frozen=True, slots=True)
class RunSchedule(Schedule):
    """A schedule that can be applied: ``schedule.advantages(rewards)``.

    Read it once a rollout batch, and use the same one for the whole batch.
    """

    def advantages(self, rewards_PG: Any) -> Any:
        """Return the advantage weights of these rewards under this pair.

        The neutral pair of a run that only observes is GRPO without division by the standard
        deviation, on rewards of any range.

        Args:
            rewards_PG: ``[P, G]`` rewards, a torch tensor, a numpy array or nested lists; in
                [0, 1] unless ``source`` is ``fallback``; ``G >= 2``.

        Returns:
            ``[P, G]``: a tensor on the same device for a tensor, else a numpy array; a
            floating dtype is kept.

        Raises:
            ShapeError: The rewards are not ``[P, G]``, or a group has fewer than two rollouts.
            RewardError: A reward is outside [0, 1]. Of a tensor on an accelerator this is not
                checked, because reading it back would stall the training.
        """
        if is_tensor(rewards_PG):
            return self._of_tensor(rewards_PG)
        rewards = np.asarray(rewards_PG)
        floating = rewards.dtype if rewards.dtype.kind == "f" else np.dtype(np.float64)
        if self.source == "fallback":
            return numpy_advantages.grpo(rewards).astype(floating, copy=False)
        weights = numpy_advantages.fade(rewards, self.alpha, self.delta)
        return weights.astype(floating, copy=False)

    def _of_tensor(self, rewards_PG: Any) -> Any:
        # By name, because only a process that already imported torch may load its side.
        family = importlib.import_module("fade_core.torch.advantages")
        if self.source == "fallback":
            return family.grpo(rewards_PG)
        if rewards_PG.device.type == "cpu":
            _check_range(rewards_PG)
        return family.fade(rewards_PG, self.alpha, self.delta)


class LocalScheduler:
    """FADE's scheduler beside the trainer, the same function that the server computes.

    ``observe`` only notes the observation; it is folded into the averages by ``fold``, which
    the sender calls between batches and ``current`` calls before it answers. So a logged step
    does not pay for a schedule that nobody reads, nor ``pair`` for a reason that nobody reads.

    Attributes:
        observe: Notes the step, accuracy and entropy of one record; ``nan`` for what it lacks.

    Args:
        config: Tuning.
    """

    def __init__(self, config: SchedulerConfig) -> None:
        self.config = config
        # Flat, for a tuple that is kept costs a step more than its three numbers do.
        self._backlog: list[Any] = []
        self.observe: Callable[[tuple[int, float, float]], None] = self._backlog.extend
        self._last: list[Any] = []
        self._schedule = scheduler.initial(config)
        self._averages = Averages.of(self._schedule)
        self._first_version = self._schedule.version
        self._lock = threading.Lock()

    def fold(self) -> None:
        """Take in everything observed so far."""
        with self._lock:
            noted = self._backlog[:]
            # Only these: another thread may have observed a step meanwhile.
            del self._backlog[: len(noted)]
            for start in range(0, len(noted), 3):
                step, accuracy, entropy = self._last = noted[start : start + 3]
                self._averages = scheduler.advance(
                    self._averages, step, accuracy, entropy, self.config
                )

    def bound(self) -> None:
        """Fold if too much waits for it, because nobody else does."""
        if len(self._backlog) > 3 * MAX_BACKLOG:
            self.fold()

    def pair(self) -> tuple[float, float, int]:
        """Return alpha, delta and the version after everything observed so far."""
        self.fold()
        averages = self._averages
        return *scheduler.pair_of(averages, self.config), averages.version

    def current(self) -> Schedule:
        """Return the schedule after everything observed so far."""
        self.fold()
        with self._lock:
            if self._schedule.version != self._averages.version:
                _, accuracy, entropy = self._last
                self._schedule = scheduler.explained(self._averages, accuracy, entropy, self.config)
            return self._schedule

    def observed(self) -> int:
        """Return how many records were observed since the start, or since ``restore``."""
        self.fold()
        return self._averages.version - self._first_version

    def restore(self, schedule: Schedule) -> None:
        """Go on from a stored schedule."""
        with self._lock:
            self._backlog.clear()
            self._schedule, self._first_version = schedule, schedule.version
            self._averages = Averages.of(schedule)

    def renew_after_fork(self) -> None:
        """In a forked child: a lock that no vanished thread holds."""
        self._lock = threading.Lock()


def applied(schedule: Schedule) -> RunSchedule:
    """Return a schedule in the form that computes advantages."""
    return RunSchedule(*_fields_of(schedule))


def neutral(schedule: Schedule, mode: str) -> RunSchedule:
    """Return the pair of a run that only observes: alpha = 1, delta = 1, which is GRPO's.

    Args:
        schedule: What FADE would use, for the version, the averages and the reason.
        mode: The run's mode, for the reason.
    """
    reason = (
        f"mode is {mode}, so the pair is GRPO's; "
        f"FADE would use alpha {schedule.alpha:.3g}, delta {schedule.delta:.3g}"
    )
    pair = applied(schedule)
    return replace(pair, alpha=1.0, delta=1.0, reason=reason, source="fallback")


def _check_range(rewards_PG: Any) -> None:
    if rewards_PG.numel() == 0:
        return
    low, high = float(rewards_PG.detach().min()), float(rewards_PG.detach().max())
    if not (low >= 0.0 and high <= 1.0):
        raise RewardError(
            f"rewards must be in [0, 1] and finite, got {low} to {high}; "
            "map {-1, +1} to {0, 1}, or pass the accuracy reward alone instead of a sum"
        )
