"""The exact masses of an advantage function at a group size, by the binomial sum.

The 2^G outcomes of a group collapse to the G + 1 counts of successes, so the sums are exact.
Shapes: ``C`` counts 0 .. G of the successes of a group.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fade_core.advantages import METHODS, check_params, find_method
from fade_core.advantages.registry import bind
from fade_core.errors import SettingError, ShapeError
from fade_core.gradient_mass.batch import GradientMass

Floats = NDArray[np.float64]
AdvantageFn = Callable[..., object]
"""Maps rewards ``[P, G]``, a numpy array or a tensor, to weights of the same shape."""


@dataclass(frozen=True, slots=True)
class CountTable:
    """The weight of a success and of a failure in a group, by the number of its successes.

    Attributes:
        group_size: G.
        success: ``[G + 1]`` weight of a success where c of G succeed; 0 at c = 0.
        failure: ``[G + 1]`` weight of a failure, mostly negative; 0 at c = G.
    """

    group_size: int
    success: tuple[float, ...]
    failure: tuple[float, ...]


def exact_mass(
    method: str | AdvantageFn, solve_rate: float, group_size: int = 8, **params: float
) -> GradientMass:
    """Return both masses of an advantage function at a solve rate and group size.

        m_S = sum_c Binom(c; G, p) (c / G) w_S(c),   m_F = sum_c Binom(c; G, p) (1 - c / G) w_F(c)

    ``limit_mass`` is the limit for large groups. Two conventions hold for ids: DAPO's mass is
    that of a kept group, over 1 - p^G - q^G, because dynamic sampling draws another prompt for
    the rest; and a statistic of the batch that is not given (``batch_mean``, ``batch_std``) is
    that of a large batch of prompts of the same solve rate. A callable is taken as it is, each
    group alone in its batch.

    Source: FADE, arXiv:2607.01490, sections 2 to 4; the sum is derived.

    Args:
        method: A key of ``advantages.METHODS``, or a callable of rewards ``[P, G]``, an array
            or a tensor.
        solve_rate: p in [0, 1].
        group_size: G >= 2.
        **params: The method's own parameters; of a callable, passed on.

    Returns:
        m_S and m_F a rollout, exact up to float64 rounding.

    Raises:
        UnknownMethodError: No method has that id.
        SettingError: A parameter is unknown, missing or out of its range, or ``solve_rate`` or
            ``group_size`` is.
        ShapeError: A callable returns another shape.

    >>> exact_mass("grpo", 0.5, group_size=8)
    GradientMass(success=0.21875, failure=0.21875)
    """
    check_solve_rate(solve_rate)
    statistics = batch_statistics(method, solve_rate, group_size)
    table = count_table(method, group_size, **(statistics | params))
    mass = mass_of(table, solve_rate)
    if method == "dapo":
        kept = 1.0 - solve_rate**group_size - (1.0 - solve_rate) ** group_size
        scale = 1.0 / kept if kept > 0.0 else 0.0
        return GradientMass(mass.success * scale, mass.failure * scale)
    return mass


def count_table(method: str | AdvantageFn, group_size: int, **params: float) -> CountTable:
    """Return the weights of an advantage function for every composition of a group.

    Args:
        method: A key of ``advantages.METHODS``, or a callable of rewards ``[P, G]``.
        group_size: G >= 2.
        **params: The method's own parameters.

    Returns:
        Weight of a success and of a failure by the number of successes, each group alone in its
        batch.

    Raises:
        UnknownMethodError: No method has that id.
        SettingError: A parameter is unknown, missing or out of its range, ``group_size`` is, or
            a callable treats equal rollouts of one group differently.
        ShapeError: A callable returns another shape.
    """
    if group_size != int(group_size) or group_size < 2:
        raise SettingError(f"group_size must be a whole number >= 2, got {group_size}")
    call = as_function(method, **params)
    success, failure = [0.0] * (group_size + 1), [0.0] * (group_size + 1)
    for solved in range(group_size + 1):
        outcome = np.arange(group_size) < solved
        weights = call(outcome.astype(np.float64)[None, :])[0]
        success[solved] = _common(weights[outcome], solved, group_size)
        failure[solved] = _common(weights[~outcome], solved, group_size)
        _check_order(call, outcome, weights, solved)
    return CountTable(group_size, tuple(success), tuple(failure))


def as_function(method: str | AdvantageFn, **params: float) -> Callable[[Floats], Floats]:
    """Return an advantage function on numpy arrays, whatever it was written for.

    A callable is tried with a numpy array first, and where that fails with a float64 tensor, if
    torch has been imported: a callable of tensors cannot exist otherwise.

    Args:
        method: A key of ``advantages.METHODS``, or a callable of rewards ``[P, G]``.
        **params: The method's own parameters.

    Returns:
        A function of rewards ``[P, G]`` in float64 that returns weights ``[P, G]`` in float64.

    Raises:
        UnknownMethodError: No method has that id.
        SettingError: A parameter of the method is unknown or missing.
    """
    if isinstance(method, str):
        function: AdvantageFn = find_method(method, METHODS)
        check_params(function, method, params)
        params_bound = bind(function, params)
    else:
        function, params_bound = method, dict[str, object](params)

    def call(rewards_PG: Floats) -> Floats:
        result = _on_either(function, rewards_PG, params_bound)
        if result.shape != rewards_PG.shape:
            raise ShapeError(
                f"an advantage function must return the rewards' shape {list(rewards_PG.shape)}, "
                f"got {list(result.shape)}; return one weight a rollout"
            )
        return result

    return call


def mass_of(table: CountTable, solve_rate: float) -> GradientMass:
    """Return both masses at a solve rate from the weights by count.

    Args:
        table: Weights by the number of successes.
        solve_rate: p in [0, 1].

    Returns:
        m_S and m_F a rollout.
    """
    chance_C = binomial(table.group_size, solve_rate)
    share_C = np.arange(table.group_size + 1) / table.group_size
    success = float((chance_C * share_C * np.array(table.success)).sum())
    failure = float((chance_C * (1.0 - share_C) * np.array(table.failure)).sum())
    return GradientMass(success, 0.0 - failure)


def binomial(size: int, p: float) -> Floats:
    """Return the chances of 0 .. ``size`` successes at solve rate ``p``.

        C(size, c) p^c (1 - p)^(size - c)

    Source: standard definition; up to 1000 from exact binomial coefficients, above from the
    logarithm of the gamma function (about 1e-12 relative).

    Args:
        size: >= 0.
        p: In [0, 1].

    Returns:
        ``[size + 1]`` floats that sum to 1.
    """
    q = 1.0 - p
    if size <= 1000:
        count = np.arange(size + 1)
        chance: Floats = coefficients(size) * p**count * q ** (size - count)
        return chance
    if p in (0.0, 1.0):
        certain: Floats = (np.arange(size + 1) == p * size).astype(np.float64)
        return certain
    whole = math.lgamma(size + 1)
    log_p, log_q = math.log(p), math.log1p(-p)
    return np.array(
        [
            math.exp(
                whole
                - math.lgamma(c + 1)
                - math.lgamma(size - c + 1)
                + c * log_p
                + (size - c) * log_q
            )
            for c in range(size + 1)
        ]
    )


@lru_cache(maxsize=64)
def coefficients(size: int) -> Floats:
    """Return the binomial coefficients C(size, 0) .. C(size, size), rounded once.

    Args:
        size: In [0, 1000].

    Returns:
        ``[size + 1]`` floats, read-only.
    """
    found = np.array([float(math.comb(size, c)) for c in range(size + 1)])
    found.flags.writeable = False
    return found


def check_solve_rate(solve_rate: float) -> None:
    """Refuse a solve rate outside [0, 1].

    Args:
        solve_rate: p.

    Raises:
        SettingError: It is outside [0, 1].
    """
    if not 0.0 <= solve_rate <= 1.0:
        raise SettingError(f"solve_rate must be in [0, 1], got {solve_rate}")


def batch_statistics(
    method: str | AdvantageFn, solve_rate: float, group_size: int
) -> dict[str, float]:
    """Return the statistics of a large batch of one solve rate, where a method needs any.

    Args:
        method: A key of ``advantages.METHODS``, or a callable, which is taken as it is.
        solve_rate: p in [0, 1].
        group_size: G.

    Returns:
        ``batch_mean`` and ``batch_std`` as the method takes them; empty where it takes none.
    """
    p, q = solve_rate, 1.0 - solve_rate
    spread = (p * q) ** 0.5
    known = {
        "reinforce_pp": {"batch_mean": p, "batch_std": spread},
        "reinforce_pp_baseline": {"batch_std": spread * (1.0 - 1.0 / max(group_size, 1)) ** 0.5},
        "gdpo": {"batch_std": max(1.0 - p**group_size - q**group_size, 0.0) ** 0.5},
        "gpg": {"batch_mean": p},
        "a_grae": {"batch_mean": p},
    }
    return known.get(method, {}) if isinstance(method, str) else {}


def _on_either(function: AdvantageFn, rewards_PG: Floats, params: dict[str, object]) -> Floats:
    try:
        return _to_numpy(function(rewards_PG.copy(), **params))
    except (TypeError, AttributeError) as error:
        torch = sys.modules.get("torch")
        if torch is None:
            raise
        try:
            return _to_numpy(function(torch.from_numpy(rewards_PG.copy()), **params))
        except (TypeError, AttributeError):
            raise error from None


def _to_numpy(result: object) -> Floats:
    for step in ("detach", "cpu", "double"):
        result = getattr(result, step)() if hasattr(result, step) else result
    weights: Floats = np.asarray(result, dtype=np.float64)
    return weights


def _common(weights: Floats, solved: int, group_size: int) -> float:
    if weights.size == 0:
        return 0.0
    if not np.isfinite(weights).all():
        raise SettingError(
            f"an advantage function must return finite weights, got {weights[0]} for a group "
            f"with {solved} of {group_size} solved; guard its division"
        )
    value = float(weights[0])
    if np.abs(weights - value).max() > 1e-5 * (np.abs(weights).max() + 1e-12):
        raise SettingError(
            "an advantage function must give equal rewards of one group equal weights, got "
            f"{weights.min()} to {weights.max()} with {solved} of {group_size} solved"
        )
    return value


def _check_order(
    call: Callable[[Floats], Floats], outcome: NDArray[np.bool_], weights: Floats, solved: int
) -> None:
    turned = call(outcome[::-1].astype(np.float64)[None, :])[0][::-1]
    if np.abs(turned - weights).max() > 1e-5 * (np.abs(weights).max() + 1e-12):
        raise SettingError(
            "an advantage function must not depend on the order of the rollouts; it does where "
            f"{solved} of {len(outcome)} are solved, so its masses are not defined by the count"
        )
