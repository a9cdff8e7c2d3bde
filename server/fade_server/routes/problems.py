"""Errors as problem details, RFC 9457: what is wrong, where, and what was wanted."""

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from fade_server.errors import (
    PROBLEM_MEDIA_TYPE,
    ConflictError,
    EncodingError,
    FieldProblem,
    ForbiddenError,
    InvalidInputError,
    MalformedError,
    NotFoundError,
    SchemaError,
    ServiceError,
    TooLargeError,
    UnavailableError,
    problem_document,
    shorten,
)
from fade_server.queries.engine import is_full
from fade_server.request_id import current_id
from fade_server.routes.observing import LEFT
from fade_server.services.codec import encode

log = logging.getLogger(__name__)

STATUSES: dict[type[ServiceError], int] = {
    MalformedError: 400,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    TooLargeError: 413,
    EncodingError: 415,
    InvalidInputError: 422,
    UnavailableError: 503,
    SchemaError: 503,
}


FULL = (
    "the disk of the database is full, and nothing of this request was stored; "
    "free some space there, or delete old data with: fadewatch prune"
)
BUSY = "every connection to the database is in use; try again"


def problem_response(
    status: int,
    detail: str,
    problems: Sequence[FieldProblem] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """Return a problem document.

    Args:
        status: HTTP status.
        detail: What is wrong with this request.
        problems: Each wrong field.
        headers: More headers.
    """
    document = problem_document(status, detail, problems)
    return Response(encode(document), status, headers, PROBLEM_MEDIA_TYPE)


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error of an application a problem document."""
    app.add_exception_handler(ServiceError, _refused)
    app.add_exception_handler(DataError, _unfit)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(DBAPIError, _unavailable)
    app.add_exception_handler(PoolTimeoutError, _busy)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _unexpected)


async def _left(_: Request, __: Exception) -> Response:
    return Response(status_code=LEFT)  # to nobody: the client left within its own body


def _refused(_: Request, error: Exception) -> Response:
    problems = error.problems if isinstance(error, InvalidInputError) else ()
    status = next(code for kind, code in STATUSES.items() if isinstance(error, kind))
    return problem_response(status, str(error), problems)


def _invalid(_: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    if any(one["type"] == "json_invalid" for one in found):
        return problem_response(400, "the body is not JSON")
    problems = [FieldProblem(_path(one["loc"]), _message(one), _got(one)) for one in found]
    first = f"{problems[0].field}: {problems[0].message}"
    return problem_response(422, first, problems)


def _path(location: Sequence[int | str]) -> str:
    """Return a place as a path: ``("body", "tags", 3)`` is ``tags[3]``."""
    path = ""
    for part in location[1:]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".") or str(location[0])


def _message(problem: dict[str, Any]) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _got(problem: dict[str, Any]) -> object:
    return None if problem["type"] == "missing" else shorten(problem["input"])


def _http(_: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    headers = dict(getattr(error, "headers", None) or {})
    return problem_response(status, getattr(error, "detail", ""), headers=headers)


def _unfit(_: Request, error: Exception) -> Response:
    # PostgreSQL's texts have no NUL, and its integers an end.
    log.warning("a value does not fit the database: %s", getattr(error, "orig", error))
    return problem_response(
        422,
        "a text with the character NUL, or a number that is too large, is in the request; "
        "leave it out",
    )


def _unavailable(request: Request, error: Exception) -> Response:
    if isinstance(error, DBAPIError) and is_full(error):
        log.error("the disk of the database is full", exc_info=error)
        return problem_response(507, FULL, headers={"Retry-After": "30"})
    gone = isinstance(error, DBAPIError) and error.connection_invalidated
    if not (isinstance(error, OperationalError) or gone):
        return _unexpected(request, error)
    log.error("the database did not answer", exc_info=error)
    return problem_response(
        503, "the database did not answer; try again", headers={"Retry-After": "2"}
    )


def _busy(_: Request, error: Exception) -> Response:
    log.error("every connection to the database is in use", exc_info=error)
    return problem_response(503, BUSY, headers={"Retry-After": "2"})


def _unexpected(request: Request, error: Exception) -> Response:
    name = current_id()
    log.error("error %s at %s %s", name, request.method, request.url.path, exc_info=error)
    return problem_response(500, f"an error on our side; the server's log names it {name}")
