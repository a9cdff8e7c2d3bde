"""The compose file: parsed, and its commands run as processes on a real PostgreSQL."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.conftest import wait_until
from tests.helpers import ROOT, free_port

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
KEY = "a-key-for-the-test"


def test_it_has_the_three_services_published_on_loopback_only() -> None:
    assert set(COMPOSE) == {"postgres", "server", "dashboard"}
    ports = [port for service in COMPOSE.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_has_a_default() -> None:
    for service in COMPOSE.values():
        for name, value in service.get("environment", {}).items():
            if name.endswith(("_KEY", "_PASSWORD")):
                assert ":?" in value, f"{name} must be given"


def test_every_service_says_when_it_is_healthy_and_waits_for_what_it_needs() -> None:
    assert all("healthcheck" in service for service in COMPOSE.values())
    for name, needed in (("server", "postgres"), ("dashboard", "server")):
        assert COMPOSE[name]["depends_on"] == {needed: {"condition": "service_healthy"}}


@pytest.mark.slow
def test_its_commands_bring_up_a_service_and_a_dashboard(
    make_postgres: Callable[[], str],
) -> None:
    server_port, dashboard_port = free_port(), free_port()
    environment = os.environ | {"FADEWATCH_API_KEY": KEY, "FADEWATCH_DATABASE_URL": make_postgres()}
    api, page = f"http://127.0.0.1:{server_port}", f"http://127.0.0.1:{dashboard_port}"
    shell, flag, script = COMPOSE["server"]["command"]
    programs = [
        [shell, flag, f"{script} --port {server_port}"],
        [*COMPOSE["dashboard"]["command"], "--port", str(dashboard_port)],
    ]
    programs[1][programs[1].index("http://server:8765")] = api
    # A process has no container's network: it listens where the test does.
    programs = [[part.replace("0.0.0.0", "127.0.0.1") for part in p] for p in programs]
    search = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    started = [subprocess.Popen(p, env=environment | {"PATH": search}) for p in programs]
    try:
        wait_until(lambda: answers(f"{api}/readyz", KEY) == 200, shlex.join(programs[0]))
        wait_until(lambda: answers(f"{page}/healthz", KEY) == 200, shlex.join(programs[1]))
        assert answers(f"{api}/api/v1/runs", None) == 401
        assert answers(f"{api}/api/v1/runs", KEY) == 200
        assert answers(f"{page}/", None) == 401
        assert answers(f"{page}/", KEY) == 200
        assert httpx.get(f"{page}/api/v1/runs", auth=("me", KEY)).json()["runs"] == []
        body = {"run_id": "r", "attempt_key": "a1"}
        opened = httpx.post(f"{page}/api/v1/projects/p/runs", auth=("me", KEY), json=body)
        assert opened.status_code == 201
        events = f"{page}/api/v1/runs/r/events"
        with httpx.stream("GET", events, auth=("me", KEY), timeout=10) as stream:
            lines = stream.iter_lines()
            assert next(line for line in lines if line.startswith("id: ")) == "id: 1.0.0"
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(20)


def answers(url: str, key: str | None) -> int | None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        return httpx.get(url, headers=headers, timeout=10).status_code
    except httpx.TransportError:
        return None
