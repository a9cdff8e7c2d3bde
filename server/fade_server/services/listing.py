"""Runs as people see them: one, or a page of many."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy.orm import Session

from fade_core import scheduler
from fade_server.errors import NotFoundError, refuse
from fade_server.queries import runs as run_queries
from fade_server.queries.runs import RunFilter, RunRow
from fade_server.services.codec import encode, read_override, read_schedule, schedule_document
from fade_server.services.context import Context

Document = dict[str, Any]


def read_run(context: Context, run_id: str) -> Document:
    """Return one run.

    Raises:
        NotFoundError: There is no such run.
    """
    with context.store.read() as session:
        run = run_queries.find_run(session, run_id)
        if run is None:
            raise NotFoundError(f'there is no run "{run_id}"')
        return _documents(context, session, [run])[0]


def list_runs(
    context: Context,
    *,
    project: str | None,
    status: str | None,
    tag: str | None,
    limit: int,
    cursor: str | None,
) -> Document:
    """Return one page of runs, newest activity first, and the cursor of the next page.

    Args:
        context: The service's parts.
        project: Only this project.
        status: Only this status, as shown.
        tag: Only runs with this tag.
        limit: Most runs of the page.
        cursor: ``next_cursor`` of the page before.

    Raises:
        InvalidInputError: The cursor is not one of ours.
    """
    silent_since = context.clock() - context.settings.stale_after_s
    wanted = RunFilter(project, status, tag, silent_since)
    before = None if cursor is None else _read_cursor(cursor)
    with context.store.read() as session:
        rows = run_queries.list_runs(session, wanted, limit + 1, before)
        documents = _documents(context, session, rows[:limit])
    return {
        "runs": documents,
        "next_cursor": _cursor(rows[limit - 1]) if len(rows) > limit else None,
    }


def in_force(run: RunRow) -> Document:
    """Return the schedule that the trainer should use, with what is pinned."""
    schedule = scheduler.apply_override(read_schedule(run.schedule), read_override(run.override))
    return schedule_document(schedule)


def _documents(context: Context, session: Session, rows: Sequence[RunRow]) -> list[Document]:
    tags = run_queries.tags_of_runs(session, [row.pk for row in rows])
    silent_since = context.clock() - context.settings.stale_after_s
    return [_document(row, tags[row.pk], silent_since) for row in rows]


def shown_status(status: str, updated_at: float, silent_since: float) -> str:
    """Return the status as people see it: a running run that is silent is stale."""
    return "stale" if status == "running" and updated_at < silent_since else status


def _document(row: RunRow, tags: list[str], silent_since: float) -> Document:
    return {
        "id": row.id,
        "project": row.project,
        "name": row.name,
        "mode": row.mode,
        "status": shown_status(row.status, row.updated_at, silent_since),
        "group": row.group_name,
        "tags": tags,
        "config": row.config,
        "scheduler": row.scheduler,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "attempt": row.attempt,
        "last_step": row.last_step,
        "step_count": row.step_count,
        "last": row.last,
        "metrics": row.metrics,
        "schedule": in_force(row),
        "override": row.override,
        "override_version": row.override_version,
        "override_step": row.override_step,
    }


def _cursor(row: RunRow) -> str:
    return base64.urlsafe_b64encode(encode([row.updated_at, row.pk])).decode()


def _read_cursor(cursor: str) -> tuple[float, int]:
    try:
        at, pk = orjson.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError):
        at = pk = None
    if type(at) not in (float, int) or type(pk) is not int or not 0 <= pk < 2**31:
        raise refuse("cursor", "must be next_cursor of an earlier answer", cursor)
    return float(at), pk
