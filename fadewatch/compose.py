"""The composition root: the service and the dashboard put together into one application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import SecretStr
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fade_dashboard.api import ApiClient
from fade_dashboard.app import content_security_policy, create_dashboard
from fade_server.main import create_app
from fade_server.security import KeyGate, check_bind
from fade_server.settings import Settings
from fadewatch.uploads import read_upload

FORWARDED_UP = (
    "accept", "accept-encoding", "content-encoding", "content-type", "if-none-match",
    "last-event-id",
)  # fmt: skip
FORWARDED_DOWN = (
    "cache-control", "content-disposition", "content-encoding", "content-type", "etag", "vary",
    "www-authenticate", "x-accel-buffering",
)  # fmt: skip


def service(settings: Settings, *, dashboard: bool = True) -> FastAPI:
    """Build the service, and the dashboard on top of it.

    The dashboard reads the HTTP API like everybody else; it only skips the network.

    Args:
        settings: Where to listen, what to store, whom to let in.
        dashboard: Whether to attach the dashboard.

    Returns:
        The application.

    Raises:
        FadeError: The address is not loopback and there is no key, or the store's schema is
            behind.
    """
    check_bind(settings.host, settings.api_key)
    app = create_app(settings, importer=read_upload)
    if dashboard:
        # Compressing what never leaves the process would only cost time.
        headers = _bearer(settings.api_key) | {"accept-encoding": "identity"}
        inside = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1", headers=headers
        )
        api = ApiClient(inside)
        policy = content_security_policy(create_dashboard(app, api))
        app.add_middleware(PagePolicy, policy=policy)
    app.add_middleware(KeyGate, api_key=settings.api_key)
    return app


def separate_dashboard(server: str, host: str, api_key: str | None) -> FastAPI:
    """Build a dashboard that stands in front of a service elsewhere.

    The browser talks to this process alone, which passes ``/api/v1`` on; so the service's key
    stays here and no cross-origin rule is needed.

    Args:
        server: Base URL of the service.
        host: Address this process listens on.
        api_key: Key of the service, and password of this page; None for neither.

    Returns:
        The application.

    Raises:
        FadeError: The address is not loopback and there is no key.
    """
    key = SecretStr(api_key) if api_key else None
    check_bind(host, key)
    # Longer than the service's longest poll.
    upstream = httpx.AsyncClient(base_url=server, headers=_bearer(key), timeout=35.0)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with upstream:
            yield

    app = FastAPI(title="Fadewatch dashboard", lifespan=lifespan, docs_url=None, redoc_url=None)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.api_route(
        "/api/{path:path}",
        methods=["GET", "PUT", "PATCH", "POST", "DELETE"],
        include_in_schema=False,
    )
    async def pass_on(path: str, request: Request) -> Response:
        sent = {name: request.headers[name] for name in FORWARDED_UP if name in request.headers}
        try:
            asked = upstream.build_request(
                request.method,
                f"/api/{path}",
                params=httpx.QueryParams(request.url.query),
                headers=sent,
                content=await request.body(),
            )
            answer = await upstream.send(asked, stream=True)
        except httpx.TransportError:
            problem = {
                "title": "Bad Gateway",
                "status": 502,
                "detail": f"{server} is not reachable",
            }
            return JSONResponse(problem, 502, media_type="application/problem+json")
        kept = {name: answer.headers[name] for name in FORWARDED_DOWN if name in answer.headers}
        return StreamingResponse(_as_it_comes(answer), answer.status_code, kept)

    policy = content_security_policy(create_dashboard(app, ApiClient(upstream)))
    app.add_middleware(PagePolicy, policy=policy)
    app.add_middleware(KeyGate, api_key=key)
    return app


async def _as_it_comes(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Yield a body piece by piece: events have no end, and an export may be large."""
    events = answer.headers.get("content-type", "").startswith("text/event-stream")
    # A browser comes back to a stream that ends; a file that is cut must not look whole.
    ends = (httpx.TransportError,) if events else ()
    try:
        with suppress(*ends):
            async for piece in answer.aiter_raw():
                yield piece
    finally:
        await answer.aclose()


def _bearer(api_key: SecretStr | None) -> dict[str, str]:
    return {"authorization": f"Bearer {api_key.get_secret_value()}"} if api_key else {}


class PagePolicy:
    """Send the dashboard's Content-Security-Policy with every page.

    Args:
        app: The application inside.
        policy: The header's value.
    """

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the header to an answer that is a page."""

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers["content-security-policy"] = self._policy
            await send(message)

        await self._app(scope, receive, with_policy)
