"""Levels of detail: what a chart needs of a long run, without its rows.

Level n keeps a few real points of every bucket of ``16**n`` steps: ``downsample.thin``. Thinning
level n - 1 gives the same points as thinning the rows, so a level is written from the one below,
and a reader (``charts``) gets the same answer whether a block was written already or not.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from fade_server.queries import levels as level_queries
from fade_server.queries import runs as run_queries
from fade_server.queries import steps as step_queries
from fade_server.services.context import Context
from fade_server.services.downsample import Curve, joined, thin
from fade_server.services.metrics import parse_metrics
from fade_server.services.points import Curves, read_points

FACTOR = 16
"""Steps of a bucket of level 1, and buckets of a level in one of the next."""

BUCKETS = 64
"""Buckets of a block. What no block holds yet is read from the rows, so a block is soon full."""

TOP = 11
"""Highest level: a block of it holds every step there can be."""

FEW_ROWS = 1024
"""A run with at most this many steps is read from its rows: bounded, and exact."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Steps in [low, high] that are read from one level; 0 is the rows."""

    level: int
    low: int
    high: int


def bucket_steps(level: int) -> int:
    """Return how many steps a bucket of a level has."""
    steps: int = FACTOR**level
    return steps


def block_steps(level: int) -> int:
    """Return how many steps a block of a level has."""
    return BUCKETS * bucket_steps(level)


def level_for(span: int, points: int) -> int:
    """Return the coarsest level that has at least ``points / 4`` buckets in a span of steps.

    A bucket keeps four points: its ends and its extremes.

    >>> level_for(1_000_000, 1500), level_for(5_000, 1500)
    (2, 0)
    """
    level = 0
    while 4 * span >= points * bucket_steps(level + 1) and level < TOP:
        level += 1
    return level


def plan(low: int, high: int, level: int, end: int) -> Iterator[Piece]:
    """Yield what to read for the steps in [low, high], in order.

    Whole buckets come from the level, as far as its blocks are written; what sticks out at
    either end comes from the levels below, and in the end from the rows.

    Args:
        low: First step.
        high: Last step.
        level: Coarsest level to read.
        end: Steps below it are in the blocks of level 1.
    """
    if low > high:
        return
    if level == 0:
        yield Piece(0, low, high)
        return
    bucket, block = bucket_steps(level), block_steps(level)
    start = -(-low // bucket) * bucket
    stop = min((high + 1) // bucket * bucket, end // block * block)
    if start >= stop:
        yield from plan(low, high, level - 1, end)
        return
    yield from plan(low, start - 1, level - 1, end)
    yield Piece(level, start, stop - 1)
    yield from plan(stop, high, level - 1, end)


def build_levels(context: Context, run_id: str) -> bool:
    """Write the first full block of a run that is not written yet.

    The rows are read without a lock. What changes them meanwhile is noticed under the lock, and
    the block is read again.

    Args:
        context: The service's parts.
        run_id: The client's name for the run; one that is gone is nothing to do.

    Returns:
        Whether there was one; then there may be more.
    """
    block = _next_block(context, run_id)
    if block is not None:
        _write_block(context, run_id, block)
    return block is not None


def runs_behind(context: Context) -> list[str]:
    """Return the runs that an earlier process may have left without some blocks."""
    with context.store.read() as session:
        return level_queries.runs_behind(session, block_steps(1))


def drop_levels(session: Session, pk: int, first: int) -> None:
    """Delete every block with steps from ``first`` on, because its rows changed, and count that."""
    touched = {level: first // block_steps(level) for level in range(1, TOP + 1)}
    level_queries.drop_blocks(session, pk, touched)
    run_queries.count_level_drop(session, pk)


def read_level(
    session: Session, pk: int, level: int, low: int, high: int, names: Sequence[str] | None = None
) -> dict[str, list[tuple[int, Curve]]]:
    """Return the blocks of a level in [low, high], in order, of each metric that has any.

    Args:
        session: Open session.
        pk: The run.
        level: Of the blocks.
        low: First block.
        high: Last block.
        names: Only these metrics; None for all.
    """
    parts: defaultdict[str, list[tuple[int, Curve]]] = defaultdict(list)
    for name, block, data in level_queries.read_blocks(session, pk, level, low, high, names):
        numbers = np.frombuffer(data, dtype="<f8")
        half = len(numbers) // 2
        parts[name].append((block, (numbers[:half], numbers[half:])))
    return parts


def written(session: Session, pk: int) -> int:
    """Return the step that everything below is in the blocks of level 1."""
    newest = level_queries.last_block(session, pk, 1)
    return 0 if newest is None else (newest + 1) * block_steps(1)


def _next_block(context: Context, run_id: str) -> int | None:
    """Return the first block of level 1 that is full and not written, or None."""
    with context.store.read() as session:
        run = run_queries.find_run(session, run_id)
        if run is None or run.last_step is None:
            return None
        full = (run.last_step + 1) // block_steps(1)
        low, high = written(session, run.pk), full * block_steps(1) - 1
        for part in run_queries.shown_parts(session, run.pk, low, high):
            step = step_queries.next_step(session, run.pk, *part)
            if step is not None:
                return step // block_steps(1)
    return None


def _write_block(context: Context, run_id: str, block: int) -> None:
    low, high = block * block_steps(1), (block + 1) * block_steps(1) - 1
    with context.store.read() as session:
        run = run_queries.find_run(session, run_id)
        if run is None:
            return
        # the time of a step is not among the names that a run reports
        names = [*run.metrics, "time"]
        metrics = [one for name in names for one in parse_metrics([name], [name])]
        # A schedule comes from the step before it.
        state = step_queries.count_steps(session, run.pk, low - 1, high)
        curves = read_points(session, run.pk, metrics, low, high)
    thinned = _thinned(curves, bucket_steps(1))
    with context.store.write() as session:
        run = run_queries.find_run(session, run_id, lock=True)
        if run is None or state != step_queries.count_steps(session, run.pk, low - 1, high):
            return
        end = written(session, run.pk)
        if end <= low:
            level_queries.add_blocks(session, run.pk, 1, block, thinned)
            _write_above(session, run.pk, end, high + 1)


def _write_above(session: Session, pk: int, before: int, end: int) -> None:
    """Write the blocks of the higher levels that became full when level 1 went on to ``end``."""
    for level in range(2, TOP + 1):
        width = block_steps(level)
        # Between the two there are no steps at all.
        for block in sorted({max(before - 1, 0) // width, (end - 1) // width}):
            if before < (block + 1) * width <= end:
                parts = read_level(session, pk, level - 1, block * FACTOR, (block + 1) * FACTOR - 1)
                curves = {name: joined([one for _, one in some]) for name, some in parts.items()}
                level_queries.add_blocks(
                    session, pk, level, block, _thinned(curves, bucket_steps(level))
                )


def _thinned(curves: Curves, width: int) -> dict[str, bytes]:
    kept = {name: thin(*curve, width) for name, curve in curves.items()}
    return {
        name: np.concatenate(pair).astype("<f8").tobytes()
        for name, pair in kept.items()
        if len(pair[0])
    }
