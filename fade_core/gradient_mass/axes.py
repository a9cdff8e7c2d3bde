"""The three axes of an advantage function as numbers, and its masses as a curve.

Sign, difficulty and scale: which class of outcome moves the policy, on which prompts, how far.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from fade_core.errors import SettingError
from fade_core.gradient_mass.batch import GradientMass
from fade_core.gradient_mass.exact import (
    AdvantageFn,
    batch_statistics,
    count_table,
    exact_mass,
    mass_of,
)
from fade_core.gradient_mass.limits import limit_mass

MassFunction = Callable[[float], GradientMass]
STENCIL = ((-3, -1.0), (-2, 9.0), (-1, -45.0), (1, 45.0), (2, -9.0), (3, 1.0))
"""Central difference of sixth order, over 60 h."""


@dataclass(frozen=True, slots=True)
class Axes:
    """Where an advantage function stands, for prompts of every solve rate alike.

    Attributes:
        sign_ratio: Mean of m_S over mean of m_F; ``nan`` where both are 0.
        peak_solve_rate: Solve rate at which |m_S| + |m_F| is largest, in [0, 1]; ``nan`` where
            it is the same everywhere.
        scale: Mean of |m_S| + |m_F| over that of ``grpo`` at the same group size.
    """

    sign_ratio: float
    peak_solve_rate: float
    scale: float


@dataclass(frozen=True, slots=True)
class MassCurve:
    """Both masses over the solve rate, ready to plot.

    Attributes:
        solve_rate: p, from 0 to 1.
        success: m_S at each p.
        failure: m_F at each p.
    """

    solve_rate: list[float]
    success: list[float]
    failure: list[float]


def mass_function(
    method: str | AdvantageFn, group_size: int | None = 8, **params: float
) -> MassFunction:
    """Return both masses of an advantage function as a function of the solve rate.

    Args:
        method: A key of ``advantages.METHODS``, or a callable of rewards ``[P, G]``.
        group_size: G >= 2, or None for the limit of large groups (ids only).
        **params: The method's own parameters.

    Returns:
        A function of p in [0, 1].

    Raises:
        UnknownMethodError: No method has that id.
        SettingError: A parameter or the group size is out of its range, or the limit of a
            callable is asked for.
        ShapeError: A callable returns another shape.
    """
    if group_size is None:
        if not isinstance(method, str):
            raise SettingError(
                "the limit of large groups is known for method ids only; pass a group_size, such "
                "as 64, for a callable"
            )
        limit_mass(method, 0.5, **params)
        return lambda p: limit_mass(method, p, **params)
    if method == "dapo" or batch_statistics(method, 0.5, group_size):
        exact_mass(method, 0.5, group_size, **params)
        return lambda p: exact_mass(method, p, group_size, **params)
    table = count_table(method, group_size, **params)
    return lambda p: mass_of(table, p)


def mass_curve(
    method: str | AdvantageFn, group_size: int | None = 8, points: int = 101, **params: float
) -> MassCurve:
    """Return both masses on an even grid of solve rates.

    Source: FADE, arXiv:2607.01490, sections 2 to 4.

    Args:
        method: A key of ``advantages.METHODS``, or a callable of rewards ``[P, G]``.
        group_size: G >= 2, or None for the limit of large groups (ids only).
        points: Number of solve rates, >= 2; the first is 0 and the last 1.
        **params: The method's own parameters.

    Returns:
        Three lists of ``points`` floats.

    Raises:
        UnknownMethodError, SettingError, ShapeError: As ``mass_function``.
    """
    if points < 2:
        raise SettingError(f"points must be >= 2, got {points}")
    mass = mass_function(method, group_size, **params)
    grid = np.linspace(0.0, 1.0, points).tolist()
    masses = [mass(p) for p in grid]
    return MassCurve(grid, [m.success for m in masses], [m.failure for m in masses])


def axes(method: str | AdvantageFn, group_size: int | None = 8, **params: float) -> Axes:
    """Return an advantage function's place on the sign, difficulty and scale axes.

        sign  = E[m_S] / E[m_F],   scale = E[|m_S| + |m_F|] / E[the same of grpo],   p uniform
        peak  = argmax_p |m_S(p)| + |m_F(p)|

    None of them is a property of the expected on-policy gradient, whose direction is the same
    for all methods with a positive m_S + m_F p / q: they act through finite samples, clipping,
    re-use of samples and shared parameters.

    Source: FADE, arXiv:2607.01490, sections 2 to 4. Taking prompts of every solve rate alike is
    our choice; a real batch has its own mix (``mass_by_difficulty``).

    Args:
        method: A key of ``advantages.METHODS``, or a callable of rewards ``[P, G]``.
        group_size: G >= 2, or None for the limit of large groups (ids only).
        **params: The method's own parameters.

    Returns:
        The three numbers, to about 1e-10 where the masses are smooth in p.

    Raises:
        UnknownMethodError, SettingError, ShapeError: As ``mass_function``.

    >>> [round(value, 6) for value in (lambda a: (a.sign_ratio, a.peak_solve_rate, a.scale))(
    ...     axes("fade", None, alpha=3.0, delta=0.3))]
    [0.3, 0.25, 0.65]
    """
    mass = cache(mass_function(method, group_size, **params))
    # The mean of 2 p q (1 - 1/G), which is grpo's.
    reference = (1.0 - (1.0 / group_size if group_size else 0.0)) / 3.0
    mean = GradientMass(_mean(lambda p: mass(p).success), _mean(lambda p: mass(p).failure))
    scale = _mean(lambda p: _size(mass(p))) / reference
    return Axes(mean.sign_ratio, _peak(lambda p: _size(mass(p))), scale)


def _size(mass: GradientMass) -> float:
    return abs(mass.success) + abs(mass.failure)


def _mean(function: Callable[[float], float]) -> float:
    # p = sin^2 t makes square roots of p and of 1 - p smooth at both ends.
    node_N, weight_N = np.polynomial.legendre.leggauss(128)
    angle_N = (node_N + 1.0) * np.pi / 4.0
    share_N = weight_N * np.pi / 4.0 * np.sin(2.0 * angle_N)
    values = [function(float(p)) for p in np.sin(angle_N) ** 2]
    return float((np.array(values) * share_N).sum())


def _peak(function: Callable[[float], float]) -> float:
    grid = np.linspace(0.0, 1.0, 201)
    values = np.array([function(float(p)) for p in grid])
    if values.max() - values.min() <= 1e-9 * np.abs(values).max():
        return float("nan")
    best = int(values.argmax())
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, 200)])
    if best in (0, 200):
        return float(grid[best])
    # The zero of the slope is sharp where the maximum itself is flat.
    step = min(1e-3, low / 4.0 or 1e-3, (1.0 - high) / 4.0 or 1e-3)
    for _ in range(60):
        middle = (low + high) / 2.0
        if _slope(function, middle, step) > 0.0:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def _slope(function: Callable[[float], float], p: float, step: float) -> float:
    inside = min(step, p / 4.0, (1.0 - p) / 4.0)
    return sum(factor * function(p + i * inside) for i, factor in STENCIL) / (60.0 * inside)
