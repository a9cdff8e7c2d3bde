"""Exceptions of fade_client.

FadeError
└── ClientError
    ├── ConfigError      (ValueError)       an argument of ``init`` cannot be used
    ├── StateError       (ValueError)       a state for ``load_state_dict`` does not fit the run
    ├── SpoolError       (ValueError)       a file is not a spool
    ├── LogError         (ValueError)       a log of another tool cannot be read
    ├── ApiError                            the server refused a request of ``fade_client.api``
    │   └── ApiNotFound  (LookupError)      there is no such thing
    ├── ApiUnreachable   (ConnectionError)  no answer of a server came to ``fade_client.api``
    └── DeliveryError                       the server did not take something; stays in the client
        ├── Unavailable  (ConnectionError)  no usable answer; worth another try
        ├── Refused      (ValueError)       the server will never take this body
        └── RunUnknown   (LookupError)      the server does not know the run or the attempt
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from fade_core.errors import FadeError


class ClientError(FadeError):
    """Base of every exception that the client raises on purpose."""


class ConfigError(ClientError, ValueError):
    """An argument of ``init`` cannot be used."""


class StateError(ClientError, ValueError):
    """A state for ``load_state_dict`` does not fit the run."""


class SpoolError(ClientError, ValueError):
    """A file is not a spool."""


class LogError(ClientError, ValueError):
    """A log of another tool cannot be read; the message says what was looked for."""


class DeliveryError(ClientError):
    """The server did not take something; never reaches the trainer."""


class Unavailable(DeliveryError, ConnectionError):
    """No usable answer came; the same request may succeed later."""

    retry_after_s: float = 0.0
    """How long the server asked to wait, in seconds."""


class Refused(DeliveryError, ValueError):
    """The server will never take this body."""


class RunUnknown(DeliveryError, LookupError):
    """The server does not know the run or the attempt."""


class FieldProblem(msgspec.Struct, frozen=True):
    """One wrong field of a request.

    Attributes:
        field: Its path, such as ``tags[1]``.
        message: What was wanted.
        got: What came, shortened.
    """

    field: str
    message: str
    got: Any = None


class ApiError(ClientError):
    """The server refused a request.

    Attributes:
        status: HTTP status.
        detail: What is wrong, in a line.
        problems: Each wrong field, where it was about fields.
        retry_after_s: How long the server asked to wait, in seconds.
    """

    retry_after_s: float = 0.0

    def __init__(self, status: int, detail: str, problems: Sequence[FieldProblem] = ()) -> None:
        super().__init__(f"{status}: {detail}")
        self.status, self.detail, self.problems = status, detail, tuple(problems)


class ApiNotFound(ApiError, LookupError):
    """There is no such run, alert, key ..."""


class ApiUnreachable(ClientError, ConnectionError):
    """No answer came from a server, also after trying again."""
