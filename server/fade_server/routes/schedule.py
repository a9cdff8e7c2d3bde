"""The live schedule, overrides and their trail."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from fade_server.routes import examples
from fade_server.routes.access import CallerDep
from fade_server.routes.bodies import ContextDep
from fade_server.routes.docs import answers
from fade_server.routes.runs import JSON, RunPath
from fade_server.routes.schemas import LiveOut, OverrideIn, TrailOut
from fade_server.services import schedule
from fade_server.services.batch import MAX_STEP
from fade_server.services.codec import encode

router = APIRouter(tags=["schedule"])

Step = Annotated[int, Query(ge=0, le=MAX_STEP)]


@router.get("/runs/{run}/schedule", responses=answers(LiveOut, examples.LIVE, 404, 422, 503))
async def wait_for_schedule(
    run: RunPath,
    context: ContextDep,
    after: Annotated[int | None, Query(ge=0, le=MAX_STEP)] = None,
    override_after: Annotated[int | None, Query(ge=0, le=2**31)] = None,
    wait: Annotated[float, Query(ge=0, le=30, allow_inf_nan=False)] = 0.0,
) -> Response:
    """Return the schedule as soon as it is newer than `after`, else after `wait` seconds.

    A change of what is pinned ends the wait as well; `override_after` is the
    `override_version` of the answer before, so that no change in between is missed.
    """
    document = await schedule.wait_for_schedule(
        context, run, after=after, override_after=override_after, wait_s=wait
    )
    return Response(encode(document), media_type=JSON)


@router.put(
    "/runs/{run}/schedule/override",
    responses=answers(LiveOut, examples.PINNED, 400, 404, 413, 422, 503, 507),
)
def pin(
    run: RunPath,
    body: Annotated[OverrideIn, Body(openapi_examples={"pin": {"value": examples.OVERRIDE_IN}})],
    context: ContextDep,
    caller: CallerDep,
) -> Response:
    """Take the wheel: pin alpha, delta or both until they are released."""
    document = schedule.pin(
        context, run, alpha=body.alpha, delta=body.delta, reason=body.reason, by=caller.name
    )
    return Response(encode(document), media_type=JSON)


@router.delete(
    "/runs/{run}/schedule/override", responses=answers(LiveOut, examples.LIVE, 404, 422, 503)
)
def release(run: RunPath, context: ContextDep, caller: CallerDep) -> Response:
    """Let go: the trainer uses what the scheduler computes again."""
    return Response(encode(schedule.release(context, run, by=caller.name)), media_type=JSON)


@router.get(
    "/runs/{run}/schedule/history", responses=answers(TrailOut, examples.TRAIL, 404, 422, 503)
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
    document = schedule.history(context, run, first=first, last=last, limit=limit, cursor=cursor)
    return Response(encode(document), media_type=JSON)
