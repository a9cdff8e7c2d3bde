"""Keys, who the caller is, and the audit trail."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response
from starlette.requests import Request

from fade_server.access import LOCAL_USER
from fade_server.errors import refuse
from fade_server.routes import keys_examples as examples
from fade_server.routes.access import CallerDep, needs
from fade_server.routes.bodies import ContextDep
from fade_server.routes.docs import answers
from fade_server.routes.keys_schemas import KeyIn, KeyOut, KeysOut, MeOut, NewKeyOut, TrailPageOut
from fade_server.routes.runs import JSON
from fade_server.services import audit, keys
from fade_server.services.codec import encode
from fade_server.services.keys import KeyRequest

router = APIRouter(tags=["access"])


@router.get("/me", dependencies=[needs()], responses=answers(MeOut, examples.ME))
async def who_am_i(caller: CallerDep) -> Response:
    """Return who the caller is, and what they may do."""
    document = {
        "name": caller.name,
        "scopes": sorted(caller.scopes),
        "project": caller.project,
        "login": caller.login,
    }
    return Response(encode(document), media_type=JSON)


@router.get("/keys", dependencies=[needs("admin")], responses=answers(KeysOut, examples.KEYS, 503))
def list_keys(context: ContextDep) -> Response:
    """List every key there ever was, the newest first."""
    return Response(encode({"keys": keys.list_keys(context)}), media_type=JSON)


@router.post(
    "/keys",
    status_code=201,
    dependencies=[needs("admin")],
    responses=answers(NewKeyOut, examples.NEW_KEY, 400, 413, 422, 503, status=201),
)
def create_key(
    body: Annotated[KeyIn, Body(openapi_examples={"ingest": {"value": examples.KEY_IN}})],
    request: Request,
    context: ContextDep,
    caller: CallerDep,
) -> Response:
    """Make a key. The answer is the only place where it is ever shown."""
    if caller == LOCAL_USER and "admin" not in body.scopes:
        raise refuse(
            "scopes",
            "the first key must have the scope admin: from then on every request needs a key",
            body.scopes,
        )
    wanted = KeyRequest(body.name, body.scopes, body.project, body.expires_at)
    document, key = keys.create_key(context, wanted, by=caller.name)
    request.app.state.door.keyring.forget()
    return Response(encode(document | {"key": key}), 201, media_type=JSON)


@router.delete(
    "/keys/{key_id}",
    dependencies=[needs("admin")],
    responses=answers(KeyOut, examples.REVOKED, 404, 422, 503),
)
def revoke_key(
    key_id: Annotated[str, Path(max_length=32, examples=["5f1d7c2a9b3e"])],
    request: Request,
    context: ContextDep,
    caller: CallerDep,
) -> Response:
    """End a key, and every session that it began; it stays in the list."""
    document = keys.revoke_key(context, key_id, by=caller.name)
    request.app.state.door.keyring.forget()
    return Response(encode(document), media_type=JSON)


@router.get(
    "/audit",
    dependencies=[needs("admin")],
    responses=answers(TrailPageOut, examples.TRAIL, 422, 503),
)
def read_trail(
    context: ContextDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: str | None = None,
) -> Response:
    """Return who changed what in the service itself, newest first.

    What was done to a run's schedule is in the run's own history.
    """
    document = audit.list_entries(context, limit=limit, cursor=cursor)
    return Response(encode(document), media_type=JSON)
