"""The compose file: parsed, and its commands run as processes on a real PostgreSQL."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.conftest import wait_until
from tests.helpers import ROOT, free_port

FILE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
COMPOSE: dict[str, Any] = FILE["services"]
OURS = ("migrate", "server", "dashboard")
KEY = "a-key-for-the-test"


def test_what_is_published_is_published_on_loopback_only() -> None:
    assert {*OURS, "postgres"} == {
        name for name, service in COMPOSE.items() if "profiles" not in service
    }
    ports = [port for service in COMPOSE.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_has_a_default_and_each_is_in_the_example() -> None:
    example = (ROOT / "docs" / "deploy" / "env.example").read_text()
    for service in COMPOSE.values():
        for name, value in service.get("environment", {}).items():
            if name.endswith(("_KEY", "_PASSWORD")):
                assert ":?" in value, f"{name} must be given"
                assert f"\n{name}=\n" in example
    for secret in FILE["secrets"].values():
        assert f"\n{secret['environment']}=\n" in example


def test_every_service_that_stays_says_when_it_is_healthy_and_waits_for_what_it_needs() -> None:
    stays = {name: service for name, service in COMPOSE.items() if name != "migrate"}
    assert all("healthcheck" in service for service in stays.values())
    for name, needed, state in (
        ("migrate", "postgres", "service_healthy"),
        ("server", "migrate", "service_completed_successfully"),
        ("dashboard", "server", "service_healthy"),
    ):
        assert COMPOSE[name]["depends_on"] == {needed: {"condition": state}}


def test_our_containers_can_change_nothing_and_are_nobody() -> None:
    for name in OURS:
        assert COMPOSE[name]["read_only"]
        assert COMPOSE[name]["cap_drop"] == ["ALL"]
        assert COMPOSE[name]["security_opt"] == ["no-new-privileges:true"]
    (user,) = re.findall(r"^USER (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert int(user) > 0


def test_every_file_that_it_mounts_is_there_and_can_be_read() -> None:
    mounts = [mount for service in COMPOSE.values() for mount in service.get("volumes", [])]
    paths = [ROOT / mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert paths
    assert all(path.exists() for path in paths)
    for path in (ROOT / "docs" / "deploy").rglob("*.yml"):
        assert yaml.safe_load(path.read_text())
    scraped = yaml.safe_load((ROOT / "docs" / "deploy" / "prometheus.yml").read_text())
    (job,) = scraped["scrape_configs"]
    assert Path(job["authorization"]["credentials_file"]).name in COMPOSE["prometheus"]["secrets"]


class Processes:
    """The containers as processes: on free ports, with loopback for a network."""

    def __init__(self, database_url: str) -> None:
        self.ports = {"server": free_port(), "dashboard": free_port()}
        self._moved = {
            "0.0.0.0": "127.0.0.1",
            "//server": "//127.0.0.1",
            ":8765": f":{self.ports['server']}",
            ":8050": f":{self.ports['dashboard']}",
        }
        search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        given = {"FADEWATCH_API_KEY": KEY, "FADEWATCH_DATABASE_URL": database_url, "PATH": search}
        self._environment = os.environ | {"FADEWATCH_LOG_FORMAT": "json"} | given
        self._started: list[subprocess.Popen[bytes]] = []

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def here(self, words: list[str]) -> list[str]:
        for there, here in self._moved.items():
            words = [word.replace(there, here) for word in words]
        return words

    def run(self, words: list[str]) -> int:
        return subprocess.run(self.here(words), env=self._environment, check=False).returncode

    def command(self, name: str) -> list[str]:
        port = ["--port", str(self.ports[name])] if name in self.ports else []
        return [*COMPOSE[name]["command"], *port]

    def healthy(self, name: str) -> bool:
        kind, *words = COMPOSE[name]["healthcheck"]["test"]
        assert kind == "CMD"
        return self.run(words) == 0

    def start(self, name: str) -> None:
        words = self.here(self.command(name))
        self._started.append(subprocess.Popen(words, env=self._environment))
        wait_until(lambda: answers(f"{self.url(name)}/healthz", None) == 200, shlex.join(words))

    def stop(self) -> list[int]:
        for process in self._started:
            process.terminate()
        ends = [process.wait(30) for process in self._started]
        self._started.clear()
        return ends


@pytest.fixture
def processes(make_postgres: Callable[[], str]) -> Iterator[Processes]:
    made = Processes(make_postgres())
    yield made
    made.stop()


@pytest.mark.slow
def test_its_commands_bring_up_a_service_and_a_dashboard(processes: Processes) -> None:
    assert not processes.healthy("server")
    assert processes.run(processes.command("server")) == 3, "it started without a schema"
    assert processes.run(processes.command("migrate")) == 0
    for name in ("server", "dashboard"):
        processes.start(name)
        assert processes.healthy(name)
    api, page = processes.url("server"), processes.url("dashboard")
    for url in (f"{api}/api/v1/runs", f"{api}/metrics", f"{page}/"):
        assert (answers(url, None), answers(url, KEY)) == (401, 200)
    assert httpx.get(f"{page}/api/v1/runs", auth=("me", KEY)).json()["runs"] == []
    body = {"run_id": "r", "attempt_key": "a1"}
    opened = httpx.post(f"{page}/api/v1/projects/p/runs", auth=("me", KEY), json=body)
    assert opened.status_code == 201
    events = f"{page}/api/v1/runs/r/events"
    with httpx.stream("GET", events, auth=("me", KEY), timeout=10) as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("id: ")) == "id: 1.0.0"
    assert processes.stop() == [0, 0]


def answers(url: str, key: str | None) -> int | None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        return httpx.get(url, headers=headers, timeout=10).status_code
    except httpx.TransportError:
        return None
