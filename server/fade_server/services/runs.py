"""Create, resume, finish, rename and delete runs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from fade_core import scheduler
from fade_core.errors import SettingError
from fade_core.scheduler import SchedulerConfig
from fade_server.errors import (
    ConflictError,
    FieldProblem,
    InvalidInputError,
    NotFoundError,
    refuse,
)
from fade_server.queries import runs as run_queries
from fade_server.queries import schedules as schedule_queries
from fade_server.queries.runs import RunRow
from fade_server.services import audit
from fade_server.services.codec import schedule_document, wire_document
from fade_server.services.context import Context
from fade_server.services.fields import name_problem
from fade_server.services.listing import read_run

Document = dict[str, Any]
MAX_TAGS = 64
"""Most tags of a run."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a client says when it starts; types are checked already."""

    project: str
    run_id: str
    attempt_key: str
    name: str
    mode: str
    config: Document = field(default_factory=dict)
    tags: Sequence[str] = ()
    group: str | None = None
    scheduler: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opened:
    """A run that was created or resumed."""

    created: bool
    attempt: int
    run: Document


def open_run(context: Context, request: RunRequest) -> Opened:
    """Create a run, open a new attempt of it, or return what the same request made before.

    What a new attempt says of name, mode, tags, group, config and scheduler replaces what the
    run had: it is what the trainer does from now on.

    Args:
        context: The service's parts.
        request: What the client says.

    Raises:
        InvalidInputError: A field is wrong.
        ConflictError: The run exists in another project.
    """
    columns = checked_columns(context, request)
    try:
        opened = _open(context, request, columns)
    except IntegrityError:
        # Another client created it in between; now it is there, and is resumed.
        opened = _open(context, request, columns)
    context.background.changed(request.run_id)
    return opened


def finish_run(context: Context, run_id: str, attempt: int, status: str) -> Document:
    """Note how an attempt ended; the run ends so too unless a newer attempt goes on.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        attempt: Ordinal.
        status: ``finished`` or ``failed``.

    Raises:
        NotFoundError: There is no such run.
        InvalidInputError: The run has no such attempt.
    """
    with context.store.write() as session:
        finish_in(context, session, run_id, attempt, status)
    context.notifier.notify(run_id)
    return read_run(context, run_id)


def finish_in(context: Context, session: Session, run_id: str, attempt: int, status: str) -> None:
    """Note how an attempt ended, in a transaction that is open.

    Raises:
        NotFoundError, InvalidInputError: As ``finish_run``.
    """
    run = _lock(session, run_id)
    if run_queries.find_attempt(session, run.pk, attempt) is None:
        raise refuse("attempt", f"must be an attempt of the run, 1 to {run.attempt}", attempt)
    run_queries.change_attempt(session, run.pk, attempt, {"status": status})
    if attempt == run.attempt:
        changed = {"status": status, "updated_at": context.clock()}
        run_queries.change_run(session, run.pk, changed)


def open_in(
    context: Context, session: Session, request: RunRequest, columns: Document
) -> tuple[bool, int]:
    """Create or resume a run in a transaction that is open.

    Args:
        context: The service's parts.
        session: Of the transaction.
        request: What the client says.
        columns: Of ``checked_columns``.

    Returns:
        Whether it is new, and the ordinal of the attempt.

    Raises:
        ConflictError: The run exists in another project.
    """
    run = run_queries.find_run(session, request.run_id, lock=True)
    if run is None:
        return True, _create(context, session, request, columns)
    return False, _resume(context, session, request, columns, run)


def change_names(context: Context, run_id: str, given: Document, *, by: str) -> Document:
    """Change what people call a run.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        given: New ``name``, ``tags`` and ``group``; what is not in it stays.
        by: Who, for the audit trail.

    Raises:
        NotFoundError: There is no such run.
        InvalidInputError: A name is wrong.
    """
    if "name" in given:
        given = given | {"name": run_id if given["name"] is None else given["name"]}
    if found := _name_problems(context, given):
        raise InvalidInputError(*found)
    with context.store.write() as session:
        run = _lock(session, run_id)
        columns = {
            "group_name" if name == "group" else name: value for name, value in given.items()
        }
        tags = columns.pop("tags", None)
        run_queries.change_run(session, run.pk, columns)
        if tags is not None:
            run_queries.set_tags(session, run.pk, tags)
        audit.record(session, context.clock(), by, "run.changed", run_id, given)
    context.notifier.notify(run_id)
    return read_run(context, run_id)


