"""The envelopes of many metrics at once, from the tables of their blocks.

Each is what ``envelope`` returns of the metric's thin points, but numpy is called once for all
metrics whose points lie in the same buckets, as nearly all of a run do: its calls cost more than
the numbers.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fade_server.services.blocks import Blocks
from fade_server.services.downsample import (
    Curve,
    Floats,
    envelope,
    group_count,
    group_starts,
    joined,
)


@dataclass(frozen=True, slots=True)
class Part:
    """Some buckets in a row.

    Attributes:
        blocks: Of every metric.
        first: First bucket of the blocks.
        start: Where the part begins in the blocks, in buckets.
        stop: Where it ends.
        width: Steps of a bucket.
    """

    blocks: Blocks
    first: int
    start: int
    stop: int
    width: int

    def curve(self, name: str) -> Curve:
        """Return the points of a metric."""
        steps, values = self.blocks[name].curve
        ends = [(self.first + self.start) * self.width, (self.first + self.stop) * self.width]
        inside = slice(*steps.searchsorted(ends))
        return steps[inside], values[inside]


def fold(parts: Sequence[Part], names: Sequence[str], points: int) -> dict[str, Curve]:
    """Return the envelope of each metric over some parts.

    Args:
        parts: In order.
        names: Metrics.
        points: Most points of each.
    """
    found: dict[str, Curve] = {}
    alike = defaultdict(list)
    finite = [name for name in names if all(part.blocks[name].table is not None for part in parts)]
    if finite:
        tables = _stacked(parts, finite)
        counts = tables[4]
        for row in (counts.sum(axis=1) > points).nonzero()[0].tolist():
            alike[(counts[row] > 0).tobytes()].append(row)
        for rows in alike.values():
            some = [finite[row] for row in rows]
            occupied = counts[rows[0]] > 0
            chosen = tables if len(rows) == len(finite) else tables[:, rows]
            chosen = chosen if occupied.all() else chosen[:, :, occupied]
            ends = np.array([_first(parts, name) + _last(parts, name) for name in some])
            found.update(zip(some, _folded(chosen, ends, points), strict=True))
    for name in names:
        if name not in found:
            found[name] = envelope(
                *joined([part.curve(name) for part in parts]), points, parts[0].width
            )
    return {name: found[name] for name in names}


def _first(parts: Sequence[Part], name: str) -> tuple[float, float]:
    """Return step and value of the first point of a metric, which has one."""
    for part in parts:
        steps, values = part.blocks[name].curve
        at = int(steps.searchsorted((part.first + part.start) * part.width))
        if at < len(steps):
            return steps[at], values[at]
    raise ValueError(f"{name} has no point")


def _last(parts: Sequence[Part], name: str) -> tuple[float, float]:
    """Return step and value of the last point of a metric, which has one."""
    for part in reversed(parts):
        steps, values = part.blocks[name].curve
        at = int(steps.searchsorted((part.first + part.stop) * part.width)) - 1
        if at >= 0:
            return steps[at], values[at]
    raise ValueError(f"{name} has no point")


def _stacked(parts: Sequence[Part], names: Sequence[str]) -> Floats:
    """Return ``[5, metrics, buckets]``."""
    places = [(part.blocks, slice(part.start, part.stop)) for part in parts]
    pieces = [
        table[:, inside]
        for name in names
        for blocks, inside in places
        if (table := blocks[name].table) is not None
    ]
    return np.concatenate(pieces, axis=1).reshape(5, len(names), -1)


def _folded(tables: Floats, ends: Floats, points: int) -> list[Curve]:
    """Return a curve a metric of ``tables``, which have a point in every bucket.

    Args:
        tables: ``[5, metrics, buckets]``.
        ends: ``[metrics, 4]``: step and value of the first and of the last point.
        points: Most points of each.
    """
    best, at = _grouped(tables[:2], tables[2:4], group_count(points))
    _, count, groups = best.shape
    steps, values = np.empty((2, count, 2 * groups + 2))
    steps[:, 0], values[:, 0], steps[:, -1], values[:, -1] = ends.T
    rises = at[0] <= at[1]
    steps[:, 1:-1:2], steps[:, 2:-1:2] = at.min(axis=0), at.max(axis=0)
    values[:, 1:-1:2] = np.where(rises, best[0], -best[1])
    values[:, 2:-1:2] = np.where(rises, -best[1], best[0])
    # One point may be both ends of its group, or an end of the whole.
    kept = np.ones(steps.shape, dtype=bool)
    np.not_equal(steps[:, 1:], steps[:, :-1], out=kept[:, 1:])
    cuts = [0, *kept.sum(axis=1).cumsum().tolist()]
    steps, values = steps[kept], values[kept]
    return [(steps[low:high], values[low:high]) for low, high in pairwise(cuts)]


def _grouped(best: Floats, at: Floats, groups: int) -> tuple[Floats, Floats]:
    """Return the smallest of each group of buckets along the last axis, and its first step."""
    buckets = best.shape[2]
    if buckets <= groups:
        return best, at
    starts = group_starts(buckets, groups)
    last = np.append(starts[1:], buckets) - 1
    found, found_at = best.take(starts, axis=2), at.take(starts, axis=2)
    # A few turns, of whole groups each, are less than a call a group.
    for turn in range(1, int((last - starts).max()) + 1):
        this = np.minimum(starts + turn, last)
        other = best.take(this, axis=2)
        better = other < found
        np.copyto(found, other, where=better)
        np.copyto(found_at, at.take(this, axis=2), where=better)
    return found, found_at
