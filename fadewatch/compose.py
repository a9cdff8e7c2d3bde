"""The composition root: the service and the dashboard put together into one application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fade_dashboard.api import ApiClient
from fade_dashboard.app import content_security_policy, create_dashboard
from fade_server.main import create_app
from fade_server.schema import engine_problem
from fade_server.security import KeyGate, Limits, check_bind, guard, is_loopback
from fade_server.services.keys import has_admin_key
from fade_server.settings import Settings
from fadewatch.uploads import read_upload
from fadewatch.visitors import UpstreamDoor, pass_on_to, visitors_client


def service(settings: Settings, *, dashboard: bool = True) -> FastAPI:
    """Build the service, and the dashboard on top of it.

    The dashboard reads the HTTP API like everybody else, with the rights of whoever looks at it;
    it only skips the network.

    Args:
        settings: Where to listen, what to store, whom to let in.
        dashboard: Whether to attach the dashboard.

    Returns:
        The application.

    Raises:
        FadeError: The address is not loopback and there is no key, or the store's schema is
            behind.
    """
    app = create_app(settings, importer=read_upload, worker=True)
    if not is_loopback(settings.host):
        check_bind(settings.host, settings.api_key is not None or _has_admin_key(app))
    if dashboard:
        inside = visitors_client(
            transport=httpx.ASGITransport(app=app),
            base_url="http://127.0.0.1",
            # Compressing what never leaves the process would only cost time.
            headers={"accept-encoding": "identity"},
        )
        api = ApiClient(inside)
        policy = content_security_policy(create_dashboard(app, api))
        app.add_middleware(PagePolicy, policy=policy)
    guard(app, settings)
    return app


def separate_dashboard(server: str, host: str) -> FastAPI:
    """Build a dashboard that stands in front of a service elsewhere.

    The browser talks to this process alone, which passes the API and the login on; so no
    cross-origin rule is needed. Keys stay with the service: it is asked who a visitor is, and
    while it has no keys, this process too serves this machine only.

    Args:
        server: Base URL of the service.
        host: Address this process listens on.

    Returns:
        The application.
    """
    # Longer than the service's longest poll.
    upstream = visitors_client(base_url=server, timeout=35.0)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with upstream:
            yield

    app = FastAPI(title="Fadewatch dashboard", lifespan=lifespan, docs_url=None, redoc_url=None)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    pass_on_to(app, upstream)
    policy = content_security_policy(create_dashboard(app, ApiClient(upstream)))
    app.add_middleware(PagePolicy, policy=policy)
    app.add_middleware(
        KeyGate,
        door=UpstreamDoor(upstream),
        limits=Limits(Settings()),
        local_only=is_loopback(host),
    )
    return app


def _has_admin_key(app: FastAPI) -> bool:
    context = app.state.context
    return engine_problem(context.store.engine) is None and has_admin_key(context)


FOREVER = "private, max-age=31536000, immutable"
FILES = ("/assets/", "/_dash-component-suites/", "/_fadewatch/")


class PagePolicy:
    """Say how a browser is to treat the dashboard's answers.

    1. The Content-Security-Policy goes with every page that has none of its own.
    2. A file whose address names its version (``?m=``) need never be asked for again.

    Args:
        app: The application inside.
        policy: The header's value.
    """

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add what its answer lacks."""

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault("content-security-policy", self._policy)
                elif message["status"] == 200 and _is_versioned_file(scope):
                    headers.setdefault("cache-control", FOREVER)
            await send(message)

        await self._app(scope, receive, with_policy)


def _is_versioned_file(scope: Scope) -> bool:
    named = any(folder in scope["path"] for folder in FILES)
    return named and not scope["path"].startswith("/api/") and scope["query_string"][:2] == b"m="
