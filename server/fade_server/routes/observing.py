"""The outermost layer: every request gets a name, is counted, timed and logged."""

import logging
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fade_server.access import Caller
from fade_server.errors import reason_of
from fade_server.request_id import CURRENT, HEADER, CurrentRequest, choose_id
from fade_server.services.telemetry import Telemetry

log = logging.getLogger(__name__)

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds, by machines; logged only at level debug."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

LEFT = 499
"""The status of a request whose client left before it had an answer."""


class Observer:
    """Watch every request from outside of everything else.

    1. The request's name is in the header ``X-Request-ID`` of the answer, in a problem document
       and in every line that is logged meanwhile.
    2. Neither a query nor a header is logged: they can hold secrets.

    Args:
        app: The whole application.
        telemetry: Where to count.
        prefix: Of the API's paths; routes know theirs without it.
        slow_s: From when on an answer is slow enough to warn, in seconds.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry, prefix: str, slow_s: float) -> None:
        self._app, self._telemetry = app, telemetry
        self._prefix, self._slow_s = prefix, slow_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note how it went."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request = CurrentRequest(choose_id(scope["headers"]))
        status = LEFT

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (HEADER, request.id.encode())]
                message = {**message, "headers": headers}
            await send(message)

        token = CURRENT.set(request)
        begun = time.perf_counter()
        try:
            with self._telemetry.in_flight.track_inprogress():
                await self._app(scope, receive, noted)
        finally:
            self._note(scope, request, status, time.perf_counter() - begun)
            CURRENT.reset(token)

    def _note(self, scope: Scope, request: CurrentRequest, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = self._route(scope)
        self._telemetry.requests.labels(method, route, str(status)).inc()
        if status >= 400 and status != LEFT:
            self._telemetry.refused.labels(reason_of(status)).inc()
        if not request.waited:
            self._telemetry.request_seconds.labels(method, route).observe(seconds)
        slow = seconds >= self._slow_s and not request.waited
        level = _level(scope["path"], status, slow)
        if log.isEnabledFor(level):
            _log(level, scope, route, status, seconds, slow)

    def _route(self, scope: Scope) -> str:
        """Return the template of the path; ``none`` where no route was reached."""
        template = getattr(scope.get("route"), "path", None)
        if template is None:
            return "none"
        inside = scope["path"].startswith(self._prefix) and not template.startswith("/api/")
        return f"{self._prefix}{template}" if inside else str(template)


def _level(path: str, status: int, slow: bool) -> int:
    if status >= 500 or slow:
        return logging.WARNING
    return logging.DEBUG if path in PROBES else logging.INFO


def _log(level: int, scope: Scope, route: str, status: int, seconds: float, slow: bool) -> None:
    # As it came over the wire: a decoded path could hold a line break.
    path = scope.get("raw_path", b"").decode("ascii", "backslashreplace")[:300]
    caller = scope.get("state", {}).get("caller")
    fields: dict[str, Any] = {
        "method": scope["method"],
        "path": path,
        "route": route,
        "status": status,
        "duration_ms": round(1000 * seconds, 2),
        "client": (scope.get("client") or ("",))[0],
        "caller": caller.name if isinstance(caller, Caller) else "",
    }
    what = "%s %s: %d in %.1f ms" + (", which is slow" if slow else "")
    log.log(level, what, scope["method"], path, status, 1000 * seconds, extra=fields)
