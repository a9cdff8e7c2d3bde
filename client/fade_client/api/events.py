"""Server-sent events as an iterator that outlives its connections."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from fade_client.errors import ApiError, ApiNotFound, ApiUnreachable

FIRST_WAIT_S, MAX_WAIT_S = 1.0, 30.0
"""Between two connections: doubled after each that brought nothing."""

Open = Callable[[str], AbstractContextManager[httpx.Response]]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a run.

    Attributes:
        name: ``step``, ``alert``, ``schedule`` or ``status``.
        data: What is so now, such as ``last_step``; with ``run`` in the stream of all runs.
        id: How far the listener has been told; pass it as ``last_id`` to go on from here.
    """

    name: str
    data: Mapping[str, Any]
    id: str


def follow(open_stream: Open, last_id: str, pause: Callable[[float], None]) -> Iterator[Event]:
    """Yield events, connecting again from the last one whenever the stream ends.

    Args:
        open_stream: Opens the stream after an id.
        last_id: Where to begin; empty for now.
        pause: Waits that many seconds.

    Raises:
        ApiNotFound: The run does not exist, or was deleted.
        ApiError: The server refuses to be listened to.
    """
    wait_s = FIRST_WAIT_S
    while True:
        try:
            with open_stream(last_id) as response:
                for event in parse(response.iter_lines(), last_id):
                    wait_s, last_id = FIRST_WAIT_S, event.id
                    if event.name:
                        yield event
        except ApiNotFound:
            raise
        except ApiError as error:
            if error.status < 500 and error.status != httpx.codes.TOO_MANY_REQUESTS:
                raise
        except ApiUnreachable:
            pass  # a server that restarts is a reason to wait, not to end
        pause(wait_s)
        wait_s = min(2.0 * wait_s, MAX_WAIT_S)


def parse(lines: Iterator[str], last_id: str = "") -> Iterator[Event]:
    """Yield the events of a stream; one without a name only moves the id.

    >>> [one] = parse(iter(["event: step", 'data: {"last_step": 3}', "id: 4.0.0", ""]))
    >>> one.name, one.data["last_step"], one.id
    ('step', 3, '4.0.0')
    """
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, text = line.partition(":")
            fields[name] = text.removeprefix(" ")
            continue
        last_id = fields.get("id", last_id)
        if "data" in fields or "id" in fields:
            data = msgspec.json.decode(fields.get("data", "{}"), type=dict[str, Any])
            yield Event(fields.get("event", ""), data, last_id)
        fields = {}
