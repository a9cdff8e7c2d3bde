"""How an operation is documented: its answers with examples, its problems, its body."""

from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel

from fade_server.errors import PROBLEM_MEDIA_TYPE
from fade_server.routes.access import scopes_of
from fade_server.routes.examples import PROBLEM
from fade_server.routes.schemas import ProblemOut
from fade_server.services.sessions import SESSION_COOKIE, TOKEN_COOKIE, TOKEN_HEADER

Responses = dict[int | str, dict[str, Any]]

_REASONS = {
    400: "The body is not JSON.",
    401: "There is no key, or a wrong one.",
    403: "The key lacks the scope, or the request comes from a page of another origin.",
    404: "There is no such thing.",
    409: "It exists already, and is something else.",
    413: "The body is over the limit.",
    415: "The body is in an encoding that is not known.",
    422: "Fields are wrong; `errors` names each.",
    429: "Too many requests; `Retry-After` says how many seconds to wait.",
    503: "The database does not answer.",
    507: "The disk of the database is full.",
}


BY_THE_GATE = (401, 403, 429)
"""What every operation that needs a key may answer."""


SECURITY_SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key. Without any key the service serves this machine only.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": f"A login to the dashboard; a change repeats the cookie `{TOKEN_COOKIE}` "
        f"in the header `{TOKEN_HEADER}`.",
    },
}


def answers(
    model: type[BaseModel],
    example: dict[str, Any],
    *codes: int,
    status: int = 200,
    everyone: bool = False,
) -> Responses:
    """Return the documentation of what an operation answers.

    Args:
        model: Shape of a good answer.
        example: One.
        codes: Statuses of the problems that it may answer.
        status: Status of a good answer.
        everyone: Whether it is served without a key.
    """
    good = {"model": model, "content": {"application/json": {"example": example}}}
    return {status: good} | problems(*codes, everyone=everyone)


def problems(*codes: int, everyone: bool = False) -> Responses:
    """Return the documentation of the problems that an operation may answer, by status.

    Args:
        codes: Statuses.
        everyone: Whether it is served without a key.
    """
    schema = inlined(ProblemOut)
    return {
        code: {
            "description": _REASONS[code],
            "content": {PROBLEM_MEDIA_TYPE: {"schema": schema, "example": PROBLEM}},
        }
        for code in sorted({*codes, *(() if everyone else BY_THE_GATE)})
    }


def nothing(*codes: int) -> Responses:
    """Return the documentation of an operation that answers 204, or these problems."""
    return {204: {"description": "It is done."}, **problems(*codes)}


def body(model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """Return the documentation of a body that the route reads itself."""
    content = {"application/json": {"schema": inlined(model), "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def restore_nulls(document: dict[str, Any], prefix: str, router: APIRouter) -> None:
    """Put examples back as they are written: FastAPI leaves every null out of them.

    Args:
        document: The OpenAPI document; changed in place.
        prefix: Of the router's paths.
        router: Whose operations were documented with ``answers``.
    """
    for route in router.routes:
        if not isinstance(route, APIRoute):
            continue
        for method in route.methods or ():
            documented = document["paths"][prefix + route.path][method.lower()]["responses"]
            for code, answer in route.responses.items():
                for media_type, content in answer.get("content", {}).items():
                    documented[str(code)]["content"][media_type]["example"] = content["example"]


def say_who_may(document: dict[str, Any], prefix: str, router: APIRouter) -> None:
    """Say how a caller proves who they are, and which scopes each operation needs.

    Args:
        document: The OpenAPI document; changed in place.
        prefix: Of the router's paths.
        router: Whose operations name their scopes.
    """
    document.setdefault("components", {})["securitySchemes"] = SECURITY_SCHEMES
    for route in router.routes:
        if isinstance(route, APIRoute) and (scopes := scopes_of(route.dependencies)) is not None:
            for method in route.methods or ():
                operation = document["paths"][prefix + route.path][method.lower()]
                # Any one scheme, and of its scopes any one: OpenAPI's list would mean all.
                operation["security"] = [
                    {scheme: [scope]} for scheme in SECURITY_SCHEMES for scope in scopes
                ] or [{scheme: []} for scheme in SECURITY_SCHEMES]


def inlined(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's schema with every reference replaced by what it refers to."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def resolve(part: Any) -> Any:
        if isinstance(part, list):
            return [resolve(one) for one in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return resolve(definitions[part["$ref"].rpartition("/")[2]])
        return {key: resolve(one) for key, one in part.items()}

    resolved: dict[str, Any] = resolve(schema)
    return resolved
