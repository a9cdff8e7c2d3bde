"""Which advantage function a run really used, by the raw weights that it recorded."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fade_core.advantages import advantages
from fade_core.gradient_mass.batch import GradientMass, batch_mass
from fade_core.gradient_mass.exact import CountTable
from fade_core.gradient_mass.fit import Params, candidates
from fade_core.gradient_mass.profile import SAME, Match, matches

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """The raw weights of one rollout batch.

    Attributes:
        rewards: ``[P, G]``.
        advantages: ``[P, G]``, as the trainer used them.
        alpha: The difficulty focus the run used; None where it was not recorded.
        delta: The sign balance the run used; None where it was not recorded.
    """

    rewards: Floats
    advantages: Floats
    alpha: float | None = None
    delta: float | None = None


@dataclass(frozen=True, slots=True)
class RecordedProfile:
    """What recorded weights are.

    Attributes:
        group_size: G of the newest step.
        mass: Both masses, over all steps.
        nearest: The known method at the smallest distance; None where every weight is 0.
    """

    group_size: int
    mass: GradientMass
    nearest: Match | None

    @property
    def relation(self) -> str:
        """``equals``, ``proportional`` or ``none of these``, of the nearest method."""
        if self.nearest is None or self.nearest.distance > SAME:
            return "none of these"
        return "equals" if abs(self.nearest.factor - 1.0) <= SAME else "proportional"

    @property
    def verdict(self) -> str:
        """The relation in one line."""
        if self.nearest is None:
            return "every weight is 0"
        if self.relation == "equals":
            return f"equals {self.nearest}"
        if self.relation == "proportional":
            return f"{self.nearest.factor:.6g} times {self.nearest}"
        return f"none of these; nearest is {self.nearest} at distance {self.nearest.distance:.3g}"


def recorded_profile(steps: Sequence[RecordedStep]) -> RecordedProfile | None:
    """Find the known method that gives the recorded weights on the recorded rewards.

    Parameters are fitted to what groups with the same number of successes got. Where the run's
    own pair was recorded, ``fade`` is tried with that pair, step by step. A method whose weights
    depend on the whole batch cannot be told from a sample of its groups.

    Args:
        steps: At least one with finite rewards and weights; the newest comes last.

    Returns:
        The profile; None where no step is finite.

    >>> rewards = np.array([[1.0, 0.0], [1.0, 1.0]])
    >>> step = RecordedStep(rewards, rewards - rewards.mean(axis=1, keepdims=True))
    >>> recorded_profile([step]).verdict
    'equals grpo'
    """
    usable = [one for one in steps if _finite(one)]
    if not usable:
        return None
    weights = _joined([one.advantages for one in usable])
    share = np.full(weights.shape, 1.0 / weights.size)
    group_size = usable[-1].rewards.shape[1]

    def weights_of(method: str, params: Params) -> Floats:
        return _joined([advantages(one.rewards, method, **params) for one in usable])

    def scheduled(method: str, _: Params) -> Floats:
        pairs = [{"alpha": one.alpha or 1.0, "delta": one.delta or 1.0} for one in usable]
        parts = zip(usable, pairs, strict=True)
        return _joined([advantages(one.rewards, method, **pair) for one, pair in parts])

    found = list(matches(weights, share, candidates(_table(usable, group_size)), weights_of))
    newest = usable[-1]
    if newest.alpha is not None and newest.delta is not None:
        own = {"alpha": newest.alpha, "delta": newest.delta}
        found += matches(weights, share, [("fade", own)], scheduled)
    rewards = _joined([one.rewards for one in usable])
    mass = batch_mass(rewards[None, :], weights[None, :])
    return RecordedProfile(group_size, mass, _best(found))


def _best(found: list[Match]) -> Match | None:
    same = [match for match in found if match.distance <= SAME]
    # Of those that are the method, one without a factor; else the first, which is the simplest.
    equal = [match for match in same if abs(match.factor - 1.0) <= SAME]
    if equal or same:
        return (equal or same)[0]
    return min(found, key=lambda match: match.distance, default=None)


def _table(steps: Sequence[RecordedStep], group_size: int) -> CountTable:
    """Return the mean weights by the number of successes; 0 where no group had that number."""
    sums, counts = np.zeros((2, group_size + 1)), np.zeros((2, group_size + 1))
    for one in steps:
        if (
            one.rewards.shape[1] != group_size
            or not ((one.rewards == 0) | (one.rewards == 1)).all()
        ):
            continue
        solved = np.broadcast_to(one.rewards.sum(axis=1, keepdims=True), one.rewards.shape)
        for side, mask in enumerate((one.rewards == 1, one.rewards == 0)):
            place = solved[mask].astype(np.int64)
            sums[side] += np.bincount(place, one.advantages[mask], minlength=group_size + 1)
            counts[side] += np.bincount(place, minlength=group_size + 1)
    mean = sums / np.maximum(counts, 1.0)
    return CountTable(group_size, tuple(mean[0].tolist()), tuple(mean[1].tolist()))


def _joined(parts: Sequence[Floats]) -> Floats:
    return np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in parts])


def _finite(step: RecordedStep) -> bool:
    return bool(np.isfinite(step.rewards).all() and np.isfinite(step.advantages).all())
