"""Liveness and readiness; at the root, for what watches the process."""

from fastapi import APIRouter, Response

from fade_server.errors import UnavailableError
from fade_server.routes import examples
from fade_server.routes.bodies import ContextDep
from fade_server.routes.docs import answers
from fade_server.routes.runs import JSON
from fade_server.routes.schemas import HealthOut
from fade_server.services.codec import encode
from fade_server.services.readiness import readiness_problem

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=answers(HealthOut, examples.HEALTH, everyone=True))
async def healthz() -> Response:
    """Say that the process answers; asks nothing of the database."""
    return Response(encode(examples.HEALTH), media_type=JSON)


@router.get("/readyz", responses=answers(HealthOut, examples.HEALTH, 503, everyone=True))
def readyz(context: ContextDep) -> Response:
    """Say whether requests are welcome.

    Not while the process is ending, nor while the database is away, takes no changes or is at the
    schema of another version.
    """
    problem = readiness_problem(context)
    if problem is not None:
        raise UnavailableError(problem)
    return Response(encode(examples.HEALTH), media_type=JSON)
