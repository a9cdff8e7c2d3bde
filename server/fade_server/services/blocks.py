"""Blocks of the levels of detail, in the form that charts are made from, and a memory of them."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from cachetools import LRUCache

from fade_server.queries.runs import RunRow
from fade_server.services.downsample import Curve, Floats, first_of_each

MOST_BYTES = 96 * 2**20
"""What a process keeps of blocks at most; 100,000 steps of sixty metrics have 40 MiB in level 1."""

MOST_RUNS = 10_000
"""Of so many runs a process knows where they begin."""

OVERHEAD = 600
"""About what Python needs for a block beside its numbers, in bytes."""


@dataclass(frozen=True, slots=True)
class Block:
    """What a level keeps of one metric in some buckets in a row.

    Attributes:
        curve: The points that are kept of them, ``thin`` ones.
        table: ``[5, buckets]``: the smallest value of a bucket and of the values' negatives, the
            steps of both, and how many points there are; None where a value is not finite.
        reached: Of rows that are no block yet: every step below it is in the curve.
    """

    curve: Curve
    table: Floats | None
    reached: int = -1

    @property
    def size(self) -> int:
        """Bytes, about."""
        table = 0 if self.table is None else self.table.nbytes
        return OVERHEAD + 2 * self.curve[0].nbytes + table


NOTHING: Curve = np.empty(0), np.empty(0)
"""The curve of a metric that has no point."""

Blocks = Mapping[str, Block]
"""A block of each metric, by name."""


def tabulate(
    curves: Sequence[Curve], firsts: Sequence[int], width: int, buckets: int
) -> list[Block]:
    """Return the blocks of thin curves; all at once, as numpy's calls would cost the most.

    Args:
        curves: Each within its buckets.
        firsts: The first bucket of each.
        width: Steps of a bucket, a power of two.
        buckets: How many each has.
    """
    tables = np.zeros((len(curves), 5, buckets))
    which = np.repeat(np.arange(len(curves)), [len(steps) for steps, _ in curves])
    odd = set()
    if len(which):
        steps, values = (np.concatenate(column) for column in zip(*curves, strict=True))
        bucket = (steps * (1 / width)).astype(np.int64) - np.array(firsts)[which]
        starts = first_of_each(which * buckets + bucket)
        sizes = np.diff(starts, append=len(steps))
        row, column = which[starts], bucket[starts]
        for place, signed in enumerate((values, -values)):
            best = np.minimum.reduceat(signed, starts)
            at = np.where(signed == np.repeat(best, sizes), steps, np.inf)
            tables[row, place, column] = best
            tables[row, 2 + place, column] = np.minimum.reduceat(at, starts)
        tables[row, 4, column] = sizes
        odd = set(which[~np.isfinite(values)].tolist())
    # A copy each, so that one that is forgotten does not live on with the others.
    return [
        Block(curve, None if index in odd else tables[index].copy())
        for index, curve in enumerate(curves)
    ]


RunKey = tuple[int, float, int]
"""What tells a run, as it is since blocks of it were last dropped, from everything else."""


def run_key(run: RunRow) -> RunKey:
    """Return what changes whenever rows of a run do, or its number is used again."""
    return run.pk, run.created_at, run.level_drops


class Place(NamedTuple):
    """What names the same blocks for ever, in any process.

    Attributes:
        run: Between two drops, none of its rows changes: there only come more.
        level: Of the blocks.
        block: Which of the level.
        upto: The newest step that is in them; -1 where they are full.
    """

    run: RunKey
    level: int
    block: int
    upto: int


class Memory:
    """Blocks that charts were made from lately, so that looking around in a run reads them once.

    Only a cache: nothing is wrong, or lost, without it. It may be used from any thread.

    Args:
        most_bytes: Of all that are kept; what was not asked for longest goes first.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._kept: LRUCache[Place, Blocks] = LRUCache(most_bytes, getsizeof=_size)
        self._extents: LRUCache[RunKey, tuple[int, int]] = LRUCache(MOST_RUNS)
        self._lock = threading.Lock()

    def get(self, place: Place) -> Blocks:
        """Return the blocks of a place that are known, by metric."""
        with self._lock:
            return self._kept.get(place, {})

    def keep(self, place: Place, blocks: Blocks) -> Blocks:
        """Keep blocks beside those of the same place, and return them all."""
        with self._lock:
            every = {**self._kept.get(place, {}), **blocks}
            if _size(every) <= self._kept.maxsize:
                self._kept[place] = every
        return every

    def extent(self, run: RunKey) -> tuple[int, int] | None:
        """Return a run's first step, and the step that its blocks were seen to reach, if known."""
        with self._lock:
            return self._extents.get(run)

    def keep_extent(self, run: RunKey, extent: tuple[int, int]) -> None:
        """Keep a run's extent."""
        with self._lock:
            self._extents[run] = extent


def _size(blocks: Blocks) -> int:
    return sum(block.size for block in blocks.values())
