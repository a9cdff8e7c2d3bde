"""The gate in front of everything: keys and sessions, the origin of changes, limits, headers."""

import html
from functools import partial
from urllib.parse import quote

import orjson
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fade_server.access import LOCAL_USER, NOBODY, Caller
from fade_server.errors import PROBLEM_MEDIA_TYPE, problem_document
from fade_server.security.bind import host_of, is_loopback
from fade_server.security.door import VISITOR, Credentials, Door
from fade_server.security.headers import headers_for
from fade_server.security.limits import Limits
from fade_server.security.paths import local_path
from fade_server.security.streams import ending_stream
from fade_server.services.sessions import TOKEN_HEADER, is_token_of
from fade_server.settings import Settings

FORM_PATHS = frozenset({"/login", "/logout"})
"""Open pages whose forms change something: they must come from our own page."""

OPEN_PATHS = FORM_PATHS | {"/healthz", "/readyz", "/login.css"}
"""Served to everyone."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Change nothing, so their origin does not matter."""


def guard(app: FastAPI, settings: Settings) -> None:
    """Put the gate in front of an application of ``create_app``, outside all that it has."""
    app.add_middleware(
        KeyGate,
        door=app.state.door,
        limits=app.state.limits,
        local_only=is_loopback(settings.host),
    )


class KeyGate:
    """Let in who has a key or a session; while there is no key, only this machine.

    1. Every path but ``OPEN_PATHS`` needs a key (``Authorization: Bearer KEY``, or HTTP Basic with
       the key as password) or the session that a login with one made. A browser that goes to a
       page is sent to the login instead of being refused.
    2. While there is no key, only requests whose ``Host`` names this machine are answered, and
       only by a service that listens on this machine alone: a page on the internet that had its
       name resolved to 127.0.0.1 is not.
    3. A change, and a websocket, from a page of another origin is refused; one that a session
       asks for must repeat the session's token in a header, which no other page can.
    4. A key has a limit of requests, an address one of wrong keys.
    5. A stream of events ends when its key does.
    6. Every answer carries the headers of ``headers_for``.

    Args:
        app: The application inside.
        door: Knows who may come in.
        limits: Counts.
        local_only: Whether only this machine can reach us.
    """

    def __init__(self, app: ASGIApp, door: Door, limits: Limits, local_only: bool) -> None:
        self._app, self._door, self._limits = app, door, limits
        self._local_only = local_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, text in headers_for(scope["path"], scope.get("scheme", "http")).items():
                    headers.setdefault(name, text)
            await send(message)

        headers = Headers(scope=scope)
        verdict = await self._judge(scope, headers)
        if isinstance(verdict, Caller):
            scope.setdefault("state", {})["caller"] = verdict
            still_in = partial(self._is_still_in, scope, headers)
            await self._app(scope, receive, ending_stream(with_headers, still_in))
        elif scope["type"] == "http":
            await verdict(scope, receive, with_headers)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "refused"})

    async def _judge(self, scope: Scope, headers: Headers) -> Caller | Response:
        """Return who calls, or the answer that refuses them."""
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if changes and not _may_change(scope["path"], headers):
            return _refuse(403, "the request comes from a page of another origin")
        given = Credentials.of(headers)
        if scope["path"] in OPEN_PATHS:
            VISITOR.set(given)
            return NOBODY
        try:
            caller = await self._identify(scope, headers, given)
        except (SQLAlchemyError, ConnectionError):
            return _refuse(503, "who may come in is not known now; try again", {"Retry-After": "2"})
        VISITOR.set(given)
        if isinstance(caller, Response):
            return caller
        if changes and caller.login and not _is_own_change(scope, headers, given.session):
            return _refuse(403, f"a change by a session needs its token in {TOKEN_HEADER}")
        wait = self._limits.take(caller.key_id, scope["path"]) if caller.key_id else None
        return caller if wait is None else _too_many(wait)

    async def _is_still_in(self, scope: Scope, headers: Headers) -> bool:
        try:
            caller = await self._identify(scope, headers, Credentials.of(headers))
        except (SQLAlchemyError, ConnectionError):
            return True  # not known now; asked again at the next event
        return isinstance(caller, Caller)

    async def _identify(
        self, scope: Scope, headers: Headers, given: Credentials
    ) -> Caller | Response:
        if await self._door.is_keyless():
            return self._serve_this_machine(headers)
        caller: Caller | Response | None = await self._door.admit(given)
        if caller is None and given.authorization:
            caller = self._guess(scope, given)
        return _ask_to_log_in(scope, headers) if caller is None else caller

    def _guess(self, scope: Scope, given: Credentials) -> Caller | Response | None:
        """Try a key that a person may have chosen, as often as its address may."""
        address = (scope.get("client") or ("",))[0]
        wait = self._limits.guess_wait(address)
        if wait is not None:
            return _too_many(wait)
        caller = self._door.guess(given)
        if caller is None:
            self._limits.count_guess(address)
        return caller

    def _serve_this_machine(self, headers: Headers) -> Caller | Response:
        if self._local_only and is_loopback(host_of(headers.get("host", ""))):
            return LOCAL_USER
        return _refuse(403, "without a key only localhost is served; make one: fadewatch keys")


def _may_change(path: str, headers: Headers) -> bool:
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and not _same_host(origin, headers.get("host", "")):
        return False
    if site in ("cross-site", "same-site"):
        return False
    # Where there is no session yet whose token could prove it, the origin must.
    return path not in FORM_PATHS or origin is not None or site == "same-origin"


def _is_own_change(scope: Scope, headers: Headers, session: str) -> bool:
    if scope["type"] == "websocket":  # a page cannot give it headers, but it always has an origin
        return headers.get("origin") is not None
    return is_token_of(headers.get(TOKEN_HEADER, ""), session)


def _same_host(origin: str, host: str) -> bool:
    return origin.partition("://")[2].lower() == host.lower() != ""


def _ask_to_log_in(scope: Scope, headers: Headers) -> Response:
    if scope["type"] == "websocket" or not _is_page_visit(scope, headers):
        return _refuse(
            401,
            "the API key is missing or wrong; send it as a bearer token",
            {"WWW-Authenticate": 'Bearer realm="Fadewatch"'},
        )
    query = scope.get("query_string", b"").decode("latin-1")
    wanted = local_path(quote(scope["path"]) + (f"?{query}" if query else ""))
    if headers.get("sec-fetch-site") == "cross-site":
        # The cookie is not sent with a link from elsewhere; it is when our own page goes on.
        page = f'<!DOCTYPE html><meta http-equiv="refresh" content="0;url={html.escape(wanted)}">'
        return HTMLResponse(page, headers={"Cache-Control": "no-store"})
    return RedirectResponse(
        f"/login?next={quote(wanted, safe='')}", 303, {"Cache-Control": "no-store"}
    )


def _is_page_visit(scope: Scope, headers: Headers) -> bool:
    if scope["method"] != "GET" or scope["path"].startswith("/api/"):
        return False
    mode = headers.get("sec-fetch-mode")
    return mode == "navigate" if mode else "text/html" in headers.get("accept", "")


def _too_many(wait_s: int) -> Response:
    return _refuse(429, f"too many requests; try again in {wait_s} s", {"Retry-After": str(wait_s)})


def _refuse(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    body = orjson.dumps(problem_document(status, detail))
    return Response(body, status, headers, PROBLEM_MEDIA_TYPE)
