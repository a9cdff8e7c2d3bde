"""Which known methods could have produced these weights: candidates with their parameters.

A candidate is only a guess, read off two compositions of a group; ``profile`` checks each one
against all of them.
"""

import math
from collections.abc import Callable, Iterator

from fade_core.advantages import METHODS
from fade_core.errors import FadeError
from fade_core.gradient_mass.exact import CountTable

Params = dict[str, float]
WITH_K = ("passk_success", "pkpo", "pkpo_loo", "passk_training")


def candidates(table: CountTable) -> Iterator[tuple[str, Params]]:
    """Yield the methods and parameters that are worth comparing with a table of weights.

    Args:
        table: Weights by the number of successes.

    Yields:
        Ids with parameters; first every method at its defaults, then fitted ones.
    """
    for method in METHODS:
        if method != "fade":
            yield method, {}
    for method in WITH_K:
        for k in range(1, table.group_size + 1):
            yield method, {"k": k}
    for ddof in (0, 1):
        yield "dapo", {"ddof": ddof}
    for fit in FITS:
        for method, params in _try(fit, table):
            yield method, params


def _try(
    fit: Callable[[CountTable], list[tuple[str, Params]]], table: CountTable
) -> list[tuple[str, Params]]:
    try:
        found = fit(table)
    except (ZeroDivisionError, ValueError, OverflowError, FadeError):
        return []
    return [(method, params) for method, params in found if _usable(params)]


def _usable(params: Params) -> bool:
    return all(isinstance(value, float | int) and math.isfinite(value) for value in params.values())


def _rates(table: CountTable) -> tuple[float, float, float, float]:
    """Return p and q of the groups with one and with two successes."""
    p1, p2 = 1.0 / table.group_size, 2.0 / table.group_size
    return p1, 1.0 - p1, p2, 1.0 - p2


def _ratio(values: tuple[float, ...]) -> float:
    return values[1] / values[2]


def _w_reinforce(table: CountTable) -> list[tuple[str, Params]]:
    return [("w_reinforce", {"lambda": _round(-table.success[1] / table.failure[1])})]


def _grpo_std(table: CountTable) -> list[tuple[str, Params]]:
    p, q, _, _ = _rates(table)
    sizes = {0: 1.0, 1: table.group_size / (table.group_size - 1.0)}
    eps = {ddof: q / table.success[1] - math.sqrt(p * q * size) for ddof, size in sizes.items()}
    return [
        ("grpo_std", {"ddof": ddof, "eps": float(f"{value:.6g}")})
        for ddof, value in eps.items()
        if value > 0.0
    ]


def _log_mean_exp(table: CountTable) -> list[tuple[str, Params]]:
    p1, q1, p2, q2 = _rates(table)
    ratio = _ratio(table.success) * q2 / q1
    return [("log_mean_exp", {"beta": _round(math.log((q2 - ratio * q1) / (ratio * p1 - p2)))})]


def _f_grpo(table: CountTable) -> list[tuple[str, Params]]:
    p1, q1, p2, q2 = _rates(table)
    shape = _ratio(table.success) / math.sqrt(q1 * p2 / (p1 * q2))
    return [("f_grpo", {"gamma": _round(math.log(shape) / math.log(q1 / q2))})]


def _fade(table: CountTable) -> list[tuple[str, Params]]:
    p1, q1, _, q2 = _rates(table)
    alpha = _round(math.log(_ratio(table.success)) / math.log(q1 / q2))
    delta = _round(-table.success[1] * p1 / (table.failure[1] * q1))
    return [
        ("power", {"alpha": alpha}),
        ("asym_grpo", {"delta": delta}),
        ("fade", {"alpha": alpha, "delta": delta}),
    ]


def _asym_grpo_gu(table: CountTable) -> list[tuple[str, Params]]:
    p1, q1, p2, q2 = _rates(table)
    odds = math.log(q1 * p2 / (p1 * q2))
    up = _round(math.log(_ratio(table.success)) / odds)
    down = _round(-math.log(_ratio(table.failure)) / odds)
    return [("asym_grpo_gu", {"beta_pos": up, "beta_neg": down})]


def _qae(table: CountTable) -> list[tuple[str, Params]]:
    size = table.group_size
    # The largest number of successes at which the baseline is still that of the failures.
    last = max(c for c in range(size) if -table.failure[c] < 0.5)
    blurred = [c for c in range(1, size) if 1e-9 < -table.failure[c] < 1.0 - 1e-9]
    position = size - 1.0 - last
    if blurred:
        position = size - blurred[0] - 1.0 - table.failure[blurred[0]]
    found = [("qae", {"K": min(1.0, _round(position / (size - 1.0)))})]
    return [*found, ("qae", {"K": _round((size - last) / size), "interpolate": 0.0})]


def _a_grae(table: CountTable) -> list[tuple[str, Params]]:
    _, q1, _, _ = _rates(table)
    return [("a_grae", {"ceiling": _round(-table.failure[1] * q1 / table.success[1])})]


def _round(value: float) -> float:
    return float(f"{value:.10g}") + 0.0


FITS: tuple[Callable[[CountTable], list[tuple[str, Params]]], ...] = (
    _w_reinforce,
    _grpo_std,
    _log_mean_exp,
    _f_grpo,
    _fade,
    _asym_grpo_gu,
    _qae,
    _a_grae,
)