def delete_run(context: Context, run_id: str, *, by: str) -> None:
    """Delete a run with everything that belongs to it.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        by: Who, for the audit trail.

    Raises:
        NotFoundError: There is no such run.
    """
    with context.store.write() as session:
        run = _lock(session, run_id)
        run_queries.delete_run(session, run.pk)
        detail = {"project": run.project, "name": run.name, "steps": run.step_count}
        audit.record(session, context.clock(), by, "run.deleted", run_id, detail)
    context.notifier.notify(run_id)


def _open(context: Context, request: RunRequest, columns: Document) -> Opened:
    with context.store.write() as session:
        created, ordinal = open_in(context, session, request, columns)
    return Opened(created, ordinal, read_run(context, request.run_id))


def _create(context: Context, session: Session, request: RunRequest, columns: Document) -> int:
    first = scheduler.initial(SchedulerConfig(**request.scheduler))
    now = context.clock()
    fresh = {
        "id": request.run_id,
        "project": request.project,
        "created_at": now,
        "updated_at": now,
        "attempt": 1,
        "step_count": 0,
        "last": {},
        "metrics": [],
        "schedule": schedule_document(first),
        "override_version": 0,
        "revision": 1,
    }
    run_queries.add_run(session, columns | fresh)
    run = _lock(session, request.run_id)
    run_queries.set_tags(session, run.pk, request.tags)
    _add_attempt(session, run.pk, 1, request, columns, now)
    schedule_queries.add_schedules(
        session, run.pk, 1, [(first, False)], event="computed", recorded_at=now
    )
    return 1


def _resume(
    context: Context, session: Session, request: RunRequest, columns: Document, run: RunRow
) -> int:
    if run.project != request.project:
        raise ConflictError(
            # Which one is not said: whoever asks may have no business there.
            f'run "{run.id}" exists already in another project; '
            "a run stays in its project, so take another run_id"
        )
    known = run_queries.find_attempt_by_key(session, run.pk, request.attempt_key)
    if known is not None:
        return known.ordinal
    ordinal, now = run.attempt + 1, context.clock()
    changed = {"attempt": ordinal, "updated_at": now}
    run_queries.change_run(session, run.pk, columns | changed)
    run_queries.set_tags(session, run.pk, request.tags)
    _add_attempt(session, run.pk, ordinal, request, columns, now)
    return ordinal


def _add_attempt(
    session: Session, pk: int, ordinal: int, request: RunRequest, columns: Document, now: float
) -> None:
    attempt = {
        "run_pk": pk,
        "ordinal": ordinal,
        "key": request.attempt_key,
        "mode": request.mode,
        "status": "running",
        "scheduler": columns["scheduler"],
        "created_at": now,
    }
    run_queries.add_attempt(session, attempt)


def checked_columns(context: Context, request: RunRequest) -> Document:
    """Return what a request sets on the run.

    Raises:
        InvalidInputError: A field is wrong.
    """
    names: Document = {"project": request.project, "name": request.name}
    names |= {"group": request.group, "tags": request.tags}
    problems = _name_problems(context, names)
    config: Document = {}
    try:
        config = wire_document(request.config)
    except ValueError as error:
        problems.append(FieldProblem("config", str(error)))
    for name, value in request.scheduler.items():
        try:
            SchedulerConfig(**{name: value})
        except SettingError as error:
            problems.append(
                FieldProblem(f"scheduler.{name}", str(error).removeprefix(f"{name} "), value)
            )
    if problems:
        raise InvalidInputError(*problems)
    return {
        "name": request.name,
        "mode": request.mode,
        "status": "running",
        "group_name": request.group,
        "config": config,
        "scheduler": asdict(SchedulerConfig(**request.scheduler)),
    }


def _name_problems(context: Context, given: Document) -> list[FieldProblem]:
    tags = given.get("tags", ())
    named = {path: name for path, name in given.items() if path != "tags" and name is not None}
    named |= {f"tags[{index}]": tag for index, tag in enumerate(tags[:MAX_TAGS])}
    longest = context.settings.max_name_length
    found = [
        FieldProblem(path, problem, name[:80])
        for path, name in named.items()
        if (problem := name_problem(name, longest)) is not None
    ]
    if len(tags) > MAX_TAGS:
        message = f"must be a list of at most {MAX_TAGS} tags"
        found.append(FieldProblem("tags", message, f"a list of {len(tags)}"))
    return found


def _lock(session: Session, run_id: str) -> RunRow:
    run = run_queries.find_run(session, run_id, lock=True)
    if run is None:
        raise NotFoundError(f'there is no run "{run_id}"')
    return run
