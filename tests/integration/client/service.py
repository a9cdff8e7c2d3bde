"""A real server in a process of its own, killed and started at will."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

SERVE = """
import sys, uvicorn
from fade_server.main import create_app
from fade_server.settings import Settings
app = create_app(Settings(database_url=sys.argv[1]))
uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
"""
TIMEOUT_S = 30.0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline, pause = time.monotonic() + TIMEOUT_S, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        pause.wait(0.02)


class Server:
    """A server process over one database file."""

    def __init__(self, directory: Path) -> None:
        self.database = f"sqlite:///{directory / 'fadewatch.db'}"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-c", SERVE, self.database, str(self.port)]
        self.process = subprocess.Popen(command)
        wait_until(self._is_ready)

    def kill(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def get(self, path: str, **params: Any) -> Any:
        response = httpx.get(f"{self.url}/api/v1{path}", params=params, trust_env=False)
        assert response.is_success, response.text
        return response.json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        response = httpx.post(f"{self.url}/api/v1{path}", json=body, trust_env=False)
        assert response.is_success, response.text
        return response.json()

    def series(self, run_id: str, metric: str) -> tuple[list[int], list[float]]:
        found = self.get(f"/runs/{run_id}/series", metrics=metric, points=5000)["series"][metric]
        return found["step"], found["value"]

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", trust_env=False).is_success
        except httpx.TransportError:
            return False


@contextmanager
def running(directory: Path) -> Iterator[Server]:
    one = Server(directory)
    try:
        one.start()
        yield one
    finally:
        one.kill()
