"""Batches of steps."""

from fastapi import APIRouter, Response

from fade_server.routes import examples
from fade_server.routes.access import needs
from fade_server.routes.bodies import BodyDep, ContextDep, decode_json
from fade_server.routes.docs import answers, body
from fade_server.routes.runs import JSON, RunPath
from fade_server.routes.schemas import AcceptedOut, StepsIn
from fade_server.services.batch import parse_batch
from fade_server.services.codec import encode, schedule_document
from fade_server.services.ingest import ingest

router = APIRouter(tags=["steps"])


@router.post(
    "/runs/{run}/steps",
    dependencies=[needs("ingest")],
    responses=answers(AcceptedOut, examples.ACCEPTED, 400, 404, 413, 415, 422, 503, 507),
    openapi_extra=body(StepsIn, examples.STEPS_IN),
)
def add_steps(run: RunPath, received: BodyDep, context: ContextDep) -> Response:
    """Store a columnar batch, all or nothing; a step that is there already is a duplicate.

    Non-finite numbers travel as the strings `"NaN"`, `"Infinity"` and `"-Infinity"`. The body
    may be compressed, with `Content-Encoding: gzip`.
    """
    settings = context.settings
    decoded = decode_json(received, settings.max_body_bytes)
    accepted = ingest(context, run, parse_batch(decoded, settings))
    document = {
        "accepted": accepted.accepted,
        "duplicates": accepted.duplicates,
        "last_step": accepted.last_step,
        "schedule": schedule_document(accepted.schedule),
        "override": accepted.override,
        "override_version": accepted.override_version,
    }
    return Response(encode(document), media_type=JSON)
