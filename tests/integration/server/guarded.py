"""The application with its gate in front, and keys of every sort."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import httpx
from fastapi import FastAPI

from fade_server.access import AccessScope
from fade_server.main import create_app
from fade_server.security import guard
from fade_server.services import keys
from fade_server.services.keys import KeyRequest
from fade_server.settings import Settings
from fadewatch.uploads import read_upload
from tests.integration.server.api import Api, serve
from tests.integration.server.conftest import Clock

LIMITS = {"request_limit": "100000/second", "guess_limit": "100000/second"}
"""So high that a test meets them only when it is about them."""


class Site(Protocol):
    """Anything that serves an application."""

    app: FastAPI


def guarded_app(database_url: str, clock: Clock, **settings: Any) -> FastAPI:
    """Return the application behind its gate, as ``fadewatch server`` runs it."""
    chosen = Settings(database_url=database_url, **LIMITS | settings)
    app = create_app(chosen, clock=clock, importer=read_upload)
    guard(app, chosen)
    return app


@contextmanager
def guarded(database_url: str, clock: Clock, **settings: Any) -> Iterator[Api]:
    """Serve the application behind its gate in this process."""
    with serve(guarded_app(database_url, clock, **settings)) as started:
        yield started


def make_key(
    api: Site,
    *scopes: AccessScope,
    project: str | None = None,
    expires_at: float | None = None,
    name: str = "test",
) -> dict[str, str]:
    """Make a key, and return the header that presents it."""
    _, key = keys.create_key(
        api.app.state.context, KeyRequest(name, scopes, project, expires_at), by="the test"
    )
    api.app.state.door.keyring.forget()
    return bearer(key)


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def id_of(headers: dict[str, str]) -> str:
    return headers["authorization"].split("_")[1]


def log_in(api: Api, secret: str, wanted: str = "/") -> httpx.Response:
    """Send the login's form as a browser does."""
    return api.post(
        "http://127.0.0.1/login",
        data={"secret": secret, "next": wanted},
        headers={"origin": "http://127.0.0.1"},
    )
