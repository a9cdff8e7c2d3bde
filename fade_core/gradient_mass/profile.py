"""What an advantage function really does: its masses, its axes, and the method it is."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fade_core.advantages import METHODS, parameters
from fade_core.errors import FadeError
from fade_core.gradient_mass.axes import Axes, axes
from fade_core.gradient_mass.batch import GradientMass
from fade_core.gradient_mass.exact import (
    AdvantageFn,
    CountTable,
    as_function,
    check_solve_rate,
    count_table,
    exact_mass,
)
from fade_core.gradient_mass.fit import Params, candidates

Floats = NDArray[np.float64]
SOLVE_RATES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9)
SAME = 5e-7
"""Relative distance up to which two methods are one: the rounding of a float32 computation."""


@dataclass(frozen=True, slots=True)
class Match:
    """A known method beside the one that was profiled.

    Attributes:
        method: Its id.
        params: Its parameters; empty where it has none or all are at their defaults.
        factor: The profiled weights are about this times the method's; least squares.
        distance: What the factor leaves, relative to the weights: 0 for proportional, at most 1.
            Root mean square over rollouts, with every composition of a group alike.
    """

    method: str
    params: Params
    factor: float
    distance: float

    def __str__(self) -> str:
        inside = ", ".join(f"{name}={value:.6g}" for name, value in self.params.items())
        return f"{self.method}({inside})" if inside else self.method


@dataclass(frozen=True, slots=True)
class Profile:
    """What an advantage function does, at one group size.

    Attributes:
        group_size: G.
        table: Weight of a success and of a failure by the successes of the group.
        masses: Both masses at each solve rate asked for.
        axes: Sign, difficulty and scale.
        equals: Known methods with the same weights, the simplest first.
        proportional: Known methods with the same weights up to a factor.
        nearest: The known method at the smallest distance; None where every weight is 0.
        depends_on_batch: Whether a group's weights change with the other groups of its batch.
    """

    group_size: int
    table: CountTable
    masses: tuple[tuple[float, GradientMass], ...]
    axes: Axes
    equals: tuple[Match, ...]
    proportional: tuple[Match, ...]
    nearest: Match | None
    depends_on_batch: bool

    @property
    def relation(self) -> str:
        """``equals``, ``proportional`` or ``none of these``."""
        if self.equals:
            return "equals"
        return "proportional" if self.proportional else "none of these"

    @property
    def verdict(self) -> str:
        """The relation in one line."""
        if self.nearest is None:
            return "none of these: every weight is 0"
        if self.equals:
            return "equals " + ", ".join(str(match) for match in self.equals)
        if self.proportional:
            each = (f"{match.factor:.6g} times {match}" for match in self.proportional)
            return "proportional: " + ", ".join(each)
        return f"none of these; nearest is {self.nearest} at distance {self.nearest.distance:.3g}"


def profile(
    advantage_fn: str | AdvantageFn,
    group_size: int = 8,
    solve_rates: Sequence[float] = SOLVE_RATES,
    **params: float,
) -> Profile:
    """Work out an advantage function's masses and axes, and which known method it is.

    The function is called with every composition of a group of 0/1 rewards, each group alone,
    and once with all of them in one batch. All known methods, with parameters fitted to the
    result, are compared with it. Methods that coincide on 0/1 rewards at this group size are all
    named: a plain centred reward is ``grpo``, ``opo`` without lengths, ``power(alpha=1)`` ...

    Source: FADE, arXiv:2607.01490, sections 2 to 4, for the masses; the comparison is ours.

    Args:
        advantage_fn: A callable of rewards ``[P, G]`` that returns weights ``[P, G]``, on numpy
            arrays or on tensors; or a key of ``advantages.METHODS``.
        group_size: G >= 2; from 3 on a method's parameters can be told.
        solve_rates: Where to give the masses, each in [0, 1].
        **params: Passed on to the function.

    Returns:
        The profile.

    Raises:
        UnknownMethodError: No method has that id.
        SettingError: A parameter is out of its range, a weight is not finite, or the function
            treats equal rollouts of one group differently.
        ShapeError: The function returns another shape.

    >>> profile(lambda r: 2 * (r - r.mean(axis=1, keepdims=True))).proportional[0].factor
    2.0
    """
    for solve_rate in solve_rates:
        check_solve_rate(solve_rate)
    table = count_table(advantage_fn, group_size, **params)
    call = as_function(advantage_fn, **params)
    weights = _fingerprint(call, group_size)
    name = advantage_fn if isinstance(advantage_fn, str) else ""
    matches = sorted(_matches(weights, table, group_size), key=lambda match: match.method != name)
    same = [match for match in matches if match.distance <= SAME]
    equals = tuple(match for match in same if abs(match.factor - 1.0) <= SAME)
    return Profile(
        group_size=group_size,
        table=table,
        masses=tuple((p, exact_mass(advantage_fn, p, group_size, **params)) for p in solve_rates),
        axes=axes(advantage_fn, group_size, **params),
        equals=equals,
        proportional=tuple(match for match in same if match not in equals),
        nearest=_nearest(matches, same, equals),
        depends_on_batch=_depends_on_batch(weights),
    )


def _nearest(matches: list[Match], same: list[Match], equals: tuple[Match, ...]) -> Match | None:
    if equals or same:
        return (*equals, *same)[0]
    return min(matches, key=lambda match: match.distance, default=None)


def _matches(weights: Floats, table: CountTable, group_size: int) -> Iterator[Match]:
    def fingerprint(method: str, params: Params) -> Floats:
        return _fingerprint(as_function(method, **params), group_size)

    yield from matches(weights, _shares(group_size), candidates(table), fingerprint)


def matches(
    weights: Floats,
    share: Floats,
    tried: Iterable[tuple[str, Params]],
    weights_of: Callable[[str, Params], Floats],
) -> Iterator[Match]:
    """Compare weights with those that known methods give in the same place.

    Args:
        weights: Any shape.
        share: How much each of them counts; of the same shape, adds up to 1.
        tried: Methods with parameters; the same ones twice are compared once.
        weights_of: The weights of a method, in the same shape.

    Yields:
        The methods that point the same way; those not defined there are left out.
    """
    whole = float((share * weights**2).sum())
    seen: set[str] = set()
    if whole == 0.0:
        return
    for method, params in tried:
        full = _full(method, params)
        if repr((method, full)) in seen:
            continue
        seen.add(repr((method, full)))
        try:
            known = weights_of(method, full)
        except FadeError:
            continue
        size = float((share * known**2).sum())
        factor = float((share * weights * known).sum()) / size if size else 0.0
        if factor > 0.0:
            rest = float((share * (weights - factor * known) ** 2).sum())
            # A factor that is a round number to float64 accuracy is that number.
            near = round(factor, 12)
            yield Match(method, full, near, math.sqrt(max(rest, 0.0) / whole))


def _full(method: str, params: Params) -> Params:
    """Return the parameters with defaults filled in, without the batch's statistics."""
    known = {
        name: float(default)
        for name, default in parameters(METHODS[method]).items()
        if default is not None
    }
    return known | {name: float(value) for name, value in params.items()}


def _compositions(group_size: int) -> Floats:
    # The unsolved and the barely solved twice, so that the batch's accuracy is not 1/2.
    counts = [0, 1, *range(group_size + 1)]
    return np.array([[float(i < count) for i in range(group_size)] for count in counts])


def _fingerprint(call: Callable[[Floats], Floats], group_size: int) -> Floats:
    """Return the weights of every composition, alone and in one batch: ``[2, G + 3, G]``."""
    rewards = _compositions(group_size)
    alone = np.concatenate([call(row[None, :]) for row in rewards])
    return np.stack([alone, call(rewards)])


def _shares(group_size: int) -> Floats:
    share = np.ones((2, group_size + 3, group_size))
    share[:, :2] = 0.0
    share[1, :2] = 1.0
    weighted: Floats = share / share.sum()
    return weighted


def _depends_on_batch(weights: Floats) -> bool:
    return bool(np.abs(weights[0] - weights[1]).max() > SAME * np.abs(weights).max())
