"""Fewer points with the same envelope: what a chart of this width would show anyway."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MIN_POINTS = 8
"""Smallest budget: the two ends, and a bucket or two."""


def envelope(steps: Floats, values: Floats, points: int) -> tuple[Floats, Floats]:
    """Return at most ``points`` of the points, chosen and never averaged.

    Kept are the first and the last point, and the smallest and the largest finite value of
    each of a number of equal buckets, so both extremes of the whole are there. Non-finite
    values are kept too; where there are more than a third of the budget, the first of each
    bucket stands for the others in it.

    Args:
        steps: ``[N]``, increasing.
        values: ``[N]``; ``nan`` and infinities allowed.
        points: Most points to return, >= ``MIN_POINTS``.

    Returns:
        Steps and values of the points that are kept, in their order.
    """
    if len(values) <= points:
        return steps, values
    kept = np.zeros(len(values), dtype=bool)
    kept[[0, -1]] = True
    odd = ~np.isfinite(values)
    few = int(odd.sum()) <= (points - 2) // 3
    room = points - 2 - int(odd.sum()) if few else points - 2
    width = -(-len(values) // (room // (2 if few else 3)))
    odd_kept = np.flatnonzero(odd)
    if not few:
        odd_kept = odd_kept[np.unique(odd_kept // width, return_index=True)[1]]
    kept[odd_kept] = True
    kept[_extremes(values, odd, width)] = True
    return steps[kept], values[kept]


def thin(steps: Floats, values: Floats, width: int) -> tuple[Floats, Floats]:
    """Keep of every bucket of ``width`` steps what a chart shows of it.

    Kept are the first and the last point, the first of the smallest and of the largest finite
    values, and the first of each kind of non-finite value. Thinning twice, to a width and then
    to a multiple of it, is thinning once.

    Source: Jugel et al. 2014, "M4: A Visualization-Oriented Time Series Data Aggregation"; the
    kinds of non-finite values are ours.

    Args:
        steps: ``[N]``, whole, >= 0, not decreasing.
        values: ``[N]``; ``nan`` and infinities allowed.
        width: Steps of a bucket; 1 keeps everything.

    Returns:
        Steps and values of the points that are kept, in their order.
    """
    if width == 1 or not len(steps):
        return steps, values
    starts = _first_of_each(steps // width)
    ends = np.append(starts[1:], len(steps))
    finite = np.isfinite(values)
    every = bool(finite.all())
    lows = np.minimum.reduceat(values if every else np.where(finite, values, np.inf), starts)
    highs = np.maximum.reduceat(values if every else np.where(finite, values, -np.inf), starts)
    place = np.repeat(np.arange(len(starts)), ends - starts)
    kept = np.zeros(len(steps), dtype=bool)
    kept[starts] = kept[ends - 1] = True
    chosen = [values == lows[place], values == highs[place]]
    if not every:
        odd = np.isnan(values), values == np.inf, values == -np.inf
        chosen = [*(finite & one for one in chosen), *odd]
    for one in chosen:
        at = one.nonzero()[0]
        kept[at[_first_of_each(place[at])]] = True
    return steps[kept], values[kept]


def _first_of_each(groups: NDArray[Any]) -> NDArray[np.intp]:
    """Return where each of the groups begins; they are in order."""
    begins = np.ones(len(groups), dtype=bool)
    np.not_equal(groups[1:], groups[:-1], out=begins[1:])
    return begins.nonzero()[0]


def _extremes(values: Floats, odd: NDArray[np.bool_], width: int) -> NDArray[np.intp]:
    """Return where the smallest and the largest finite value of each bucket are."""
    buckets = -(-len(values) // width)
    chosen = []
    for worst, find in ((np.inf, np.argmin), (-np.inf, np.argmax)):
        padded = np.full(buckets * width, worst)
        np.copyto(padded[: len(values)], values, where=~odd)
        at = np.arange(0, len(padded), width) + find(padded.reshape(buckets, width), axis=1)
        chosen.append(at[np.isfinite(padded[at])])
    return np.concatenate(chosen)
