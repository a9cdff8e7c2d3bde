"""The real application in this process, driven by blocking calls."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

from fade_server.services.context import Context


class Api:
    """Blocking requests to an application whose event loop runs in another thread."""

    def __init__(self, app: FastAPI, portal: BlockingPortal, client: httpx.AsyncClient) -> None:
        self.app, self._portal, self._client = app, portal, client

    @property
    def context(self) -> Context:
        context: Context = self.app.state.context
        return context

    @property
    def cookies(self) -> httpx.Cookies:
        return self._client.cookies

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        return self._portal.call(partial(self._client.request, method, path, **arguments))

    def start(self, method: str, path: str, **arguments: Any) -> Future[httpx.Response]:
        """Begin a request and return at once."""
        return self._portal.start_task_soon(
            partial(self._client.request, method, path, **arguments)
        )

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("GET", path, **arguments)

    def post(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("POST", path, **arguments)

    def open_run(self, run_id: str, key: str = "a1", **fields: Any) -> dict[str, Any]:
        body = {"run_id": run_id, "attempt_key": key, "name": run_id} | fields
        answer = self.post("/projects/p/runs", json=body)
        assert answer.status_code in (200, 201), answer.text
        opened: dict[str, Any] = answer.json()
        return opened

    def send(self, run_id: str, steps: list[int], attempt: int = 1, **parts: Any) -> dict[str, Any]:
        body = {"attempt": attempt, "steps": steps} | parts
        answer = self.post(f"/runs/{run_id}/steps", json=body)
        assert answer.status_code == 200, answer.text
        accepted: dict[str, Any] = answer.json()
        return accepted

    def run(self, run_id: str) -> dict[str, Any]:
        answer = self.get(f"/runs/{run_id}")
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def series(self, run_id: str, *metrics: str, **query: Any) -> dict[str, Any]:
        answer = self.get(f"/runs/{run_id}/series", params={"metrics": ",".join(metrics)} | query)
        assert answer.status_code == 200, answer.text
        series: dict[str, Any] = answer.json()["series"]
        return series


@contextmanager
def serve(app: FastAPI, base: str = "http://127.0.0.1/api/v1") -> Iterator[Api]:
    """Start an application with its lifespan, and stop it at the end."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    with start_blocking_portal() as portal:
        lifespan = app.router.lifespan_context(app)
        with portal.wrap_async_context_manager(lifespan):
            client = httpx.AsyncClient(transport=transport, base_url=base, timeout=60.0)
            with portal.wrap_async_context_manager(client):
                yield Api(app, portal, client)
