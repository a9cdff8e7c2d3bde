"""Runs, their tags and their attempts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
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
    override_until: float | None
    level_drops: int


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
        group: Exact name.
        health: Of the diagnosis.
        search: Part of the id, the name, the group or a tag, in either case.
    """

    project: str | None = None
    status: str | None = None
    tag: str | None = None
    group: str | None = None
    health: str | None = None
    search: str | None = None


_ACCURACY = runs.c.last["accuracy"].as_string()
# Absent and non-finite values come last, and no key is NULL, so that keys can be compared.
SORT_KEYS: dict[str, ColumnElement[Any]] = {
    "updated": runs.c.updated_at,
    "created": runs.c.created_at,
    "name": runs.c.name,
    "step": func.coalesce(runs.c.last_step, -1),
    "accuracy": case(
        (or_(_ACCURACY.is_(None), _ACCURACY.in_(("NaN", "Infinity", "-Infinity"))), -1.0),
        else_=runs.c.last["accuracy"].as_float(),
    ),
}
"""What a list of runs can be ordered by."""


@dataclass(frozen=True, slots=True)
class RunOrder:
    """Order of a list of runs: by a key of ``SORT_KEYS``, equal ones by their age."""

    by: str = "updated"
    descending: bool = True


# What every batch does is written once, so that the statements are not built again each time.
_BY_ID = select(runs).where(runs.c.id == bindparam("run_id"))
_LOCKED = _BY_ID.with_for_update()
_CHANGED = (
    update(runs).where(runs.c.pk == bindparam("this_pk")).values(revision=runs.c.revision + 1)
)
_THIS_ATTEMPT = and_(
    attempts.c.run_pk == bindparam("pk"), attempts.c.ordinal == bindparam("ordinal_")
)
_ATTEMPT = select(attempts).where(_THIS_ATTEMPT)
_CHANGED_ATTEMPT = update(attempts).where(_THIS_ATTEMPT)
_FIRST_AFTER = select(func.min(attempts.c.first_step)).where(
    attempts.c.run_pk == bindparam("pk"), attempts.c.ordinal > bindparam("ordinal_")
)
_PARTS = (
    select(attempts.c.ordinal, attempts.c.first_step, attempts.c.last_step)
    .where(attempts.c.run_pk == bindparam("pk"), attempts.c.first_step.is_not(None))
    .order_by(attempts.c.ordinal.desc())
)


def find_run(session: Session, run_id: str, *, lock: bool = False) -> RunRow | None:
    """Return a run, or None; ``lock`` keeps other writers off it until the transaction ends."""
    row = session.execute(_LOCKED if lock else _BY_ID, {"run_id": run_id}).one_or_none()
    return None if row is None else RunRow(*row)


def add_run(session: Session, columns: dict[str, Any]) -> None:
    """Insert a run."""
    session.execute(insert(runs).values(columns))


def change_run(session: Session, pk: int, columns: dict[str, Any]) -> None:
    """Update a run and count the change, so that readers see that it differs."""
    session.execute(_CHANGED, columns | {"this_pk": pk})


def change_health(session: Session, pk: int, columns: dict[str, Any]) -> None:
    """Update what follows from a run's alerts; its records are as they were, and so its revision.

    Args:
        session: Open session.
        pk: The run.
        columns: Of ``health``, ``headline`` and ``alert_version``.
    """
    session.execute(update(runs).where(runs.c.pk == pk).values(columns))


def count_level_drop(session: Session, pk: int) -> None:
    """Note that rows of a run changed that a block, or somebody's memory of it, may hold."""
    dropped = runs.c.level_drops + 1
    session.execute(update(runs).where(runs.c.pk == pk).values(level_drops=dropped))


