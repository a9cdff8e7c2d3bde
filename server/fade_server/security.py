"""The gate in front of everything: a key, the origin of changes, the name of the host."""

import base64
import binascii
import hmac
from ipaddress import ip_address
from urllib.parse import urlsplit

import orjson
from pydantic import SecretStr
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fade_core.errors import SettingError
from fade_server.access import Caller
from fade_server.errors import PROBLEM_MEDIA_TYPE, problem_document

OPEN_PATHS = frozenset({"/healthz"})
"""Served to everyone."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Change nothing, so their origin does not matter."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}
"""Set on every answer that does not set them itself."""


def check_bind(host: str, api_key: SecretStr | None) -> None:
    """Refuse to serve the network without a key.

    Args:
        host: Address to listen on.
        api_key: The key, or None.

    Raises:
        SettingError: The address is not of this machine only, and there is no key.
    """
    if api_key is None and not _is_loopback(host):
        raise SettingError(
            f"host {host} can be reached from other machines, and no key is set; set "
            "FADEWATCH_API_KEY to a secret of at least 8 characters, or listen on 127.0.0.1"
        )


class KeyGate:
    """Let in who has the key; without a key, only this machine.

    1. With a key, every path but ``/healthz`` needs it: ``Authorization: Bearer KEY``, or HTTP
       Basic with the key as password, so that a browser can ask for it.
    2. Without a key, only requests whose ``Host`` names this machine are answered: a page on
       the internet that had its name resolved to 127.0.0.1 is not.
    3. A change, and a websocket, from a page of another origin is refused.
    4. Every answer carries the headers of ``HEADERS``.

    Args:
        app: The application inside.
        api_key: The key, or None.
    """

    def __init__(self, app: ASGIApp, api_key: SecretStr | None) -> None:
        self._app = app
        self._key = None if api_key is None else api_key.get_secret_value().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, text in HEADERS.items():
                    headers.setdefault(name, text)
            await send(message)

        refused = self._refusal(scope, Headers(scope=scope))
        if refused is None:
            await self._app(scope, receive, with_headers)
        elif scope["type"] == "http":
            await refused(scope, receive, with_headers)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "refused"})

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if scope["path"] in OPEN_PATHS:
            return None
        caller = self._caller(headers)
        if caller is None and self._key is not None:
            return _refuse(401, "the API key is missing or wrong; send it as a bearer token")
        if caller is None:
            return _refuse(
                403, "without an API key only localhost is served; set FADEWATCH_API_KEY"
            )
        if scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS:
            origin = headers.get("origin")
            if origin is not None and not _same_host(origin, headers.get("host", "")):
                return _refuse(403, "the request comes from a page of another origin")
        scope.setdefault("state", {})["caller"] = Caller(caller)
        return None

    def _caller(self, headers: Headers) -> str | None:
        """Return who calls, or None when they may not."""
        if self._key is None:
            return "local user" if _is_loopback(_host_of(headers.get("host", ""))) else None
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        name, presented = "api key", credentials.strip().encode()
        if scheme.lower() == "basic":
            name, presented = _read_basic(presented)
        elif scheme.lower() != "bearer":
            return None
        return name if hmac.compare_digest(presented, self._key) else None


def _read_basic(credentials: bytes) -> tuple[str, bytes]:
    try:
        name, _, password = base64.b64decode(credentials, validate=True).partition(b":")
    except binascii.Error:
        return "", b""
    return name.decode("utf-8", "replace")[:100] or "api key", password


def _is_loopback(host: str) -> bool:
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _host_of(authority: str) -> str:
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""


def _same_host(origin: str, host: str) -> bool:
    return origin.partition("://")[2].lower() == host.lower() != ""


def _refuse(status: int, detail: str) -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="Fadewatch"'} if status == 401 else None
    body = orjson.dumps(problem_document(status, detail))
    return Response(body, status, headers, PROBLEM_MEDIA_TYPE)
