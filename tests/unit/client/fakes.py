"""A fake network: the contract of the server over an httpx transport, with its failures."""

import gzip
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

import fade_client
from fade_client import opening, options
from fade_client.run import Run

TIMEOUT_S = 10.0


class FakeNetwork:
    """Answers like a server; ``failure`` may answer or raise first, ``wait_for`` waits."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.attempts: dict[tuple[str, str], int] = {}
        self.steps: dict[tuple[str, int, int], dict[str, Any]] = {}
        self.batches: list[dict[str, Any]] = []
        self.requests: list[httpx.Request] = []
        self.finished: list[str] = []
        self.poison: set[int] = set()
        self._override: dict[str, Any] | None = None
        self.override_version = 0
        self.applied: list[dict[str, int]] = []
        self._alerts: list[dict[str, Any]] = []
        self.alert_version = 0
        self.failure: Callable[[httpx.Request], httpx.Response | None] = self._no_failure
        self.changed = threading.Condition()

    @property
    def override(self) -> dict[str, Any] | None:
        return self._override

    @override.setter
    def override(self, override: dict[str, Any] | None) -> None:
        with self.changed:
            self._override = override
            self.override_version += 1
            self.changed.notify_all()

    @property
    def alerts(self) -> list[dict[str, Any]]:
        return self._alerts

    @alerts.setter
    def alerts(self, alerts: list[dict[str, Any]]) -> None:
        with self.changed:
            self._alerts = alerts
            self.alert_version += 1
            self.changed.notify_all()

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self), base_url="http://fake/api/v1")

    def __call__(self, request: httpx.Request) -> httpx.Response:
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()
        response = self.failure(request) or self._answer(request)
        with self.changed:
            self.changed.notify_all()
        return response

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, TIMEOUT_S), "waited in vain"

    def stored(self, run_id: str) -> list[int]:
        return sorted(step for run, _, step in self.steps if run == run_id)

    def down(self) -> None:
        def refuse(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("connection refused", request=request)

        self.failure = refuse

    def up(self) -> None:
        self.failure = self._no_failure

    def _no_failure(self, _: httpx.Request) -> httpx.Response | None:
        return None

    def _answer(self, request: httpx.Request) -> httpx.Response:
        parts = request.url.path.removeprefix("/api/v1/").split("/")
        body = _body(request)
        if parts[0] == "projects":
            return self._register(parts[1], body)
        if parts[1] not in self.runs:
            return httpx.Response(404, json={"detail": "unknown run"})
        if parts[2] == "steps":
            return self._store(parts[1], body)
        if parts[2] == "finish":
            self.finished.append(body["status"])
            with self.changed:
                self.changed.notify_all()
        if parts[2] == "schedule":
            self._hold(request.url.params)
            return httpx.Response(200, json=self._pinned() | self._alerted())
        return httpx.Response(200, json=self._pinned())

    def _hold(self, params: httpx.QueryParams) -> None:
        """Answer a long poll as the server does: at a change, at the end, or when time is up."""
        known = params.get("override_after"), params.get("alerts_after")
        with self.changed:
            self.changed.wait_for(
                lambda: (
                    known != (str(self.override_version), str(self.alert_version))
                    or bool(self.finished)
                ),
                float(params.get("wait", 0.0)),
            )

    def _pinned(self) -> dict[str, Any]:
        version = self.override_version
        return {"schedule": {}, "override": self.override, "override_version": version}

    def _alerted(self) -> dict[str, Any]:
        return {"alert_version": self.alert_version, "alerts": self.alerts}

    def _register(self, project: str, body: dict[str, Any]) -> httpx.Response:
        run_id = body["run_id"]
        status = 200 if run_id in self.runs else 201
        self.runs.setdefault(run_id, body | {"project": project})
        ordinal = 1 + sum(1 for run, _ in self.attempts if run == run_id)
        attempt = self.attempts.setdefault((run_id, body["attempt_key"]), ordinal)
        return httpx.Response(status, json={"run": {}, "attempt": attempt} | self._pinned())

    def _store(self, run_id: str, body: dict[str, Any]) -> httpx.Response:
        bad = self.poison & set(body["steps"])
        if bad:
            errors = [{"field": f"steps[{step}]", "message": "is poison"} for step in bad]
            return httpx.Response(422, json={"detail": "invalid batch", "errors": errors})
        self.batches.append(body)
        new = 0
        for index, step in enumerate(body["steps"]):
            key = (run_id, body["attempt"], step)
            new += key not in self.steps
            self.steps.setdefault(key, {n: c[index] for n, c in body["columns"].items()})
        answer = {"accepted": new, "duplicates": len(body["steps"]) - new, "last_step": step}
        if "override_applied" in body:
            self.applied.append(body["override_applied"])
        return httpx.Response(200, json=answer | self._pinned())


def _body(request: httpx.Request) -> dict[str, Any]:
    content = request.read()
    if request.headers.get("Content-Encoding") == "gzip":
        content = gzip.decompress(content)
    body: dict[str, Any] = json.loads(content) if content else {}
    return body


def resolved(tmp_path: Path, **changes: Any) -> options.Options:
    given: dict[str, Any] = {
        "project": "countdown",
        "name": None,
        "config": None,
        "mode": "observe",
        "server": "http://fake",
        "run_id": None,
        "tags": (),
        "group": None,
        "scheduler": None,
        "directory": tmp_path,
        "weights_every": 1,
        "api_key": None,
        "on_alert": None,
    }
    return options.resolve(**(given | changes))


def open_run(
    directory: Path, network: FakeNetwork, *, interval_s: float = 0.01, **changes: Any
) -> Run:
    return opening.open_run(resolved(directory, **changes), network.client, interval_s)


def local(directory: Path, **changes: Any) -> Run:
    return open_run(directory, FakeNetwork(), mode="local", **changes)


def rows(run: Run) -> list[dict[str, Any]]:
    assert run.path is not None
    return fade_client.read_run(run.path)[1]