def list_runs(
    session: Session,
    wanted: RunFilter,
    order: RunOrder,
    silent_since: float,
    limit: int,
    after: tuple[Any, ...] | None,
) -> list[tuple[RunRow, Any]]:
    """Return runs in an order, each with its sort key.

    Args:
        session: Open session.
        wanted: What to narrow to.
        order: What comes first.
        silent_since: Seconds since the epoch; a running run without news since is stale.
        limit: Most runs to return.
        after: Sort key and ``pk`` of the last run of the page before.
    """
    key = SORT_KEYS[order.by]
    ends = (key, runs.c.pk)
    directed = [end.desc() if order.descending else end.asc() for end in ends]
    statement = (
        select(runs, key).where(*_conditions(wanted, silent_since)).order_by(*directed).limit(limit)
    )
    if after is not None:
        value, pk = after
        beyond = key < value if order.descending else key > value
        later = runs.c.pk < pk if order.descending else runs.c.pk > pk
        statement = statement.where(or_(beyond, and_(key == value, later)))
    return [(RunRow(*row[:-1]), row[-1]) for row in session.execute(statement)]


def _conditions(wanted: RunFilter, silent_since: float) -> list[ColumnElement[bool]]:
    same = {
        runs.c.project: wanted.project,
        runs.c.group_name: wanted.group,
        runs.c.health: wanted.health,
    }
    found: list[ColumnElement[bool]] = [
        c == value for c, value in same.items() if value is not None
    ]
    if wanted.tag is not None:
        found.append(_tagged(run_tags.c.tag == wanted.tag))
    if wanted.search:
        text = (runs.c.id, runs.c.name, runs.c.group_name)
        parts = [column.icontains(wanted.search, autoescape=True) for column in text]
        found.append(or_(*parts, _tagged(run_tags.c.tag.icontains(wanted.search, autoescape=True))))
    silent = runs.c.updated_at < silent_since
    if wanted.status in ("running", "stale"):
        found += [runs.c.status == "running", silent if wanted.status == "stale" else ~silent]
    elif wanted.status is not None:
        found.append(runs.c.status == wanted.status)
    return found


def _tagged(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return runs.c.pk.in_(select(run_tags.c.run_pk).where(condition))


def count_by_project(session: Session, project: str | None) -> list[tuple[str, int]]:
    """Return the projects and how many runs each has, by name; only one of them where given."""
    statement = select(runs.c.project, func.count()).group_by(runs.c.project)
    if project is not None:
        statement = statement.where(runs.c.project == project)
    return [(name, count) for name, count in session.execute(statement.order_by(runs.c.project))]


def delete_run(session: Session, pk: int) -> None:
    """Delete a run and everything that belongs to it."""
    session.execute(delete(runs).where(runs.c.pk == pk))


def runs_with_expired_override(session: Session, now: float) -> list[str]:
    """Return the ids of the runs whose override should have ended by now."""
    return list(session.scalars(select(runs.c.id).where(runs.c.override_until <= now)))


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
    session.execute(_CHANGED_ATTEMPT, columns | {"pk": pk, "ordinal_": ordinal})


def find_attempt(session: Session, pk: int, ordinal: int) -> AttemptRow | None:
    """Return an attempt by its number, or None."""
    row = session.execute(_ATTEMPT, {"pk": pk, "ordinal_": ordinal}).one_or_none()
    return None if row is None else AttemptRow(*row)


def find_attempt_by_key(session: Session, pk: int, key: str) -> AttemptRow | None:
    """Return an attempt by the client's key, or None."""
    this = and_(attempts.c.run_pk == pk, attempts.c.key == key)
    row = session.execute(select(attempts).where(this)).one_or_none()
    return None if row is None else AttemptRow(*row)


def first_step_after(session: Session, pk: int, ordinal: int) -> int | None:
    """Return the smallest first step of the later attempts, or None when none has begun."""
    smallest: int | None = session.scalar(_FIRST_AFTER, {"pk": pk, "ordinal_": ordinal})
    return smallest


def shown_parts(session: Session, pk: int, low: int, high: int) -> list[tuple[int, int, int]]:
    """Return which attempts show which part of the steps in [low, high].

    Returns:
        Ordinal, first and last step of each; the parts do not overlap, the first comes first.
    """
    parts = []
    for ordinal, first, last in session.execute(_PARTS, {"pk": pk}).all():
        part = ordinal, max(first, low), min(last, high)
        if part[1] <= part[2]:
            parts.append(part)
        # What is later hides the rest of what is older.
        high = min(high, first - 1)
    return parts[::-1]
