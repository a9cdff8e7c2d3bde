"""The diagnosis of a run, its alerts, and silences."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response

from fade_server.queries.alerts import AlertFilter
from fade_server.routes import alert_examples as examples
from fade_server.routes.access import CallerDep, needs
from fade_server.routes.alert_schemas import (
    AckIn,
    AlertOut,
    AlertsOut,
    DiagnosisOut,
    Severity,
    SilenceIn,
    SilenceOut,
    SilencesOut,
    State,
)
from fade_server.routes.bodies import ContextDep
from fade_server.routes.docs import answers
from fade_server.routes.runs import JSON, RunPath
from fade_server.services import attention, diagnosis, silences
from fade_server.services.codec import encode
from fade_server.services.silences import SilenceRequest

router = APIRouter(tags=["alerts"])

AlertPath = Annotated[int, Path(alias="alert", ge=1, lt=2**63, examples=[1])]
SilencePath = Annotated[int, Path(alias="silence", ge=1, lt=2**63, examples=[1])]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.get(
    "/runs/{run}/diagnosis",
    responses=answers(DiagnosisOut, examples.DIAGNOSIS, 404, 422, 503),
    dependencies=[needs("read")],
)
def read_diagnosis(run: RunPath, context: ContextDep) -> Response:
    """Return what the detectors make of a run: findings, cause first, evidence, advice, forecast.

    `coverage` says of every detector whether it could look, and what it lacks.
    """
    return Response(encode(diagnosis.diagnose(context, run)), media_type=JSON)


@router.get(
    "/runs/{run}/alerts",
    responses=answers(AlertsOut, examples.ALERTS, 404, 422, 503),
    dependencies=[needs("read")],
)
def list_alerts_of_run(
    run: RunPath,
    context: ContextDep,
    caller: CallerDep,
    state: State | None = None,
    limit: Limit = 50,
    cursor: str | None = None,
) -> Response:
    """List the alerts of one run, the newest first."""
    wanted = AlertFilter(run=run, states=None if state is None else (state,))
    document = attention.list_alerts(context, caller, wanted, limit=limit, cursor=cursor)
    return Response(encode(document), media_type=JSON)


@router.get(
    "/alerts",
    responses=answers(AlertsOut, examples.ALERTS, 404, 422, 503),
    dependencies=[needs("read")],
)
def list_alerts(
    context: ContextDep,
    caller: CallerDep,
    project: Annotated[str | None, Query(examples=["countdown"])] = None,
    run: str | None = None,
    state: State | None = None,
    severity: Severity | None = None,
    limit: Limit = 50,
    cursor: str | None = None,
) -> Response:
    """List the alerts of all runs, the newest first."""
    wanted = AlertFilter(run, project, None if state is None else (state,), severity)
    document = attention.list_alerts(context, caller, wanted, limit=limit, cursor=cursor)
    return Response(encode(document), media_type=JSON)


@router.post(
    "/alerts/{alert}/ack",
    responses=answers(AlertOut, examples.ACKNOWLEDGED, 400, 404, 409, 413, 422, 503, 507),
    dependencies=[needs("control")],
)
def acknowledge(
    alert: AlertPath,
    body: Annotated[AckIn, Body(openapi_examples={"ack": {"value": examples.ACK_IN}})],
    context: ContextDep,
    caller: CallerDep,
) -> Response:
    """Say that you see to a firing alert: nobody is told of it again unless it turns critical."""
    document = attention.acknowledge(context, caller, alert, body.note)
    return Response(encode(document), media_type=JSON)


@router.post(
    "/alerts/{alert}/unack",
    responses=answers(AlertOut, examples.ALERT, 404, 409, 422, 503, 507),
    dependencies=[needs("control")],
)
def unacknowledge(alert: AlertPath, context: ContextDep, caller: CallerDep) -> Response:
    """Take an acknowledgement back."""
    return Response(encode(attention.unacknowledge(context, caller, alert)), media_type=JSON)


@router.get(
    "/silences",
    responses=answers(SilencesOut, examples.SILENCES, 503),
    dependencies=[needs("read")],
)
def list_silences(context: ContextDep, caller: CallerDep) -> Response:
    """List the silences that are in force, the one that ends first at the top."""
    return Response(encode(silences.list_silences(context, caller)), media_type=JSON)


@router.post(
    "/silences",
    status_code=201,
    responses=answers(SilenceOut, examples.SILENCE, 400, 404, 413, 422, 503, 507, status=201),
    dependencies=[needs("control")],
)
def add_silence(
    body: Annotated[SilenceIn, Body(openapi_examples={"hour": {"value": examples.SILENCE_IN}})],
    context: ContextDep,
    caller: CallerDep,
) -> Response:
    """Keep people from being told of what matches; of what turns critical later they are told."""
    wanted = SilenceRequest(**body.model_dump())
    document = silences.add_silence(context, caller, wanted)
    return Response(encode(document), 201, media_type=JSON)


@router.delete(
    "/silences/{silence}",
    responses=answers(SilenceOut, examples.SILENCE, 404, 422, 503, 507),
    dependencies=[needs("control")],
)
def delete_silence(silence: SilencePath, context: ContextDep, caller: CallerDep) -> Response:
    """End a silence now, and return what it was."""
    return Response(encode(silences.delete_silence(context, caller, silence)), media_type=JSON)
