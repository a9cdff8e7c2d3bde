"""What every service needs, made once by ``create_app``."""

from collections.abc import Callable
from dataclasses import dataclass

from fade_server.queries.engine import Store
from fade_server.services.notifier import Notifier
from fade_server.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of one running service.

    Attributes:
        store: The database.
        settings: Limits and times.
        notifier: Wakes requests that wait.
        clock: Seconds since the epoch, UTC.
    """

    store: Store
    settings: Settings
    notifier: Notifier
    clock: Callable[[], float]
