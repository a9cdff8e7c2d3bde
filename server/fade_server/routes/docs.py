"""How an operation is documented: its answers with examples, its problems, its body."""

from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel

from fade_server.errors import PROBLEM_MEDIA_TYPE
from fade_server.routes.examples import PROBLEM
from fade_server.routes.schemas import ProblemOut

Responses = dict[int | str, dict[str, Any]]

_REASONS = {
    400: "The body is not JSON.",
    403: "The key does not have the scope, or is for another project.",
    404: "There is no such thing.",
    409: "It exists already, and is something else.",
    413: "The body is over the limit.",
    415: "The body is in an encoding that is not known.",
    422: "Fields are wrong; `errors` names each.",
    503: "The database does not answer.",
    507: "The disk of the database is full.",
}


def answers(
    model: type[BaseModel], example: dict[str, Any], *codes: int, status: int = 200
) -> Responses:
    """Return the documentation of what an operation answers.

    Args:
        model: Shape of a good answer.
        example: One.
        codes: Statuses of the problems that it may answer.
        status: Status of a good answer.
    """
    good = {"model": model, "content": {"application/json": {"example": example}}}
    return {status: good} | problems(*codes)


def problems(*codes: int) -> Responses:
    """Return the documentation of the problems that an operation may answer, by status."""
    schema = inlined(ProblemOut)
    return {
        code: {
            "description": _REASONS[code],
            "content": {PROBLEM_MEDIA_TYPE: {"schema": schema, "example": PROBLEM}},
        }
        for code in codes
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
