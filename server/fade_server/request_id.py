"""The name of the request at hand, which its answer, its problem and every log line carry."""

import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass

HEADER = b"x-request-id"
_SANE = re.compile(rb"[A-Za-z0-9._:-]{1,64}")


@dataclass(slots=True)
class CurrentRequest:
    """The request that is being answered.

    Attributes:
        id: Its name.
        waited: Whether it waited for news, so that its duration says nothing of our speed.
    """

    id: str
    waited: bool = False


CURRENT: ContextVar[CurrentRequest | None] = ContextVar("current_request", default=None)


def current_id() -> str | None:
    """Return the name of the request at hand, or None outside of any."""
    request = CURRENT.get()
    return None if request is None else request.id


def choose_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the name that a proxy or the client gave a request, or a new one.

    A name that could break a log line or a header is not taken.

    Args:
        headers: As in an ASGI scope.

    >>> choose_id([(b"x-request-id", b"trace-7")])
    'trace-7'
    >>> len(choose_id([(b"x-request-id", b"two words")]))
    16
    """
    for name, text in headers:
        if name == HEADER and _SANE.fullmatch(text):
            return text.decode("ascii")
    return secrets.token_hex(8)
