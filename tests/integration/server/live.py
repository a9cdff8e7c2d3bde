"""The real application behind a real socket, for what an in-process transport cannot do."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from fadewatch.serving import make_server


@contextmanager
def serve_live(app: FastAPI, proxies: str | None = None) -> Iterator[str]:
    """Serve an application on a free port of loopback, and yield its address."""
    server = make_server(app, "127.0.0.1", 0, proxies)
    thread = threading.Thread(target=server.run, name="live-server")
    thread.start()
    try:
        deadline = time.monotonic() + 30.0
        while not server.started:
            assert thread.is_alive(), "the server ended"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30.0)
        assert not thread.is_alive(), "the server did not end"
