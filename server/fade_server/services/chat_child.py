"""The process in which apprise runs: it can reach the internet and nothing of ours.

Run as ``python -m fade_server.services.chat_child`` with a request as JSON on standard input; it
prints the answer as JSON. Every connection that any library in it opens, redirects included, is
checked by the interpreter itself, at the address that is really connected to.
"""

import json
import logging
import sys
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from fade_server.services.targets import refused

CHECKED = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


class Refused(PermissionError):
    """A connection to an address that may not be sent to."""


def guard(refusals: list[str]) -> Callable[[str, tuple[Any, ...]], None]:
    """Return the hook that refuses connections to anything but addresses of the internet.

    Args:
        refusals: Gets a line for each; apprise says only that there was an error.
    """

    def check(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in CHECKED:
            return
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else address
        if not _is_public(host):
            refusals.append(
                f"{host} is not an address of the internet; set "
                "FADEWATCH_ALLOW_PRIVATE_TARGETS=true to send to your own network"
            )
            raise Refused(refusals[-1])

    return check


def _is_public(host: object) -> bool:
    try:
        ip_address(str(host).partition("%")[0])
    except ValueError:  # a name that nobody checked, or a socket of this machine
        return False
    return not refused(str(host))


class _Heard(logging.Handler):
    """Keeps what apprise logs, which is the only place that says why it failed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Check a URL, or send to it.

    Args:
        request: ``url``, and to send ``title`` and ``body``.
    """
    import apprise  # noqa: PLC0415 - after the guard is in place

    heard = _Heard()
    logging.getLogger("apprise").addHandler(heard)
    sender = apprise.Apprise()
    if not sender.add(request["url"]):
        return {"ok": False, "error": "apprise knows no service by this URL"}
    if "body" not in request:
        return {"ok": True, "error": None}
    sent = sender.notify(body=request["body"], title=request["title"])
    said = "; ".join(heard.lines) or "the service did not take it"
    return {"ok": bool(sent), "error": None if sent else said}


def main() -> None:
    """Answer one request."""
    request = json.load(sys.stdin)
    refusals: list[str] = []
    if not request["allow_private"]:
        sys.addaudithook(guard(refusals))
    said = answer(request)
    if not said["ok"] and refusals:
        said["error"] = refusals[0]
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
