"""Server-sent events: what happens to a run, or to all of them."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from fade_server.routes import events_examples as examples
from fade_server.routes.access import CallerDep, needs
from fade_server.routes.bodies import ContextDep
from fade_server.routes.docs import problems
from fade_server.routes.runs import RunPath
from fade_server.services import events
from fade_server.services.events import Event

router = APIRouter(tags=["events"])

LastEventId = Annotated[
    str,
    Header(
        alias="Last-Event-ID",
        max_length=100,
        description="The `id` of the last event that was received; a browser sends it by itself.",
    ),
]


def _stream(example: str, *codes: int) -> dict[int | str, dict[str, Any]]:
    content = {"text/event-stream": {"schema": {"type": "string"}, "example": example}}
    good = {"description": "Events, until the client leaves.", "content": content}
    return {200: good} | problems(*codes)


def existing_run(run: RunPath, context: ContextDep) -> str:
    """Return the run of the path, before the stream has begun."""
    events.check_run(context, run)
    return run


@router.get(
    "/runs/{run}/events",
    response_class=EventSourceResponse,
    responses=_stream(examples.RUN_EVENTS, 404, 422, 503),
    dependencies=[needs("read")],
)
async def follow_run(
    run: Annotated[str, Depends(existing_run)], context: ContextDep, last_event_id: LastEventId = ""
) -> AsyncIterator[ServerSentEvent]:
    """Follow a run: `step`, `alert`, `schedule` and `status`, at most once a second.

    Begins with the present state; after a reconnect, with what differs from it. Steps that come
    in the same second are one event, so read the series, do not count. A comment every 15
    seconds keeps proxies from closing the connection.
    """
    async for event in events.follow_run(context, run, last_event_id):
        yield _sent(event)


@router.get(
    "/events",
    response_class=EventSourceResponse,
    responses=_stream(examples.LIST_EVENTS, 404, 422, 503),
    dependencies=[needs("read")],
)
async def follow_runs(
    context: ContextDep,
    caller: CallerDep,
    project: Annotated[
        str | None, Query(examples=["countdown"], max_length=256, pattern=r"^[^\x00]*$")
    ] = None,
    last_event_id: LastEventId = "",
) -> AsyncIterator[ServerSentEvent]:
    """Follow every run, or those of a project; the data of each event names its `run`.

    Begins with what happens next; after a reconnect, with every run that had news meanwhile. The
    first event of a run tells all of its state.
    """
    async for event in events.follow_runs(context, caller.project or project, last_event_id):
        yield _sent(event)


def _sent(event: Event) -> ServerSentEvent:
    return ServerSentEvent(event=event.name, data=event.data, id=event.id)
