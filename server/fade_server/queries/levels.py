"""Blocks of the levels of detail."""

from collections.abc import Mapping, Sequence

from sqlalchemy import and_, delete, func, insert, or_, select
from sqlalchemy.orm import Session

from fade_server.tables import levels, runs

WRITTEN = ""
"""In the place of a metric: the block was written, with or without data."""


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
    newest: int | None = session.scalar(
        select(func.max(levels.c.block)).where(
            levels.c.run_pk == pk, levels.c.level == level, levels.c.metric == WRITTEN
        )
    )
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
    statement = (
        select(levels.c.metric, levels.c.block, levels.c.data)
        .where(
            levels.c.run_pk == pk,
            levels.c.level == level,
            levels.c.metric != WRITTEN if metrics is None else levels.c.metric.in_(metrics),
            levels.c.block.between(low, high),
        )
        .order_by(levels.c.metric, levels.c.block)  # as they lie
    )
    return [(metric, block, data) for metric, block, data in session.execute(statement).all()]


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
