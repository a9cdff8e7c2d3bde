"""Silences: what people do not want to be told of for a while."""

from dataclasses import dataclass
from typing import Any

from fade_server.access import Caller
from fade_server.errors import ForbiddenError, NotFoundError, refuse
from fade_server.queries import alerts as alert_queries
from fade_server.queries import runs as run_queries
from fade_server.queries.alerts import SilenceRow
from fade_server.services import audit
from fade_server.services.context import Context

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SilenceRequest:
    """What not to be told of; None matches everything.

    Attributes:
        project: Exact name.
        run: Its id.
        detector: Its id.
        until: Seconds since the epoch; None where ``duration_s`` says it.
        duration_s: From now.
        reason: Why; not blank.
    """

    project: str | None
    run: str | None
    detector: str | None
    until: float | None
    duration_s: float | None
    reason: str


def add_silence(context: Context, caller: Caller, wanted: SilenceRequest) -> Document:
    """Keep people from being told of matching alerts, until some time.

    An alert that turns critical after this is told of all the same.

    Args:
        context: The service's parts.
        caller: Who.
        wanted: What, and until when.

    Raises:
        NotFoundError: There is no such run.
        InvalidInputError: The end is missing, given twice or over already.
        ForbiddenError: The caller is bound to another project.
    """
    now = context.clock()
    until = end_of(wanted.until, wanted.duration_s, now, "until", required=True)
    assert until is not None
    with context.store.write() as session:
        run = None
        if wanted.run is not None:
            run = run_queries.find_run(session, wanted.run)
            if run is None or not caller.sees(run.project):
                raise NotFoundError(f'there is no run "{wanted.run}"')
        elif not caller.sees(wanted.project or ""):
            raise ForbiddenError(f'the key is for the project "{caller.project}" only')
        columns = {
            "project": wanted.project,
            "run_pk": None if run is None else run.pk,
            "detector": wanted.detector,
            "until": until,
            "reason": wanted.reason.strip(),
            "by": caller.name,
            "created_at": now,
        }
        added = alert_queries.find_silence(session, alert_queries.add_silence(session, columns))
        assert added is not None
        document = silence_document(added)
        audit.record(session, now, caller.name, "silence.created", str(added.id), document)
    return document


def list_silences(context: Context, caller: Caller) -> Document:
    """Return the silences that are in force, the one that ends first at the top.

    Args:
        context: The service's parts.
        caller: Who asks.
    """
    with context.store.read() as session:
        rows = alert_queries.list_silences(session, context.clock(), caller.project)
    return {"silences": [silence_document(row) for row in rows]}


def delete_silence(context: Context, caller: Caller, silence_id: int) -> Document:
    """End a silence now, and return what it was.

    Args:
        context: The service's parts.
        caller: Who.
        silence_id: Of the silence.

    Raises:
        NotFoundError: There is no such silence, or they may not see it.
    """
    now = context.clock()
    with context.store.write() as session:
        seen = {row.id for row in alert_queries.list_silences(session, 0.0, caller.project)}
        row = alert_queries.find_silence(session, silence_id)
        if row is None or silence_id not in seen:
            raise NotFoundError(f"there is no silence {silence_id}")
        alert_queries.delete_silence(session, silence_id)
        document = silence_document(row)
        audit.record(session, now, caller.name, "silence.deleted", str(silence_id), document)
    return document


def silence_document(row: SilenceRow) -> Document:
    """Return a silence as people see it."""
    names = ("id", "project", "run", "detector", "until", "reason", "by", "created_at")
    return {name: getattr(row, name) for name in names}


def end_of(
    until: float | None, duration_s: float | None, now: float, field: str, *, required: bool = False
) -> float | None:
    """Return the end that a request gives as a time or as a duration.

    Args:
        until: Seconds since the epoch, or None.
        duration_s: From now, or None.
        now: Seconds since the epoch.
        field: Name of the first, for the message.
        required: Whether there must be an end.

    Raises:
        InvalidInputError: Both are given, a needed one is missing, or it is not later than now.
    """
    if until is not None and duration_s is not None:
        raise refuse(field, f"give {field} or duration_s, not both", until)
    if duration_s is not None:
        return now + duration_s
    if until is None and required:
        raise refuse(field, f"give {field}, seconds since the epoch, or duration_s")
    if until is not None and until <= now:
        raise refuse(field, f"must be later than now, {now:.0f}", until)
    return until
