"""Runs: create, resume, finish, list."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Path, Query, Response

from fade_server.queries.runs import RunFilter, RunOrder
from fade_server.routes import examples, run_examples
from fade_server.routes.access import CallerDep, needs
from fade_server.routes.bodies import ContextDep
from fade_server.routes.docs import answers, nothing
from fade_server.routes.run_schemas import ProjectsOut, RunChange
from fade_server.routes.schemas import FinishIn, OpenedOut, RunIn, RunOut, RunsOut
from fade_server.services import listing, runs
from fade_server.services.codec import encode
from fade_server.services.runs import RunRequest

router = APIRouter(tags=["runs"])

JSON = "application/json"
ProjectPath = Annotated[str, Path(examples=["countdown"])]
RunPath = Annotated[str, Path(examples=["countdown-7b-3"])]
Status = Literal["running", "finished", "failed", "stale"]
Health = Literal["unknown", "healthy", "warning", "critical"]
Sort = Literal["updated", "created", "name", "step", "accuracy"]
Text = Annotated[str, Query(max_length=256)]


@router.post(
    "/projects/{project}/runs",
    status_code=201,
    dependencies=[needs("ingest")],
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
    "/runs/{run}/finish",
    dependencies=[needs("ingest")],
    responses=answers(RunOut, examples.RUN, 400, 404, 413, 422, 503, 507),
)
def finish_run(
    run: RunPath,
    body: Annotated[FinishIn, Body(openapi_examples={"end": {"value": examples.FINISH_IN}})],
    context: ContextDep,
) -> Response:
    """Say how an attempt ended; the run ends so too unless a newer attempt goes on."""
    document = runs.finish_run(context, run, body.attempt, body.status)
    return Response(encode(document), media_type=JSON)


@router.get(
    "/runs",
    responses=answers(RunsOut, examples.RUNS, 404, 422, 503),
    dependencies=[needs("read")],
)
def list_runs(
    context: ContextDep,
    caller: CallerDep,
    project: Annotated[str | None, Query(examples=["countdown"])] = None,
    status: Status | None = None,
    tag: Text | None = None,
    group: Text | None = None,
    health: Health | None = None,
    q: Annotated[
        str | None,
        Query(max_length=256, description="Part of the id, the name, the group or a tag."),
    ] = None,
    sort: Annotated[Sort, Query(description="What is not measured comes last.")] = "updated",
    order: Annotated[
        Literal["asc", "desc"] | None,
        Query(description="Names ascend and everything else descends where it is left out."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """List runs, the one with the newest activity first unless another order is asked for."""
    wanted = RunFilter(caller.project or project, status, tag, group, health, q)
    descending = sort != "name" if order is None else order == "desc"
    document = listing.list_runs(
        context, wanted, RunOrder(sort, descending), limit=limit, cursor=cursor
    )
    return Response(encode(document), media_type=JSON)


@router.get(
    "/projects",
    responses=answers(ProjectsOut, run_examples.PROJECTS, 422, 503),
    dependencies=[needs("read")],
)
def list_projects(context: ContextDep, caller: CallerDep) -> Response:
    """List the projects, with the number of their runs and open alerts."""
    return Response(encode(listing.list_projects(context, caller.project)), media_type=JSON)


@router.patch(
    "/runs/{run}",
    responses=answers(RunOut, examples.RUN, 400, 404, 413, 422, 503),
    dependencies=[needs("control")],
)
def change_run(
    run: RunPath,
    body: Annotated[
        RunChange, Body(openapi_examples={"rename": {"value": run_examples.CHANGE_IN}})
    ],
    context: ContextDep,
    caller: CallerDep,
) -> Response:
    """Change what people call a run: its name, tags or group; what is left out stays.

    A trainer that starts again says its own names again, and those hold from then on.
    """
    given = body.model_dump(exclude_unset=True)
    return Response(encode(runs.change_names(context, run, given, by=caller.name)), media_type=JSON)


@router.delete(
    "/runs/{run}",
    status_code=204,
    response_class=Response,
    responses=nothing(404, 422, 503),
    dependencies=[needs("admin")],
)
def delete_run(run: RunPath, context: ContextDep, caller: CallerDep) -> Response:
    """Delete a run with everything that was recorded of it; there is no way back."""
    runs.delete_run(context, run, by=caller.name)
    return Response(status_code=204)


@router.get(
    "/runs/{run}",
    responses=answers(RunOut, examples.RUN, 404, 422, 503),
    dependencies=[needs("read")],
)
async def read_run(run: RunPath, context: ContextDep) -> Response:
    """Return one run."""

    def read() -> bytes:
        return encode(listing.read_run(context, run))

    # every page that shows the run asks at the same step
    return Response(await context.reads.get(("run", run), read), media_type=JSON)
