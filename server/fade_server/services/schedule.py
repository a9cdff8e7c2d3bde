"""The live schedule: waiting for it, pinning it, letting it go, and its trail."""

import asyncio
from dataclasses import replace
from typing import Any

import anyio.to_thread

from fade_core import scheduler
from fade_core.errors import SettingError
from fade_core.scheduler import Override
from fade_server.errors import FieldProblem, InvalidInputError, NotFoundError
from fade_server.queries import runs as run_queries
from fade_server.queries import schedules as schedule_queries
from fade_server.queries.runs import RunRow
from fade_server.services.codec import (
    read_config,
    read_override,
    read_schedule,
    schedule_document,
)
from fade_server.services.context import Context
from fade_server.services.listing import in_force
from fade_server.services.pages import read_cursor, write_cursor

Document = dict[str, Any]


async def wait_for_schedule(
    context: Context, run_id: str, *, after: int | None, override_after: int | None, wait_s: float
) -> Document:
    """Return the schedule as soon as it is newer, or what there is after ``wait_s``.

    A run that ends meanwhile ends the wait too, and so does the end of this process.
    Neither a thread nor a connection is held while waiting. What other server processes store
    is noticed every ``settings.recheck_s``.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        after: Version that the caller has; None returns at once.
        override_after: ``override_version`` that the caller has; None means the present one.
        wait_s: Longest wait, in seconds.

    Raises:
        NotFoundError: There is no such run.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    status: str | None = None
    with context.notifier.listen(run_id) as changed:
        while True:
            # Cleared before reading: a change during the read sets it again.
            changed.clear()
            run = await anyio.to_thread.run_sync(_read, context, run_id)
            seen = run.override_version if override_after is None else override_after
            override_after = seen
            left = deadline - loop.time()
            newer = after is None or run.schedule["version"] > after
            status = status or run.status
            over = left <= 0 or context.notifier.closed
            if newer or run.override_version != seen or run.status != status or over:
                return _answer(run)
            try:
                await asyncio.wait_for(changed.wait(), min(left, context.settings.recheck_s))
            except TimeoutError:
                continue


def pin(
    context: Context,
    run_id: str,
    *,
    alpha: float | None,
    delta: float | None,
    reason: str,
    by: str,
) -> Document:
    """Pin alpha, delta or both until somebody lets go; the scheduler goes on underneath.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        alpha: Value to pin, or None.
        delta: Value to pin, or None.
        reason: Why; not blank.
        by: Who, as the service knows the caller.

    Raises:
        NotFoundError: There is no such run.
        InvalidInputError: A value is outside the guard rails, or nothing is pinned.
    """
    override = Override(alpha, delta, reason.strip(), by)
    document = {"alpha": alpha, "delta": delta, "reason": override.reason, "by": by}
    return _change_override(context, run_id, override, document)


def release(context: Context, run_id: str, *, by: str) -> Document:
    """Let go of what was pinned; harmless when nothing is.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        by: Who, for the trail.

    Raises:
        NotFoundError: There is no such run.
    """
    return _change_override(context, run_id, None, None, by)


def history(
    context: Context, run_id: str, *, first: int, last: int, limit: int, cursor: str | None
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


def _read(context: Context, run_id: str) -> RunRow:
    with context.store.read() as session:
        run = run_queries.find_run(session, run_id)
    if run is None:
        raise NotFoundError(f'there is no run "{run_id}"')
    return run


def _answer(run: RunRow) -> Document:
    return {
        "schedule": in_force(run),
        "override": run.override,
        "override_version": run.override_version,
        "override_step": run.override_step,
    }


def _change_override(
    context: Context,
    run_id: str,
    override: Override | None,
    document: Document | None,
    by: str = "",
) -> Document:
    with context.store.write() as session:
        run = run_queries.find_run(session, run_id, lock=True)
        if run is None:
            raise NotFoundError(f'there is no run "{run_id}"')
        if override is not None:
            _check(run, override)
        if document == run.override:
            return _answer(run)
        changed = {
            "override": document,
            "override_version": run.override_version + 1,
            "override_step": None,
        }
        run_queries.change_run(session, run.pk, changed)
        computed = read_schedule(run.schedule)
        entry = scheduler.apply_override(computed, override)
        if override is None:
            who = f" by {by}" if by else ""
            was = scheduler.apply_override(computed, read_override(run.override)).reason
            entry = replace(computed, reason=f"released{who}; before: {was}")
        schedule_queries.add_schedules(
            session,
            run.pk,
            run.attempt,
            [(entry, False)],
            event="released" if override is None else "pinned",
            recorded_at=context.clock(),
        )
    context.notifier.notify(run_id)
    return _answer(_read(context, run_id))


def _check(run: RunRow, override: Override) -> None:
    config = read_config(run.scheduler)
    both = [("alpha", replace(override, delta=None)), ("delta", replace(override, alpha=None))]
    # One at a time, so that the answer names the field; pinning nothing at all is alpha's.
    given = [(name, one) for name, one in both if getattr(one, name) is not None]
    problems = []
    for name, one in given or [("alpha", override)]:
        try:
            scheduler.check_override(one, config)
        except SettingError as error:
            problems.append(
                FieldProblem(name, str(error).removeprefix(f"{name} "), getattr(one, name))
            )
    if problems:
        raise InvalidInputError(*problems)
