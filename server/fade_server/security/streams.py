"""Streams of events go on for hours; the right to read them may end before."""

import time
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.types import Message, Send

CHECK_EVERY_S = 5.0
"""How often a stream's caller is asked for again, at most, in seconds."""


def ending_stream(send: Send, still_in: Callable[[], Awaitable[bool]]) -> Send:
    """Return what sends on, but ends a stream of events whose caller may not read it any more.

    Args:
        send: Of the application outside.
        still_in: Whether the caller may still come in.
    """
    checked_at: float | None = None  # None for what is no stream
    ended = False

    async def send_on(message: Message) -> None:
        nonlocal checked_at, ended
        if ended:
            return
        if message["type"] == "http.response.start":
            kind = Headers(raw=message.get("headers", [])).get("content-type", "")
            checked_at = time.monotonic() if kind.startswith("text/event-stream") else None
        elif checked_at is not None and time.monotonic() - checked_at > CHECK_EVERY_S:
            checked_at = time.monotonic()
            ended = not await still_in()
        await send({"type": "http.response.body", "body": b""} if ended else message)

    return send_on
