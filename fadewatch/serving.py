"""Running an application until a signal ends the process."""

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

GRACE_S = 2
"""How long a request that is being answered may go on after the signal, in seconds."""


class Server(uvicorn.Server):
    """uvicorn, but who waits for news is answered at once when the process ends.

    uvicorn waits for open requests and tells the application only afterwards: a long poll or a
    stream of events would hold the process until it is cut off.

    Args:
        config: Of uvicorn.
        before_end: Called once, when no new connection is taken any more.
    """

    def __init__(self, config: uvicorn.Config, before_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._before_end = before_end

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, after telling those who wait."""
        self._before_end()
        await super().shutdown(sockets)


def make_server(app: FastAPI, host: str, port: int) -> Server:
    """Return the server of an application.

    Args:
        app: Of ``compose``.
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,  # `configure_logging` has the say
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    context = getattr(app.state, "context", None)  # a dashboard alone has none
    return Server(config, context.notifier.close if context else lambda: None)
