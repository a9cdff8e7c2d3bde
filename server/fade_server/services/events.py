"""Streams of what happens to one run, or to all: told once a second at most, and resumable.

There is no table of events. A listener says how far it was told, in ``Last-Event-ID``, and what
differs from that now is told again: the newest state, not each one in between.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio.to_thread

from fade_server.errors import NotFoundError
from fade_server.queries import events as event_queries
from fade_server.queries.events import WatchedRun
from fade_server.services.context import Context
from fade_server.services.listing import shown_status

Document = dict[str, Any]

PAUSE_S = 1.0
"""Shortest time between two tellings of one stream, in seconds."""

SKEW_S = 10.0
"""How far the clocks of several server processes may differ, in seconds."""

MAX_RUNS = 500
"""Most runs that one telling of a list is about."""

_ID = re.compile(r"(\d{1,18})\.(\d{1,18})\.(\d{1,18})")
_TIME = re.compile(r"\d{1,12}(\.\d{1,9})?")


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream.

    Attributes:
        name: ``step``, ``alert``, ``schedule`` or ``status``; None only carries the id.
        data: JSON.
        id: How far the listener has been told; only on the last event of a telling, so that a
            telling that breaks off is told again in whole.
    """

    name: str | None
    data: Document | None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """How far a listener has been told of a run; a part that differs now is news.

    Attributes:
        step: The run's revision.
        alert: Its alert version.
        override: Its override version.
        schedule: Versions and steps of the schedule in force; None where it is not known.
        status: As shown; None where it is not known.
    """

    step: int
    alert: int
    override: int
    schedule: tuple[int | None, ...] | None = None
    status: str | None = None

    @property
    def id(self) -> str:
        """The part of it that ``Last-Event-ID`` carries."""
        return f"{self.step}.{self.alert}.{self.override}"


def check_run(context: Context, run_id: str) -> None:
    """Refuse to follow a run that does not exist.

    Raises:
        NotFoundError: There is no such run.
    """
    with context.store.read() as session:
        if event_queries.watch_run(session, run_id) is None:
            raise NotFoundError(f'there is no run "{run_id}"')


async def follow_run(context: Context, run_id: str, last_id: str) -> AsyncIterator[Event]:
    """Yield what happens to a run until it is deleted or this process ends.

    Neither a thread nor a connection is held while nothing happens.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        last_id: ``Last-Event-ID``; anything but one of ours begins with the present state.
    """
    told = read_place(last_id)
    waiting = context.telemetry.waiting("event_stream")
    with context.notifier.listen(run_id) as changed, waiting:
        while not context.notifier.closed:
            changed.clear()
            found = await context.reads.get(
                ("watched", run_id), partial(_read_run, context, run_id)
            )
            if found is None:
                return
            happened, told = _tell(context, *found, told)
            for event in _with_id(happened, told.id):
                yield event
            if happened:
                await _rest(context, changed)
            else:
                await _wait(changed, context.settings.recheck_s)


async def follow_runs(context: Context, project: str | None, last_id: str) -> AsyncIterator[Event]:
    """Yield what happens to any run until this process ends; each event names its run.

    A run is told of in whole when it is first heard of in a stream. After a reconnect, every
    run with a record or an alert since is told of again.

    Args:
        context: The service's parts.
        project: Only runs of this project; None for all.
        last_id: ``Last-Event-ID``; anything but one of ours begins with what happens next.
    """
    told: dict[int, Place] = {}
    since = read_time(last_id)
    waiting = context.telemetry.waiting("event_stream")
    with context.notifier.listen_any() as listener, waiting:
        if since is None:
            since = await anyio.to_thread.run_sync(_newest, context)
            known = await anyio.to_thread.run_sync(_read_runs, context, set(), since, project)
            told = {run.pk: _place(context, run) for run, _ in known}
            yield Event(None, None, repr(since))
        while not context.notifier.closed:
            names = listener.take()
            found = await anyio.to_thread.run_sync(_read_runs, context, names, since, project)
            happened: list[Event] = []
            for run, alerts in reversed(found):
                since = max(since, run.updated_at)
                events, told[run.pk] = _tell(context, run, alerts, told.get(run.pk))
                happened += [Event(one.name, {"run": run.id} | (one.data or {})) for one in events]
            for event in _with_id(happened, repr(since)):
                yield event
            if happened:
                await _rest(context, listener.changed)
            else:
                await _wait(listener.changed, context.settings.recheck_s)


