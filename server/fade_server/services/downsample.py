"""Fewer points with the same envelope: what a chart of this width would show anyway."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Curve = tuple[Floats, Floats]
"""Steps and values."""

MIN_POINTS = 8
"""Smallest budget: the two ends, and a group or two."""


def envelope(steps: Floats, values: Floats, points: int, width: int = 1) -> Curve:
    """Return at most ``points`` of the points, chosen and never averaged.

    Kept are the first and the last point, and the first of the smallest and of the largest finite
    values of each of a number of groups, so both extremes of the whole are there. A group is
    some buckets in a row, about as many in each. Non-finite values are kept too; where there are
    more than a third of the budget, the first of each group stands for the others in it.

    Args:
        steps: ``[N]``, not decreasing.
        values: ``[N]``; ``nan`` and infinities allowed.
        points: Most points to return, >= ``MIN_POINTS``.
        width: Steps of a bucket, as they were thinned; with 1 each point is one.

    Returns:
        Steps and values of the points that are kept, in their order.
    """
    if len(values) <= points:
        return steps, values
    starts = np.arange(len(values)) if width == 1 else first_of_each(steps // width)
    odd = ~np.isfinite(values)
    odd_kept = odd.nonzero()[0]
    few = len(odd_kept) <= (points - 2) // 3
    room = group_count(points, len(odd_kept)) if few else (points - 2) // 3
    starts = starts[group_starts(len(starts), room)]
    kept = np.zeros(len(values), dtype=bool)
    kept[[0, -1]] = True
    place = _extremes(values, ~odd, starts, kept)
    kept[odd_kept if few else odd_kept[first_of_each(place[odd_kept])]] = True
    return steps[kept], values[kept]


def group_count(points: int, odd: int = 0) -> int:
    """Return how many groups of two extremes fit beside the ends and some odd points."""
    return (points - 2 - odd) // 2


def group_starts(buckets: int, groups: int) -> NDArray[np.intp]:
    """Return the first bucket of each group: at most so many, of about the same size."""
    groups = min(groups, buckets)
    return -(-np.arange(groups) * buckets // groups)


def thin(steps: Floats, values: Floats, width: int) -> Curve:
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
    starts = first_of_each(steps // width)
    finite = np.isfinite(values)
    kept = np.zeros(len(steps), dtype=bool)
    kept[starts] = kept[starts[1:] - 1] = kept[-1] = True
    place = _extremes(values, finite, starts, kept)
    if not finite.all():
        for one in (np.isnan(values), values == np.inf, values == -np.inf):
            at = one.nonzero()[0]
            kept[at[first_of_each(place[at])]] = True
    return steps[kept], values[kept]


def joined(parts: Sequence[Curve]) -> Curve:
    """Return the curve that these are the parts of, in order."""
    if not parts:
        return np.empty(0), np.empty(0)
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([one for one, _ in parts]), np.concatenate([one for _, one in parts])


def _extremes(
    values: Floats, finite: NDArray[np.bool_], starts: NDArray[np.intp], kept: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Mark the first of the smallest and of the largest finite values from each start on.

    Returns:
        To which of the starts each value belongs.
    """
    sizes = np.diff(starts, append=len(values))
    place = np.repeat(np.arange(len(starts)), sizes)
    every = bool(finite.all())
    for extreme, worst in ((np.minimum, np.inf), (np.maximum, -np.inf)):
        best = extreme.reduceat(values if every else np.where(finite, values, worst), starts)
        chosen = values == np.repeat(best, sizes)
        at = (chosen if every else chosen & finite).nonzero()[0]
        kept[at[first_of_each(place[at])]] = True
    return place


def first_of_each(groups: NDArray[Any]) -> NDArray[np.intp]:
    """Return where each of the groups begins; they are in order."""
    begins = np.ones(len(groups), dtype=bool)
    np.not_equal(groups[1:], groups[:-1], out=begins[1:])
    return begins.nonzero()[0]
