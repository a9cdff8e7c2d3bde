"""Exceptions of fade_client.

FadeError
└── ClientError
    ├── ConfigError      (ValueError)       an argument of ``init`` cannot be used
    ├── StateError       (ValueError)       a state for ``load_state_dict`` does not fit the run
    ├── SpoolError       (ValueError)       a file is not a spool
    └── DeliveryError                       the server did not take something; stays in the client
        ├── Unavailable  (ConnectionError)  no usable answer; worth another try
        ├── Refused      (ValueError)       the server will never take this body
        └── RunUnknown   (LookupError)      the server does not know the run or the attempt
"""

from fade_core.errors import FadeError


class ClientError(FadeError):
    """Base of every exception that the client raises on purpose."""


class ConfigError(ClientError, ValueError):
    """An argument of ``init`` cannot be used."""


class StateError(ClientError, ValueError):
    """A state for ``load_state_dict`` does not fit the run."""


class SpoolError(ClientError, ValueError):
    """A file is not a spool."""


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
