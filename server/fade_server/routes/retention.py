"""What a project keeps for how long."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Response
from pydantic import BaseModel, Field

from fade_server.access import Caller
from fade_server.errors import ForbiddenError
from fade_server.queries.retention import Policy
from fade_server.routes.access import CallerDep, needs
from fade_server.routes.bodies import ContextDep
from fade_server.routes.docs import answers
from fade_server.routes.runs import JSON, ProjectPath
from fade_server.routes.schemas import Wire
from fade_server.services import retention
from fade_server.services.codec import encode

router = APIRouter(tags=["retention"], dependencies=[needs("admin")])

POLICY: dict[str, Any] = {"project": "countdown", "weights_days": 30.0, "runs_days": None}
POLICY_IN: dict[str, Any] = {"weights_days": 30, "runs_days": None}

Days = Annotated[float | None, Field(gt=0, le=36_500, allow_inf_nan=False)]


class PolicyIn(Wire):
    """Days without news of a run after which something of it is deleted; null keeps it."""

    weights_days: Days = Field(default=None, description="Its raw advantage weights.")
    runs_days: Days = Field(default=None, description="The run with all that belongs to it.")


class PolicyOut(BaseModel):
    """What a project keeps for how long."""

    project: str
    weights_days: float | None
    runs_days: float | None


@router.get("/projects/{project}/retention", responses=answers(PolicyOut, POLICY, 403, 422, 503))
def read_policy(project: ProjectPath, context: ContextDep, caller: CallerDep) -> Response:
    """Return what a project keeps for how long; null is for ever."""
    _check(caller, project)
    return Response(encode(retention.read_policy(context, project)), media_type=JSON)


@router.put(
    "/projects/{project}/retention",
    responses=answers(PolicyOut, POLICY, 400, 403, 413, 422, 503, 507),
)
def set_policy(
    project: ProjectPath,
    body: Annotated[PolicyIn, Body(openapi_examples={"month": {"value": POLICY_IN}})],
    context: ContextDep,
    caller: CallerDep,
) -> Response:
    """Set what a project keeps for how long; every server looks once an hour."""
    _check(caller, project)
    policy = Policy(body.weights_days, body.runs_days)
    document = retention.change_policy(context, project, policy, by=caller.name)
    return Response(encode(document), media_type=JSON)


@router.delete("/projects/{project}/retention", responses=answers(PolicyOut, POLICY, 403, 422, 503))
def remove_policy(project: ProjectPath, context: ContextDep, caller: CallerDep) -> Response:
    """Keep everything of a project for ever."""
    _check(caller, project)
    document = retention.change_policy(context, project, None, by=caller.name)
    return Response(encode(document), media_type=JSON)


def _check(caller: Caller, project: str) -> None:
    if not caller.sees(project):
        raise ForbiddenError(f'the key is for another project, not "{project:.100}"')
