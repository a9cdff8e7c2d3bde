"""Metrics of the service itself, for Prometheus; at the root, where it looks for them."""

from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import choose_encoder

from fade_server.errors import ForbiddenError
from fade_server.routes.access import CallerDep, needs
from fade_server.routes.bodies import ContextDep
from fade_server.routes.docs import problems

router = APIRouter(tags=["health"])

EXAMPLE = """\
# HELP fadewatch_steps_accepted_total Steps that were stored.
# TYPE fadewatch_steps_accepted_total counter
fadewatch_steps_accepted_total 6400.0
"""
GOOD: dict[str, Any] = {
    "description": "Prometheus text, or OpenMetrics where that is asked for.",
    "content": {"text/plain": {"schema": {"type": "string"}, "example": EXAMPLE}},
}


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: GOOD, **problems(403)},
    dependencies=[needs("read")],
)
def metrics(request: Request, context: ContextDep, caller: CallerDep) -> Response:
    """Return what this process counted, and what the store holds, of every project."""
    if caller.project is not None:
        raise ForbiddenError("this counts every project; use a key that is bound to none")
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(context.telemetry.registry), media_type=media_type)
