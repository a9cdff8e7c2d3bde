"""Runs: create, resume, finish, list."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Path, Query, Response

from fade_server.routes import examples
from fade_server.routes.bodies import ContextDep
from fade_server.routes.docs import answers
from fade_server.routes.schemas import FinishIn, OpenedOut, RunIn, RunOut, RunsOut
from fade_server.services import listing, runs
from fade_server.services.codec import encode
from fade_server.services.runs import RunRequest

router = APIRouter(tags=["runs"])

JSON = "application/json"
ProjectPath = Annotated[str, Path(examples=["countdown"])]
RunPath = Annotated[str, Path(examples=["countdown-7b-3"])]
Status = Literal["running", "finished", "failed", "stale"]


@router.post(
    "/projects/{project}/runs",
    status_code=201,
    responses=answers(OpenedOut, examples.OPENED, 400, 409, 413, 422, 503, 507, status=201)
    | {200: {"model": OpenedOut, "content": {JSON: {"example": examples.OPENED}}}},
)
def open_run(
    project: ProjectPath,
    body: Annotated[RunIn, Body(openapi_examples={"start": {"value": examples.RUN_IN}})],
    context: ContextDep,
) -> Response:
    """Create a run, or resume it as a new attempt; the same request again changes nothing.

    Answers 201 for a new run, 200 for one that was there.
    """
    request = RunRequest(
        project=project,
        run_id=body.run_id,
        attempt_key=body.attempt_key,
        name=body.run_id if body.name is None else body.name,
        mode=body.mode,
        config=body.config,
        tags=body.tags,
        group=body.group,
        scheduler=body.scheduler.model_dump(exclude_none=True),
    )
    opened = runs.open_run(context, request)
    document = {
        "run": opened.run,
        "attempt": opened.attempt,
        "schedule": opened.run["schedule"],
        "override": opened.run["override"],
        "override_version": opened.run["override_version"],
    }
    return Response(encode(document), 201 if opened.created else 200, media_type=JSON)


@router.post(
    "/runs/{run}/finish", responses=answers(RunOut, examples.RUN, 400, 404, 413, 422, 503, 507)
)
def finish_run(
    run: RunPath,
    body: Annotated[FinishIn, Body(openapi_examples={"end": {"value": examples.FINISH_IN}})],
    context: ContextDep,
) -> Response:
    """Say how an attempt ended; the run ends so too unless a newer attempt goes on."""
    document = runs.finish_run(context, run, body.attempt, body.status)
    return Response(encode(document), media_type=JSON)


@router.get("/runs", responses=answers(RunsOut, examples.RUNS, 422, 503))
def list_runs(
    context: ContextDep,
    project: Annotated[str | None, Query(examples=["countdown"])] = None,
    status: Status | None = None,
    tag: str | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: str | None = None,
) -> Response:
    """List runs, the one with the newest activity first."""
    document = listing.list_runs(
        context, project=project, status=status, tag=tag, limit=limit, cursor=cursor
    )
    return Response(encode(document), media_type=JSON)


@router.get("/runs/{run}", responses=answers(RunOut, examples.RUN, 404, 422, 503))
def read_run(run: RunPath, context: ContextDep) -> Response:
    """Return one run."""
    return Response(encode(listing.read_run(context, run)), media_type=JSON)
