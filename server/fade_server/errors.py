"""Exceptions of the service; each is one HTTP status.

ServiceError            (FadeError)     base; carries a one-line explanation
├── MalformedError      (ValueError)    400  the body cannot be read at all
├── ForbiddenError      (PermissionError) 403  the caller may not do this
├── NotFoundError       (LookupError)   404  there is no such run, step or weights
├── ConflictError       (ValueError)    409  it exists already, and is something else
├── TooLargeError       (ValueError)    413  the body is over the limit
├── EncodingError       (ValueError)    415  the body is in an encoding that is not known
├── InvalidInputError   (ValueError)    422  fields are wrong; ``problems`` names each
├── UnavailableError    (RuntimeError)  503  the service cannot do its work now
├── BackupError         (RuntimeError)       a backup cannot be written or restored
└── SchemaError         (RuntimeError)       the database is not at this version's schema
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fade_core.errors import FadeError
from fade_server.request_id import current_id

PROBLEM_MEDIA_TYPE = "application/problem+json"

_TITLES = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Content too large",
    415: "Unsupported media type",
    422: "Invalid input",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
    507: "Insufficient storage",
}


class ServiceError(FadeError):
    """Base of what the service refuses."""


class MalformedError(ServiceError, ValueError):
    """The body cannot be read."""


class ForbiddenError(ServiceError, PermissionError):
    """The caller may not do this."""


class NotFoundError(ServiceError, LookupError):
    """There is no such thing."""


class ConflictError(ServiceError, ValueError):
    """It exists already, and is something else."""


class TooLargeError(ServiceError, ValueError):
    """The body is over the limit."""


class EncodingError(ServiceError, ValueError):
    """The body is in a content encoding that the service does not read."""


class UnavailableError(ServiceError, RuntimeError):
    """The service cannot do its work now."""


class BackupError(ServiceError, RuntimeError):
    """A backup cannot be written or restored."""


class SchemaError(ServiceError, RuntimeError):
    """The database is not at the schema of this version."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One wrong field of a request.

    Attributes:
        field: Path of the field, such as ``columns.accuracy[3]``.
        message: What was wanted.
        got: What came, shortened; JSON.
    """

    field: str
    message: str
    got: Any = None


class InvalidInputError(ServiceError, ValueError):
    """Fields of a request are wrong. Made from one or more ``FieldProblem``."""

    @property
    def problems(self) -> tuple[FieldProblem, ...]:
        """Each wrong field."""
        return self.args

    def __str__(self) -> str:
        first = f"{self.problems[0].field}: {self.problems[0].message}"
        more = len(self.problems) - 1
        return f"{first} (and {more} more)" if more else first


def refuse(field: str, message: str, got: object = None) -> InvalidInputError:
    """Return the error for one wrong field, with what came in a short form."""
    return InvalidInputError(FieldProblem(field, message, shorten(got)))


def shorten(got: object) -> object:
    """Return a value as short JSON, safe to show: long texts are cut, containers counted.

    >>> shorten("x" * 100)[-3:], shorten([1, 2])
    ('...', 'a list of 2')
    """
    if got is None or isinstance(got, bool | int | float):
        return got if isinstance(got, bool | None) or abs(got) < 2**53 else f"{got!r:.60}"
    if isinstance(got, str):
        return got if len(got) <= 80 else got[:77] + "..."
    if isinstance(got, list):
        return f"a list of {len(got)}"
    if isinstance(got, dict):
        return f"an object of {len(got)}"
    return type(got).__name__


def reason_of(status: int) -> str:
    """Return the kind of a problem as one word of ours.

    >>> reason_of(413)
    'content-too-large'
    """
    return _TITLES.get(status, "Refused").lower().replace(" ", "-")


def problem_document(
    status: int, detail: str, problems: Sequence[FieldProblem] = ()
) -> dict[str, Any]:
    """Return problem details, RFC 9457, as JSON.

    Args:
        status: HTTP status.
        detail: What is wrong with this request.
        problems: Each wrong field.
    """
    document: dict[str, Any] = {
        "type": f"urn:fadewatch:problem:{reason_of(status)}",
        "title": _TITLES.get(status, "Refused"),
        "status": status,
        "detail": detail,
    }
    if (request_id := current_id()) is not None:
        document["request_id"] = request_id
    if problems:
        document["errors"] = [
            {"field": one.field, "message": one.message, "got": one.got} for one in problems
        ]
    return document
