"""Asking the service on behalf of whoever asked us, with their rights and no others."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
from cachetools import TTLCache
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from fade_server.access import Caller
from fade_server.security import VISITOR, Credentials
from fade_server.security.gate import SAFE_METHODS
from fade_server.services.sessions import TOKEN_HEADER

PASSED_PATHS = ("/api/{path:path}", "/login", "/login.css", "/logout")
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
PASSED_UP = (
    "accept",
    "accept-encoding",
    "content-encoding",
    "content-type",
    "if-none-match",
    "last-event-id",
    TOKEN_HEADER,
)
PASSED_DOWN = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-security-policy",
        "content-type",
        "etag",
        "location",
        "retry-after",
        "set-cookie",
        "vary",
        "www-authenticate",
        "x-accel-buffering",
    }
)
REMEMBER_S = 2.0
"""How long what the service said of a visitor holds, in seconds."""


def visitors_client(**options: Any) -> httpx.AsyncClient:
    """Return a client whose every request presents what the request at hand presented.

    It keeps no cookies: those of one visitor must not go with the next one's requests.

    Args:
        options: Of ``httpx.AsyncClient``.
    """

    async def present(request: httpx.Request) -> None:
        request.headers.update(VISITOR.get(Credentials()).as_headers())

    nothing = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(cookies=nothing, event_hooks={"request": [present]}, **options)


class UpstreamDoor:
    """The door of a process without a store: the service elsewhere says who may come in.

    Args:
        upstream: Of ``visitors_client``.
    """

    def __init__(self, upstream: httpx.AsyncClient) -> None:
        self._upstream = upstream
        self._known: TTLCache[str, Caller | None] = TTLCache(1024, REMEMBER_S)

    async def admit(self, given: Credentials) -> Caller | None:
        """Return whom the service takes a visitor for, or None when it does not know them."""
        return await self._ask(given) if given != Credentials() else None

    def guess(self, given: Credentials) -> Caller | None:  # noqa: ARG002  admit tries everything
        """Return nobody: there are no credentials here."""
        return None

    async def is_keyless(self) -> bool:
        """Return whether the service lets in who presents nothing."""
        return await self._ask(Credentials()) is not None

    async def _ask(self, given: Credentials) -> Caller | None:
        name = hashlib.sha256(repr(given).encode()).hexdigest()
        if name in self._known:
            return self._known[name]
        VISITOR.set(given)
        try:
            answer = await self._upstream.get("/api/v1/me")
        except httpx.TransportError as error:
            raise ConnectionError(f"{self._upstream.base_url} is not reachable") from error
        if answer.status_code not in (200, 401, 403):
            raise ConnectionError(f"{self._upstream.base_url} answered {answer.status_code}")
        caller = _caller(answer.json(), name) if answer.status_code == 200 else None
        self._known[name] = caller
        return caller


def pass_on_to(app: FastAPI, upstream: httpx.AsyncClient) -> None:
    """Make an application answer the API and the login by asking the service.

    Args:
        app: The application.
        upstream: Of ``visitors_client``.
    """

    async def pass_on(request: Request) -> Response:
        sent = {name: request.headers[name] for name in PASSED_UP if name in request.headers}
        path = request.scope["raw_path"].decode("ascii")
        outgoing = upstream.build_request(
            request.method,
            httpx.URL(path, query=request.url.query.encode()),
            headers=sent,
            content=None if request.method in SAFE_METHODS else request.stream(),
        )
        # Our own gate has compared the page's origin with our name; the service knows another.
        outgoing.headers["origin"] = f"{outgoing.url.scheme}://{outgoing.headers['host']}"
        if request.client is not None:
            outgoing.headers["x-forwarded-for"] = request.client.host
        outgoing.headers["x-forwarded-proto"] = request.url.scheme
        try:
            answer = await upstream.send(outgoing, stream=True)
        except httpx.TransportError:
            detail = f"{upstream.base_url} is not reachable"
            problem = {"title": "Bad Gateway", "status": 502, "detail": detail}
            return JSONResponse(problem, 502, media_type="application/problem+json")
        passed = StreamingResponse(_as_it_comes(answer), answer.status_code)
        passed.raw_headers = [
            (name.lower(), text)
            for name, text in answer.headers.raw
            if name.decode("ascii").lower() in PASSED_DOWN
        ]
        return passed

    for path in PASSED_PATHS:
        app.add_api_route(path, pass_on, methods=METHODS, include_in_schema=False)


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


def _caller(me: dict[str, Any], key_id: str) -> Caller:
    return Caller(me["name"], frozenset(me["scopes"]), me["project"], key_id, me["login"])
