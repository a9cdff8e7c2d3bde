"""The live schedule: waiting for it, and its trail."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import anyio.to_thread

from fade_server.errors import NotFoundError
from fade_server.queries import alerts as alert_queries
from fade_server.queries import runs as run_queries
from fade_server.queries import schedules as schedule_queries
from fade_server.queries.runs import RunRow
from fade_server.services.alert_rows import alert_document
from fade_server.services.codec import schedule_document, show_override
from fade_server.services.context import Context
from fade_server.services.listing import in_force
from fade_server.services.pages import read_cursor, write_cursor

Document = dict[str, Any]
MAX_ALERTS = 100
"""Most alerts that come with a schedule, the newest."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a caller who waits has already; None is what there is now.

    Attributes:
        version: Of the schedule; None asks for an answer at once.
        override_version: Of what is pinned.
        alert_version: Of the run's alerts; None lets no alert end the wait.
    """

    version: int | None = None
    override_version: int | None = None
    alert_version: int | None = None


async def wait_for_schedule(context: Context, run_id: str, known: Known, wait_s: float) -> Document:
    """Return the schedule as soon as it is newer, or what there is after ``wait_s``.

    A run that ends meanwhile ends the wait too, and so does the end of this process.
    Neither a thread nor a connection is held while waiting. What other server processes store
    is noticed every ``settings.recheck_s``.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        known: What the caller has.
        wait_s: Longest wait, in seconds.

    Raises:
        NotFoundError: There is no such run.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    status, seen = None, known.override_version
    with context.notifier.listen(run_id) as changed:
        while True:
            # Cleared before reading: a change during the read sets it again.
            changed.clear()
            run = await anyio.to_thread.run_sync(_read, context, run_id)
            seen = run.override_version if seen is None else seen
            status = status or run.status
            left = deadline - loop.time()
            over = left <= 0 or context.notifier.closed
            same = run.override_version == seen and run.status == status
            if over or not same or _newer(run, known):
                return await anyio.to_thread.run_sync(live, context, run, known.alert_version)
            with suppress(TimeoutError), context.telemetry.waiting("long_poll"):
                await asyncio.wait_for(changed.wait(), min(left, context.settings.recheck_s))


def history(
    context: Context,
    run_id: str,
    *,
    first: int,
    last: int,
    limit: int,
    cursor: str | None,
) -> Document:
    """Return one page of what the scheduler computed and what people did, the newest page first.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        first: Smallest step that a schedule is for.
        last: Largest.
        limit: Most to return.
        cursor: ``next_cursor`` of the page before, which is the newer one.

    Returns:
        ``schedules``, oldest first inside the page, and ``next_cursor`` of what is older.

    Raises:
        NotFoundError: There is no such run.
        InvalidInputError: The cursor is not one of ours.
    """
    before = read_cursor(cursor, int, int)
    run = _read(context, run_id)
    with context.store.read() as session:
        trail = schedule_queries.list_schedules(session, run.pk, first, last, limit + 1, before)
    following = None
    if len(trail) > limit:
        entry, schedule = trail[limit - 1]
        following = write_cursor(schedule.step, entry)
    shown = [schedule_document(schedule) for _, schedule in reversed(trail[:limit])]
    return {"schedules": shown, "next_cursor": following}


def changes(context: Context, run_id: str, *, limit: int, cursor: str | None) -> Document:
    """Return one page of pins, releases and their confirmations, the newest first.

    Those of attempts that were resumed from before are among them: they did happen.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        limit: Most to return.
        cursor: ``next_cursor`` of the page before.

    Raises:
        NotFoundError: There is no such run.
        InvalidInputError: The cursor is not one of ours.
    """
    before = read_cursor(cursor, int)
    run = _read(context, run_id)
    with context.store.read() as session:
        rows = schedule_queries.list_changes(
            session, run.pk, limit + 1, None if before is None else before[0]
        )
    following = write_cursor(rows[limit - 1].id) if len(rows) > limit else None
    names = ("event", "step", "alpha", "delta", "source", "reason")
    shown = [
        {"at": row.recorded_at} | {name: row._mapping[name] for name in names}
        for row in rows[:limit]
    ]
    return {"changes": shown, "next_cursor": following}


def live(context: Context, run: RunRow, alerts_after: int | None = None) -> Document:
    """Return what is in force of a run, with its alerts.

    Args:
        context: The service's parts.
        run: As it was read.
        alerts_after: An ``alert_version``; resolved alerts that changed since come too.
    """
    with context.store.read() as session:
        silences = alert_queries.silences_for(session, run.pk, run.project, context.clock())
        rows = alert_queries.changed_alerts(session, run.pk, alerts_after, MAX_ALERTS)
    return {
        "schedule": in_force(run),
        "override": show_override(run.override),
        "override_version": run.override_version,
        "override_step": run.override_step,
        "alert_version": run.alert_version,
        "alerts": [alert_document(row, silences) for row in rows],
    }


def _read(context: Context, run_id: str) -> RunRow:
    with context.store.read() as session:
        run = run_queries.find_run(session, run_id)
    if run is None:
        raise NotFoundError(f'there is no run "{run_id}"')
    return run


def _newer(run: RunRow, known: Known) -> bool:
    if known.version is None or run.schedule["version"] > known.version:
        return True
    return known.alert_version is not None and run.alert_version > known.alert_version
