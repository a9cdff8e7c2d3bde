"""Running an application until a signal ends the process, in good order."""

import asyncio
import gc
import math
import signal
import socket
import time
from types import FrameType

import uvicorn
from fastapi import FastAPI

from fade_server.services.context import Context

GRACE_S = 5.0
"""How long a request that is being answered may go on at the end, in seconds."""


class Server(uvicorn.Server):
    """uvicorn that ends the way an operator wants it.

    1. ``/readyz`` says no first, while requests are still taken.
    2. No new connection is taken, who waits for news is answered, and what is being answered may
       finish. uvicorn by itself tells the application only after that: a long poll or a stream of
       events would hold the process until it is cut off.
    3. The process then ends with status 0, not by the signal: the end is what was asked for.

    Args:
        config: Of uvicorn.
        context: The service's parts; None for a dashboard alone.
        drain_s: How long the first of these takes, in seconds.
    """

    def __init__(self, config: uvicorn.Config, context: Context | None, drain_s: float) -> None:
        super().__init__(config)
        self._context, self._drain_s = context, drain_s

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Begin to end; a second Ctrl-C ends at once."""
        self.force_exit = self.force_exit or (self.should_exit and sig == signal.SIGINT)
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        # What was loaded stays. To look through it for garbage takes 0.1 s, while nothing is
        # answered, and the documents of a few requests are enough to have it done again.
        gc.collect()
        gc.freeze()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, in the order above."""
        if self._context is not None:
            self._context.ending.set()
            await self._drain()
            self._context.notifier.close()
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        until = time.monotonic() + self._drain_s
        while time.monotonic() < until and not self.force_exit:
            await asyncio.sleep(0.1)


def make_server(
    app: FastAPI,
    host: str,
    port: int,
    proxies: str | None = None,
    *,
    drain_s: float = 0.0,
    grace_s: float = GRACE_S,
) -> Server:
    """Return the server of an application.

    Args:
        app: Of ``compose``.
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.
        proxies: Addresses whose ``X-Forwarded`` headers are believed, with commas; None for none,
            as anybody can write them.
        drain_s: How long to go on as before at the end, except for ``/readyz``, in seconds.
        grace_s: How long requests that are being answered may take then, in seconds.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,  # `configure_logging` has the say
        access_log=False,
        timeout_graceful_shutdown=math.ceil(grace_s),
        proxy_headers=proxies is not None,
        forwarded_allow_ips=proxies,
        server_header=False,
    )
    return Server(config, getattr(app.state, "context", None), drain_s)
