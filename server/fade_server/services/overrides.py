"""Taking the wheel: what people pin, for how long, and when it is given back by itself."""

import logging
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from fade_core import scheduler
from fade_core.alerting import HEALTHS, Health
from fade_core.errors import SettingError
from fade_core.scheduler import Override, Schedule
from fade_server.errors import FieldProblem, InvalidInputError, NotFoundError, refuse
from fade_server.queries import runs as run_queries
from fade_server.queries import schedules as schedule_queries
from fade_server.queries.runs import RunRow
from fade_server.services import audit
from fade_server.services.codec import (
    from_wire,
    read_config,
    read_override,
    read_schedule,
    show_override,
)
from fade_server.services.context import Context

log = logging.getLogger(__name__)

Document = dict[str, Any]
ITSELF = "fadewatch"
"""Who gives the wheel back when nobody does."""


@dataclass(frozen=True, slots=True)
class Pin:
    """What a person asks for.

    Attributes:
        alpha: Value to pin, or None.
        delta: Value to pin, or None.
        reason: Why; not blank.
        by: Who, as the service knows the caller.
        expires_at: When it ends by itself, seconds since the epoch; None for never.
        revert_on: Health that ends it once the run has worsened to it; None for none.
    """

    alpha: float | None
    delta: float | None
    reason: str
    by: str
    expires_at: float | None = None
    revert_on: Health | None = None


def pin(context: Context, run_id: str, wanted: Pin) -> RunRow:
    """Pin alpha, delta or both; the scheduler goes on underneath.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        wanted: What to pin.

    Returns:
        The run with it. The same again changes nothing.

    Raises:
        NotFoundError: There is no such run.
        InvalidInputError: A value is outside the guard rails, nothing is pinned, or it would be
            over already.
    """
    now = context.clock()
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise refuse("expires_at", f"must be later than now, {now:.0f}", wanted.expires_at)
    override = Override(wanted.alpha, wanted.delta, wanted.reason.strip(), wanted.by)
    document = {
        "alpha": override.alpha,
        "delta": override.delta,
        "reason": override.reason,
        "by": override.by,
        "expires_at": wanted.expires_at,
        "revert_on": wanted.revert_on,
    }
    with context.store.write() as session:
        run = _lock(session, run_id)
        _check(run, override)
        if _same(run.override, document):
            return run
        entry = scheduler.apply_override(read_schedule(run.schedule), override)
        run = _change(session, run, document | {"at": now}, entry, now)
        audit.record(session, now, wanted.by, "override.pinned", run.id, document)
    context.notifier.notify(run_id)
    return run


def release(context: Context, run_id: str, *, by: str) -> RunRow:
    """Let go of what was pinned; harmless when nothing is.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        by: Who, for the trail.

    Raises:
        NotFoundError: There is no such run.
    """
    who = f" by {by}" if by else ""
    with context.store.write() as session:
        run = _lock(session, run_id)
        if run.override is None:
            return run
        run = _let_go(session, run, f"released{who}", by, context.clock())
    context.notifier.notify(run_id)
    return run


def expire_due(context: Context) -> None:
    """Let go of every override whose time is over."""
    now = context.clock()
    with context.store.read() as session:
        due = run_queries.runs_with_expired_override(session, now)
    for run_id in due:
        with context.store.write() as session:
            run = run_queries.find_run(session, run_id, lock=True)
            # Another process may have been first, or a person may have pinned something else.
            if run is None or run.override_until is None or run.override_until > now:
                continue
            _let_go(session, run, "released, because its time is over", ITSELF, now)
        context.notifier.notify(run_id)


def revert_if_asked(
    context: Context, session: Session, run: RunRow, health: Health, headline: str, step: int
) -> None:
    """Let go of an override that asked for it when the run's health worsened.

    Only once the trainer had used it: what it has not used yet has made nothing worse.

    Args:
        context: The service's parts.
        session: Of a transaction that holds the run's lock.
        run: As it was before.
        health: Of the run now; worse than before.
        headline: Of the run now; it becomes the reason.
        step: Newest step that the detectors have read.
    """
    wanted = None if run.override is None else run.override.get("revert_on")
    if wanted is None or HEALTHS.index(health) < HEALTHS.index(wanted):
        return
    if run.override_step is None or step < run.override_step:
        return
    why = f"released, because the run turned {health} after it ({headline})"
    _let_go(session, run, why, ITSELF, context.clock())


def _let_go(session: Session, run: RunRow, why: str, by: str, now: float) -> RunRow:
    computed = read_schedule(run.schedule)
    was = scheduler.apply_override(computed, read_override(run.override)).reason
    entry = replace(computed, reason=f"{why}; before: {was}")
    audit.record(session, now, by, "override.released", run.id, {"reason": entry.reason})
    return _change(session, run, None, entry, now)


def _change(
    session: Session, run: RunRow, document: Document | None, entry: Schedule, now: float
) -> RunRow:
    changed = {
        "override": document,
        "override_version": run.override_version + 1,
        "override_step": None,
        "override_until": None if document is None else document["expires_at"],
    }
    run_queries.change_run(session, run.pk, changed)
    schedule_queries.add_schedules(
        session,
        run.pk,
        run.attempt,
        [(entry, False)],
        event="released" if document is None else "pinned",
        recorded_at=now,
    )
    return replace(run, **changed)  # type: ignore[arg-type]


def _same(stored: Document | None, document: Document) -> bool:
    shown = show_override(stored)
    return shown is not None and shown == document | {"at": shown["at"]}


def _lock(session: Session, run_id: str) -> RunRow:
    run = run_queries.find_run(session, run_id, lock=True)
    if run is None:
        raise NotFoundError(f'there is no run "{run_id}"')
    return run


def _check(run: RunRow, override: Override) -> None:
    config, used = read_config(run.scheduler), _used(run)
    both = [("alpha", replace(override, delta=None)), ("delta", replace(override, alpha=None))]
    # One at a time, so that the answer names the field; pinning nothing at all is alpha's.
    given = [(name, one) for name, one in both if getattr(one, name) is not None]
    problems = []
    for name, one in given or [("alpha", override)]:
        try:
            scheduler.check_override(one, config, used)
        except SettingError as error:
            problems.append(
                FieldProblem(name, str(error).removeprefix(f"{name} "), getattr(one, name))
            )
    if problems:
        raise InvalidInputError(*problems)


def _used(run: RunRow) -> Schedule:
    """Return the pair that the trainer said it used last, else the one that is in force."""
    in_force = scheduler.apply_override(read_schedule(run.schedule), read_override(run.override))
    if run.mode != "control" or not {"alpha", "delta"} <= run.last.keys():
        return in_force
    return replace(in_force, alpha=from_wire(run.last["alpha"]), delta=from_wire(run.last["delta"]))
