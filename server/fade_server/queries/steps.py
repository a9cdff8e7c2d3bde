"""Step records and raw weights. Rows travel as mappings and tuples, never as objects."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, select, update
from sqlalchemy.orm import Session

from fade_core.records import SCALARS
from fade_server.queries.bulk import insert_columns
from fade_server.tables import attempts, steps, weights

Row = dict[str, Any]


def add_steps(session: Session, columns: Mapping[str, Sequence[Any]]) -> None:
    """Insert step records, given as columns of the same length."""
    insert_columns(session, steps, columns)


def existing_steps(session: Session, pk: int, attempt: int, low: int, high: int) -> Collection[int]:
    """Return which steps in [low, high] an attempt has already."""
    statement = select(steps.c.step).where(
        steps.c.run_pk == pk, steps.c.attempt == attempt, steps.c.step.between(low, high)
    )
    return set(session.scalars(statement))


def supersede_steps(session: Session, pk: int, before_attempt: int, first: int) -> int:
    """Mark the steps from ``first`` on of older attempts, and return how many were not yet."""
    statement = (
        update(steps)
        .where(
            steps.c.run_pk == pk,
            steps.c.attempt < before_attempt,
            steps.c.step >= first,
            ~steps.c.superseded,
        )
        .values(superseded=True)
        .returning(steps.c.step)
    )
    return len(session.scalars(statement).all())


def last_step_before(session: Session, pk: int, step: int) -> Row | None:
    """Return the scalars and ``nonfinite`` of the newest shown step below this one."""
    columns = [steps.c[name] for name in SCALARS]
    statement = (
        select(steps.c.step, steps.c.nonfinite, *columns)
        .where(steps.c.run_pk == pk, steps.c.step < step, ~steps.c.superseded)
        .order_by(steps.c.step.desc())
        .limit(1)
    )
    row = session.execute(statement).mappings().one_or_none()
    return None if row is None else dict(row)


def next_step(session: Session, pk: int, attempt: int, low: int, high: int) -> int | None:
    """Return the first shown step of an attempt in [low, high], or None."""
    found: int | None = session.scalar(
        select(steps.c.step)
        .where(
            steps.c.run_pk == pk,
            steps.c.attempt == attempt,
            steps.c.step.between(low, high),
            ~steps.c.superseded,
        )
        .order_by(steps.c.step)
        .limit(1)
    )
    return found


def count_steps(session: Session, pk: int, low: int, high: int) -> tuple[int, int]:
    """Return how many steps in [low, high] there are, and how many of them are superseded.

    Neither ever becomes less, so where both are the same, nothing has changed.
    """
    ordinals = select(attempts.c.ordinal).where(attempts.c.run_pk == pk)
    statement = select(func.count(), func.count().filter(steps.c.superseded)).where(
        steps.c.run_pk == pk, steps.c.attempt.in_(ordinals), steps.c.step.between(low, high)
    )
    every, superseded = session.execute(statement).one()
    return every, superseded


def read_columns(
    session: Session, pk: int, attempts: Collection[int], names: Sequence[str], low: int, high: int
) -> list[Sequence[Any]]:
    """Return the named columns of the shown steps in [low, high], each as one sequence.

    Args:
        session: Open session.
        pk: The run.
        attempts: Those that show steps there: the key begins with the attempt.
        names: Columns of ``steps``.
        low: First step.
        high: Last step.

    Returns:
        One sequence a name, in order of steps; all empty when there are no steps.
    """
    place = {"pk": pk, "attempts": list(attempts), "low": low, "high": high}
    rows = session.execute(_shown(tuple(names)), place).all()
    return list(zip(*rows, strict=True)) if rows else [() for _ in names]


@lru_cache(maxsize=256)
def _shown(names: tuple[str, ...]) -> Select[Any]:
    """Return what reads these columns, built once: a page asks for the same ones every second."""
    return (
        select(*(steps.c[name] for name in names))
        .where(
            steps.c.run_pk == bindparam("pk"),
            steps.c.attempt.in_(bindparam("attempts", expanding=True)),
            steps.c.step.between(bindparam("low"), bindparam("high")),
            ~steps.c.superseded,
        )
        .order_by(steps.c.step)
    )


def read_rows(
    session: Session, pk: int, attempt: int, names: Sequence[str], after: int, last: int, limit: int
) -> list[Row]:
    """Return shown steps of one attempt in (after, last], the first ``limit``, in their order."""
    statement = (
        select(*(steps.c[name] for name in names))
        .where(
            steps.c.run_pk == pk,
            steps.c.attempt == attempt,
            steps.c.step > after,
            steps.c.step <= last,
            ~steps.c.superseded,
        )
        .order_by(steps.c.step)
        .limit(limit)
    )
    return [dict(row) for row in session.execute(statement).mappings()]


def read_weights(session: Session, pk: int, attempt: int, low: int, high: int) -> list[Row]:
    """Return the raw weights of one attempt for steps in [low, high], in their order."""
    statement = (
        select(weights)
        .where(
            weights.c.run_pk == pk,
            weights.c.attempt == attempt,
            weights.c.step.between(low, high),
        )
        .order_by(weights.c.step)
    )
    return [dict(row) for row in session.execute(statement).mappings()]


def next_weights_step(session: Session, pk: int, attempt: int, low: int, high: int) -> int | None:
    """Return the first step in [low, high] of which an attempt has raw weights, or None."""
    found: int | None = session.scalar(
        select(weights.c.step)
        .where(
            weights.c.run_pk == pk,
            weights.c.attempt == attempt,
            weights.c.step.between(low, high),
        )
        .order_by(weights.c.step)
        .limit(1)
    )
    return found


def read_pair(session: Session, pk: int, attempt: int, step: int) -> tuple[Any, Any]:
    """Return alpha and delta as the trainer reported them for a step; None where it did not."""
    row = session.execute(
        select(steps.c.alpha, steps.c.delta).where(
            steps.c.run_pk == pk, steps.c.attempt == attempt, steps.c.step == step
        )
    ).one_or_none()
    return (None, None) if row is None else (row.alpha, row.delta)


def add_weights(session: Session, columns: Mapping[str, Sequence[Any]]) -> None:
    """Insert raw weights, given as columns of the same length."""
    insert_columns(session, weights, columns)


def find_weights(session: Session, pk: int, step: int) -> Row | None:
    """Return the raw weights of a shown step, or None."""
    same = and_(
        steps.c.run_pk == weights.c.run_pk,
        steps.c.attempt == weights.c.attempt,
        steps.c.step == weights.c.step,
    )
    statement = (
        select(weights)
        .join(steps, same)
        .where(weights.c.run_pk == pk, weights.c.step == step, ~steps.c.superseded)
    )
    row = session.execute(statement).mappings().one_or_none()
    return None if row is None else dict(row)


def newest_weights(session: Session, pk: int, attempt: int, limit: int) -> list[Row]:
    """Return the raw weights of the newest shown steps that have them, oldest first.

    Args:
        session: Open session.
        pk: The run.
        attempt: Its newest attempt; older ones fill in.
        limit: Most to return.
    """
    same = and_(
        steps.c.run_pk == weights.c.run_pk,
        steps.c.attempt == weights.c.attempt,
        steps.c.step == weights.c.step,
    )
    found: list[Row] = []
    # One attempt at a time: inside it the rows lie in the order of steps.
    for ordinal in range(attempt, 0, -1):
        statement = (
            select(weights)
            .join(steps, same)
            .where(weights.c.run_pk == pk, weights.c.attempt == ordinal, ~steps.c.superseded)
            .order_by(weights.c.step.desc())
            .limit(limit - len(found))
        )
        found += [dict(row) for row in session.execute(statement).mappings()]
        if len(found) == limit:
            break
    return found[::-1]
