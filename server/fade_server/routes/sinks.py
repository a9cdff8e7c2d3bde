"""Where alerts are told, and how that went."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response

from fade_server.routes import sink_examples as examples
from fade_server.routes.access import CallerDep, needs
from fade_server.routes.bodies import ContextDep
from fade_server.routes.docs import answers
from fade_server.routes.runs import JSON
from fade_server.routes.sink_schemas import (
    DeliveriesOut,
    DeliveryOut,
    MadeSinkOut,
    SinkIn,
    SinkOut,
    SinksOut,
    Status,
)
from fade_server.services import sinks
from fade_server.services.codec import encode
from fade_server.services.sinks import SinkRequest

router = APIRouter(tags=["sinks"], dependencies=[needs("admin")])

Id = Annotated[int, Query(ge=1, lt=2**63)]
SinkPath = Annotated[int, Path(alias="sink", ge=1, lt=2**63, examples=[1])]
SinkBody = Annotated[SinkIn, Body(openapi_examples={"slack": {"value": examples.SINK_IN}})]


@router.get("/sinks", responses=answers(SinksOut, examples.SINKS, 503))
def list_sinks(context: ContextDep, caller: CallerDep) -> Response:
    """List the sinks by name; nobody sees their credentials again."""
    return Response(encode(sinks.list_sinks(context, caller)), media_type=JSON)


@router.post(
    "/sinks",
    status_code=201,
    responses=answers(MadeSinkOut, examples.MADE, 400, 409, 413, 422, 503, 507, status=201),
)
def add_sink(body: SinkBody, context: ContextDep, caller: CallerDep) -> Response:
    """Make a sink: any URL of apprise, or a signed JSON webhook, whose secret is shown once."""
    document = sinks.add_sink(context, caller, SinkRequest(**body.model_dump()))
    return Response(encode(document), 201, media_type=JSON)


@router.get("/sinks/{sink}", responses=answers(SinkOut, examples.SINK, 404, 422, 503))
def read_sink(sink: SinkPath, context: ContextDep, caller: CallerDep) -> Response:
    """Return one sink."""
    return Response(encode(sinks.read_sink(context, caller, sink)), media_type=JSON)


@router.put(
    "/sinks/{sink}",
    responses=answers(SinkOut, examples.SINK, 400, 404, 409, 413, 422, 503, 507),
)
def change_sink(sink: SinkPath, body: SinkBody, context: ContextDep, caller: CallerDep) -> Response:
    """Replace a sink; without a URL it keeps the one that it has."""
    document = sinks.change_sink(context, caller, sink, SinkRequest(**body.model_dump()))
    return Response(encode(document), media_type=JSON)


@router.delete("/sinks/{sink}", responses=answers(SinkOut, examples.SINK, 404, 422, 503, 507))
def delete_sink(sink: SinkPath, context: ContextDep, caller: CallerDep) -> Response:
    """Delete a sink and what was to be delivered to it, and return what it was."""
    return Response(encode(sinks.delete_sink(context, caller, sink)), media_type=JSON)


@router.post(
    "/sinks/{sink}/test", responses=answers(DeliveryOut, examples.DELIVERY, 404, 422, 503, 507)
)
def try_sink(sink: SinkPath, context: ContextDep, caller: CallerDep) -> Response:
    """Send a test message now, once, and answer how that went."""
    return Response(encode(sinks.try_sink(context, caller, sink)), media_type=JSON)


@router.get("/deliveries", responses=answers(DeliveriesOut, examples.DELIVERIES, 422, 503))
def list_deliveries(
    context: ContextDep,
    caller: CallerDep,
    sink: Id | None = None,
    status: Status | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: str | None = None,
) -> Response:
    """List what was told, is to be told and could not be told, the newest first."""
    document = sinks.list_deliveries(
        context, caller, sink_id=sink, status=status, limit=limit, cursor=cursor
    )
    return Response(encode(document), media_type=JSON)
