"""Blocks of the levels of detail."""

from collections.abc import Mapping, Sequence

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select
from sqlalchemy.orm import Session

from fade_server.tables import levels, runs

WRITTEN = ""
"""In the place of a metric: the block was written, with or without data."""

# Built once: a chart is read in less time than it takes to build what asks for it.
_OF_LEVEL = and_(levels.c.run_pk == bindparam("pk"), levels.c.level == bindparam("level_"))
_NEWEST = select(func.max(levels.c.block)).where(_OF_LEVEL, levels.c.metric == WRITTEN)
_BLOCKS = (
    select(levels.c.metric, levels.c.block, levels.c.data)
    .where(_OF_LEVEL, levels.c.block.between(bindparam("low"), bindparam("high")))
    .order_by(levels.c.metric, levels.c.block)  # as they lie
)
_EVERY_METRIC = _BLOCKS.where(levels.c.metric != WRITTEN)
_SOME_METRICS = _BLOCKS.where(levels.c.metric.in_(bindparam("metrics", expanding=True)))


def add_blocks(
    session: Session, pk: int, level: int, block: int, data: Mapping[str, bytes]
) -> None:
    """Insert one block of every metric that has data in it, and note that it was written."""
    place = {"run_pk": pk, "level": level, "block": block}
    rows = [
        place | {"metric": metric, "data": blob}
        for metric, blob in ({WRITTEN: b""} | dict(data)).items()
    ]
    session.execute(insert(levels), rows)


def drop_blocks(session: Session, pk: int, first: Mapping[int, int]) -> None:
    """Delete the blocks of each level from this one on."""
    touched = [
        and_(levels.c.level == level, levels.c.block >= block) for level, block in first.items()
    ]
    session.execute(delete(levels).where(levels.c.run_pk == pk, or_(*touched)))


def last_block(session: Session, pk: int, level: int) -> int | None:
    """Return the newest block of a level that was written, or None."""
    newest: int | None = session.scalar(_NEWEST, {"pk": pk, "level_": level})
    return newest


def read_blocks(
    session: Session, pk: int, level: int, low: int, high: int, metrics: Sequence[str] | None = None
) -> list[tuple[str, int, bytes]]:
    """Return metric, block and data of the blocks in [low, high], in order of both.

    Args:
        session: Open session.
        pk: The run.
        level: Of the blocks.
        low: First block.
        high: Last block.
        metrics: Only these; None for all.
    """
    place = {"pk": pk, "level_": level, "low": low, "high": high}
    if metrics is None:
        found = session.execute(_EVERY_METRIC, place)
    else:
        found = session.execute(_SOME_METRICS, place | {"metrics": metrics})
    return [(metric, block, data) for metric, block, data in found.all()]


def runs_behind(session: Session, block_steps: int) -> list[str]:
    """Return the runs that may have a full block of level 1 that was not written.

    Args:
        session: Open session.
        block_steps: Steps of such a block.
    """
    written = (
        select(func.max(levels.c.block) + 1)
        .where(levels.c.run_pk == runs.c.pk, levels.c.level == 1, levels.c.metric == WRITTEN)
        .scalar_subquery()
    )
    full = runs.c.last_step + 1 - block_steps
    statement = select(runs.c.id).where(full >= func.coalesce(written, 0) * block_steps)
    return list(session.scalars(statement))
