"""Runs as people see them: one, or a page of many."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from fade_core import scheduler
from fade_server.errors import NotFoundError, refuse
from fade_server.queries import events as event_queries
from fade_server.queries import runs as run_queries
from fade_server.queries.runs import RunFilter, RunOrder, RunRow
from fade_server.services.codec import (
    read_override,
    read_schedule,
    schedule_document,
    show_override,
)
from fade_server.services.context import Context
from fade_server.services.pages import read_cursor, write_cursor

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
    context: Context, wanted: RunFilter, order: RunOrder, *, limit: int, cursor: str | None
) -> Document:
    """Return one page of runs, and the cursor of the next page.

    Runs that change while somebody turns the pages may move between them; none that stays where
    it is is shown twice or left out.

    Args:
        context: The service's parts.
        wanted: What to narrow to.
        order: What comes first.
        limit: Most runs of the page.
        cursor: ``next_cursor`` of the page before, in the same order.

    Raises:
        InvalidInputError: The cursor is not one of ours.
    """
    silent_since = context.clock() - context.settings.stale_after_s
    kind = str if order.by == "name" else float
    place = read_cursor(cursor, str, int, kind, int)
    if place is not None and place[:2] != (order.by, int(order.descending)):
        raise refuse("cursor", "must be next_cursor of an earlier answer in this order", cursor)
    after = None if place is None else place[2:]
    with context.store.read() as session:
        rows = run_queries.list_runs(session, wanted, order, silent_since, limit + 1, after)
        documents = _documents(context, session, [run for run, _ in rows[:limit]])
    following = None
    if len(rows) > limit:
        last, key = rows[limit - 1]
        following = write_cursor(order.by, int(order.descending), key, last.pk)
    return {"runs": documents, "next_cursor": following}


def list_projects(context: Context, project: str | None) -> Document:
    """Return the projects with the number of their runs and open alerts, by name.

    Args:
        context: The service's parts.
        project: The only one that the caller may know of; None for all.
    """
    with context.store.read() as session:
        counts = run_queries.count_by_project(session, project)
        alerts = event_queries.open_alerts_by_project(session)
    none = {"critical": 0, "warning": 0}
    return {
        "projects": [
            {"project": name, "runs": runs, "open_alerts": none | alerts.get(name, {})}
            for name, runs in counts
        ]
    }


def in_force(run: RunRow) -> Document:
    """Return the schedule that the trainer should use, with what is pinned."""
    schedule = scheduler.apply_override(read_schedule(run.schedule), read_override(run.override))
    return schedule_document(schedule)


def _documents(context: Context, session: Session, rows: Sequence[RunRow]) -> list[Document]:
    pks = [row.pk for row in rows]
    tags = run_queries.tags_of_runs(session, pks)
    counts = event_queries.open_alerts(session, pks)
    silent_since = context.clock() - context.settings.stale_after_s
    return [_document(row, tags[row.pk], counts[row.pk], silent_since) for row in rows]


def shown_status(status: str, updated_at: float, silent_since: float) -> str:
    """Return the status as people see it: a running run that is silent is stale."""
    return "stale" if status == "running" and updated_at < silent_since else status


def _document(
    row: RunRow, tags: list[str], open_alerts: dict[str, int], silent_since: float
) -> Document:
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
        "override": show_override(row.override),
        "override_version": row.override_version,
        "override_step": row.override_step,
        "health": row.health,
        "headline": row.headline,
        "alert_version": row.alert_version,
        "open_alerts": open_alerts,
    }
