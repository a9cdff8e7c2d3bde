"""Runs, their tags and their attempts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from fade_server.tables import attempts, run_tags, runs


@dataclass(frozen=True, slots=True)
class RunRow:
    """A row of ``runs``; documents as they are stored."""

    pk: int
    id: str
    project: str
    name: str
    mode: str
    status: str
    group_name: str | None
    config: dict[str, Any]
    scheduler: dict[str, Any]
    created_at: float
    updated_at: float
    attempt: int
    last_step: int | None
    step_count: int
    last: dict[str, Any]
    metrics: list[str]
    schedule: dict[str, Any]
    override: dict[str, Any] | None
    override_version: int
    revision: int
    override_step: int | None
    health: str
    headline: str
    alert_version: int


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """A row of ``attempts``; documents as they are stored."""

    run_pk: int
    ordinal: int
    key: str
    mode: str
    status: str
    scheduler: dict[str, Any]
    created_at: float
    first_step: int | None
    last_step: int | None
    schedule: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What a list of runs is narrowed to; None does not narrow.

    Attributes:
        project: Exact name.
        status: A status as shown.
        tag: One tag.
        silent_since: Seconds since the epoch; a running run without news since is stale.
    """

    project: str | None
    status: str | None
    tag: str | None
    silent_since: float


def find_run(session: Session, run_id: str, *, lock: bool = False) -> RunRow | None:
    """Return a run, or None; ``lock`` keeps other writers off it until the transaction ends."""
    statement = select(runs).where(runs.c.id == run_id)
    row = session.execute(statement.with_for_update() if lock else statement).one_or_none()
    return None if row is None else RunRow(*row)


def add_run(session: Session, columns: dict[str, Any]) -> None:
    """Insert a run."""
    session.execute(insert(runs).values(columns))


def change_run(session: Session, pk: int, columns: dict[str, Any]) -> None:
    """Update a run and count the change, so that readers see that it differs."""
    changed = columns | {"revision": runs.c.revision + 1}
    session.execute(update(runs).where(runs.c.pk == pk).values(changed))


def list_runs(
    session: Session, wanted: RunFilter, limit: int, before: tuple[float, int] | None
) -> list[RunRow]:
    """Return runs, the one with the newest activity first.

    Args:
        session: Open session.
        wanted: What to narrow to.
        limit: Most runs to return.
        before: ``updated_at`` and ``pk`` of the last run of the page before.
    """
    statement = select(runs).order_by(runs.c.updated_at.desc(), runs.c.pk.desc()).limit(limit)
    if wanted.project is not None:
        statement = statement.where(runs.c.project == wanted.project)
    if wanted.tag is not None:
        tagged = select(run_tags.c.run_pk).where(run_tags.c.tag == wanted.tag)
        statement = statement.where(runs.c.pk.in_(tagged))
    if wanted.status in ("running", "stale"):
        silent = runs.c.updated_at < wanted.silent_since
        statement = statement.where(
            runs.c.status == "running", silent if wanted.status == "stale" else ~silent
        )
    elif wanted.status is not None:
        statement = statement.where(runs.c.status == wanted.status)
    if before is not None:
        at, pk = before
        older = or_(runs.c.updated_at < at, and_(runs.c.updated_at == at, runs.c.pk < pk))
        statement = statement.where(older)
    return [RunRow(*row) for row in session.execute(statement)]


def set_tags(session: Session, pk: int, tags: Sequence[str]) -> None:
    """Replace a run's tags, in this order."""
    session.execute(delete(run_tags).where(run_tags.c.run_pk == pk))
    rows = [
        {"run_pk": pk, "tag": tag, "position": position}
        for position, tag in enumerate(dict.fromkeys(tags))
    ]
    if rows:
        session.execute(insert(run_tags), rows)


def tags_of_runs(session: Session, pks: Sequence[int]) -> dict[int, list[str]]:
    """Return the tags of each of these runs, in the order they were given."""
    statement = (
        select(run_tags.c.run_pk, run_tags.c.tag)
        .where(run_tags.c.run_pk.in_(pks))
        .order_by(run_tags.c.run_pk, run_tags.c.position)
    )
    found: dict[int, list[str]] = {pk: [] for pk in pks}
    for pk, tag in session.execute(statement):
        found[pk].append(tag)
    return found


def add_attempt(session: Session, columns: dict[str, Any]) -> None:
    """Insert an attempt."""
    session.execute(insert(attempts).values(columns))


def change_attempt(session: Session, pk: int, ordinal: int, columns: dict[str, Any]) -> None:
    """Update an attempt."""
    this = and_(attempts.c.run_pk == pk, attempts.c.ordinal == ordinal)
    session.execute(update(attempts).where(this).values(columns))


def find_attempt(session: Session, pk: int, ordinal: int) -> AttemptRow | None:
    """Return an attempt by its number, or None."""
    this = and_(attempts.c.run_pk == pk, attempts.c.ordinal == ordinal)
    row = session.execute(select(attempts).where(this)).one_or_none()
    return None if row is None else AttemptRow(*row)


def find_attempt_by_key(session: Session, pk: int, key: str) -> AttemptRow | None:
    """Return an attempt by the client's key, or None."""
    this = and_(attempts.c.run_pk == pk, attempts.c.key == key)
    row = session.execute(select(attempts).where(this)).one_or_none()
    return None if row is None else AttemptRow(*row)


def first_step_after(session: Session, pk: int, ordinal: int) -> int | None:
    """Return the smallest first step of the later attempts, or None when none has begun."""
    later = and_(attempts.c.run_pk == pk, attempts.c.ordinal > ordinal)
    smallest: int | None = session.scalar(select(func.min(attempts.c.first_step)).where(later))
    return smallest


def shown_parts(session: Session, pk: int, low: int, high: int) -> list[tuple[int, int, int]]:
    """Return which attempts show which part of the steps in [low, high].

    Returns:
        Ordinal, first and last step of each; the parts do not overlap, the first comes first.
    """
    statement = (
        select(attempts.c.ordinal, attempts.c.first_step, attempts.c.last_step)
        .where(attempts.c.run_pk == pk, attempts.c.first_step.is_not(None))
        .order_by(attempts.c.ordinal.desc())
    )
    parts = []
    for ordinal, first, last in session.execute(statement):
        part = ordinal, max(first, low), min(last, high)
        if part[1] <= part[2]:
            parts.append(part)
        # What is later hides the rest of what is older.
        high = min(high, first - 1)
    return parts[::-1]