def read_place(last_id: str) -> Place | None:
    """Return how far the listener of a run was told, or None.

    >>> read_place("7.1.0")
    Place(step=7, alert=1, override=0, schedule=None, status=None)
    >>> read_place("yesterday") is None
    True
    """
    match = _ID.fullmatch(last_id)
    if match is None:
        return None
    step, alert, override = map(int, match.groups())
    return Place(step, alert, override)


def read_time(last_id: str) -> float | None:
    """Return how far the listener of all runs was told, in seconds since the epoch, or None."""
    return float(last_id) if _TIME.fullmatch(last_id) else None


def _tell(
    context: Context, run: WatchedRun, alerts: dict[str, int], told: Place | None
) -> tuple[list[Event], Place]:
    """Return what is news to a listener, and how far it is told then."""
    now = _place(context, run)
    if told is None:
        fresh = {"alert", "schedule", "status", "step"}
    else:
        fresh = {name for name in ("step", "alert") if getattr(told, name) != getattr(now, name)}
        fresh |= {
            name
            for name in ("schedule", "status")
            if getattr(told, name) not in (None, getattr(now, name))
        }
        # A listener that comes back says neither schedule nor status: any change may be theirs.
        if told.status is None and (told.step, told.override) != (now.step, now.override):
            fresh |= {"schedule", "status"}
    every = {
        "alert": {
            "alert_version": run.alert_version,
            "open_alerts": alerts,
            "health": run.health,
            "headline": run.headline,
        },
        "schedule": {
            "version": run.schedule["version"],
            "override_version": run.override_version,
            "override_step": run.override_step,
        },
        "status": {"status": now.status},
        "step": {
            "last_step": run.last_step,
            "step_count": run.step_count,
            "revision": run.revision,
        },
    }
    return [Event(name, data) for name, data in every.items() if name in fresh], now


def _place(context: Context, run: WatchedRun) -> Place:
    silent_since = context.clock() - context.settings.stale_after_s
    return Place(
        run.revision,
        run.alert_version,
        run.override_version,
        (run.schedule["version"], run.override_version, run.override_step),
        shown_status(run.status, run.updated_at, silent_since),
    )


def _with_id(events: list[Event], last_id: str) -> Iterable[Event]:
    yield from events[:-1]
    for event in events[-1:]:
        yield Event(event.name, event.data, last_id)


def _read_run(context: Context, run_id: str) -> tuple[WatchedRun, dict[str, int]] | None:
    with context.store.read() as session:
        run = event_queries.watch_run(session, run_id)
        return None if run is None else (run, event_queries.open_alerts(session, [run.pk])[run.pk])


def _read_runs(
    context: Context, names: set[str], since: float, project: str | None
) -> list[tuple[WatchedRun, dict[str, int]]]:
    with context.store.read() as session:
        found = event_queries.watch_runs(session, names, since - SKEW_S, project, MAX_RUNS)
        alerts = event_queries.open_alerts(session, [run.pk for run in found])
    return [(run, alerts[run.pk]) for run in found]


def _newest(context: Context) -> float:
    with context.store.read() as session:
        return event_queries.newest_activity(session)


async def _rest(context: Context, changed: asyncio.Event) -> None:
    """Wait out the pause, whatever happens meanwhile; less when the process ends."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PAUSE_S
    while (left := until - loop.time()) > 0 and not context.notifier.closed:
        changed.clear()
        await _wait(changed, left)


async def _wait(changed: asyncio.Event, most_s: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(changed.wait(), most_s)
