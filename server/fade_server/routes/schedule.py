"""The live schedule, overrides and their trail."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from fade_server.routes import alert_examples, examples
from fade_server.routes.access import CallerDep, needs
from fade_server.routes.alert_schemas import ChangesOut, LiveOut, PreviewIn, PreviewOut
from fade_server.routes.bodies import ContextDep
from fade_server.routes.docs import answers
from fade_server.routes.runs import JSON, RunPath
from fade_server.routes.schemas import OverrideIn, TrailOut
from fade_server.services import overrides, preview, schedule
from fade_server.services.batch import MAX_STEP
from fade_server.services.codec import encode
from fade_server.services.overrides import Pin
from fade_server.services.schedule import Known
from fade_server.services.silences import end_of

router = APIRouter(tags=["schedule"])

Step = Annotated[int, Query(ge=0, le=MAX_STEP)]


@router.get(
    "/runs/{run}/schedule",
    dependencies=[needs("read", "ingest")],
    responses=answers(LiveOut, alert_examples.LIVE, 404, 422, 503),
)
async def wait_for_schedule(
    run: RunPath,
    context: ContextDep,
    after: Annotated[int | None, Query(ge=0, le=MAX_STEP)] = None,
    override_after: Annotated[int | None, Query(ge=0, le=2**31)] = None,
    alerts_after: Annotated[int | None, Query(ge=0, le=2**31)] = None,
    wait: Annotated[float, Query(ge=0, le=30, allow_inf_nan=False)] = 0.0,
) -> Response:
    """Return the schedule as soon as it is newer than `after`, else after `wait` seconds.

    A change of what is pinned ends the wait as well; `override_after` is the
    `override_version` of the answer before, so that no change in between is missed. With
    `alerts_after`, the `alert_version` of the answer before, so does a change of the alerts.
    """
    known = Known(after, override_after, alerts_after)
    document = await schedule.wait_for_schedule(context, run, known, wait)
    return Response(encode(document), media_type=JSON)


@router.put(
    "/runs/{run}/schedule/override",
    dependencies=[needs("control")],
    responses=answers(LiveOut, alert_examples.PINNED, 400, 404, 413, 422, 503, 507),
)
def pin(
    run: RunPath,
    body: Annotated[OverrideIn, Body(openapi_examples={"pin": {"value": alert_examples.PIN_IN}})],
    context: ContextDep,
    caller: CallerDep,
) -> Response:
    """Take the wheel: pin alpha, delta or both until they are released.

    The pin ends by itself after `duration_s` or at `expires_at`, and, with `revert_on`, when the
    run's health worsens to that after the trainer has used it.
    """
    expires_at = end_of(body.expires_at, body.duration_s, context.clock(), "expires_at")
    wanted = Pin(body.alpha, body.delta, body.reason, caller.name, expires_at, body.revert_on)
    document = schedule.live(context, overrides.pin(context, run, wanted))
    return Response(encode(document), media_type=JSON)


@router.delete(
    "/runs/{run}/schedule/override",
    dependencies=[needs("control")],
    responses=answers(LiveOut, alert_examples.LIVE, 404, 422, 503),
)
def release(run: RunPath, context: ContextDep, caller: CallerDep) -> Response:
    """Let go: the trainer uses what the scheduler computes again."""
    document = schedule.live(context, overrides.release(context, run, by=caller.name))
    return Response(encode(document), media_type=JSON)


@router.post(
    "/runs/{run}/preview",
    responses=answers(PreviewOut, alert_examples.PREVIEW, 400, 404, 409, 413, 422, 503),
    dependencies=[needs("read")],
)
def try_pair(
    run: RunPath,
    body: Annotated[
        PreviewIn, Body(openapi_examples={"try": {"value": alert_examples.PREVIEW_IN}})
    ],
    context: ContextDep,
) -> Response:
    """Return what a pair would have made of the newest batches whose raw weights were sent."""
    document = preview.preview(context, run, alpha=body.alpha, delta=body.delta)
    return Response(encode(document), media_type=JSON)


@router.get(
    "/runs/{run}/schedule/history",
    dependencies=[needs("read")],
    responses=answers(TrailOut, examples.TRAIL, 404, 422, 503),
)
def read_history(
    run: RunPath,
    context: ContextDep,
    first: Annotated[Step, Query(alias="from")] = 0,
    last: Annotated[Step, Query(alias="to")] = MAX_STEP,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """Return what was computed and what was pinned and released, oldest first.

    Of more than `limit`, the newest are returned, and `next_cursor` asks for those before them.
    """
    document = schedule.history(
        context,
        run,
        first=first,
        last=last,
        limit=limit,
        cursor=cursor,
    )
    return Response(encode(document), media_type=JSON)


@router.get(
    "/runs/{run}/schedule/changes",
    responses=answers(ChangesOut, alert_examples.CHANGES, 404, 422, 503),
    dependencies=[needs("read")],
)
def read_changes(
    run: RunPath,
    context: ContextDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """Return who pinned and released what, when, and at which step the trainer confirmed it."""
    document = schedule.changes(context, run, limit=limit, cursor=cursor)
    return Response(encode(document), media_type=JSON)
