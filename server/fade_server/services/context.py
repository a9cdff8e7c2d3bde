"""What every service needs, made once by ``create_app``."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from fade_server.queries.engine import Store
from fade_server.services.answers import Answers
from fade_server.services.background import Background, Following
from fade_server.services.blocks import Memory
from fade_server.services.notifier import Notifier
from fade_server.services.shared import SharedReads
from fade_server.services.telemetry import Telemetry
from fade_server.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of one running service.

    Attributes:
        store: The database.
        settings: Limits and times.
        notifier: Wakes requests that wait.
        clock: Seconds since the epoch, UTC.
        background: Told of every change of a run; its jobs follow later.
        telemetry: Counts what happens.
        answers: Charts that were asked for lately.
        blocks: What they were made from.
        reads: Of what many pages ask for at once.
        ending: Set when the process has been asked to end.
    """

    store: Store
    settings: Settings
    notifier: Notifier
    clock: Callable[[], float]
    background: Following = field(default_factory=Background)
    telemetry: Telemetry = field(default_factory=Telemetry)
    answers: Answers = field(default_factory=Answers)
    blocks: Memory = field(default_factory=Memory)
    reads: SharedReads = field(default_factory=SharedReads)
    ending: threading.Event = field(default_factory=threading.Event)
