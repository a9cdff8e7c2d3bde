"""What nobody sends by accident: depth without end, other people's headers, paths that climb."""

import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest

from tests.integration.server.checks import problem
from tests.integration.server.conftest import Clock
from tests.integration.server.guarded import guarded_app, make_key
from tests.integration.server.live import serve_live
from tests.integration.server.test_access import MISSING, ROUTES, Live, Route

WITH_BODY = [route for route in ROUTES if route.method in ("POST", "PUT", "PATCH")]
DEEP = {
    "lists": b"[" * 200_000,
    "objects": b'{"a":' * 200_000,
    "whole": b"[" * 50_000 + b"]" * 50_000,
    "inside": b'{"config":' + b'{"a":' * 900 + b"1" + b"}" * 901,
}
NAMES = [
    "%00", "..%2f..%2fkeys", "%2e%2e", "%0d%0aSet-Cookie:%20a=b", "%ff%fe", "%u0000", "a" * 5000,
    "'%20OR%201=1--", "%E2%80%AE", "${jndi:ldap://x}", "%3Cscript%3E",
]  # fmt: skip


@pytest.fixture(scope="module")
def api(database_url: str, clock: Clock) -> Iterator[Live]:
    app = guarded_app(database_url, clock)
    with serve_live(app) as address, closing(Live(app, address)) as started:
        yield started


@pytest.mark.parametrize("deep", DEEP)
@pytest.mark.parametrize("route", WITH_BODY, ids=str)
def test_a_body_that_is_nested_without_end_is_refused(api: Live, route: Route, deep: str) -> None:
    headers = make_key(api, "admin") | {"content-type": "application/json"}
    answer = api.request(route.method, route.url(MISSING), headers=headers, content=DEEP[deep])
    assert 400 <= answer.status_code < 500, answer.text
    problem(answer, answer.status_code)


@pytest.mark.parametrize("tail", [b"", b"\0" * 600, b"\xff\xfe" * 5000, b"{" * 5000])
@pytest.mark.parametrize(
    "head", [b"SQLite format 3\0", b"PAR1", b"\x1f\x8b", b":W&B", b"step,time\n", b"{}\n", b'"']
)
def test_a_file_that_only_begins_like_a_log_is_refused(api: Live, head: bytes, tail: bytes) -> None:
    answer = api.post("/runs/import", headers=make_key(api, "ingest"), content=head + tail)
    assert 400 <= answer.status_code < 500, answer.text
    problem(answer, answer.status_code)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", ["", "/schedule", "/series?metrics=loss", "/export", "/alerts"])
def test_a_name_that_is_no_run_is_no_run(api: Live, name: str, part: str) -> None:
    for headers in (make_key(api, "admin"), make_key(api, "read", project="p")):
        answer = api.get(f"/runs/{name}{part}", headers=headers)
        assert answer.status_code in (404, 422), answer.text
        assert "set-cookie" not in answer.headers
        problem(answer, answer.status_code)


@pytest.mark.parametrize(
    "line",
    [
        "Host: 127.0.0.1\r\nX: a\r\n b",
        "Host: 127.0.0.1\r\nCookie: fadewatch_session=\x01",
        "Host: evil.example\r\nX-Forwarded-Host: 127.0.0.1",
        "X-Request-ID: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        f"Cookie: {'a=b; ' * 30_000}",
    ],
)
def test_headers_that_are_forged_let_nobody_in(api: Live, line: str) -> None:
    place = urlsplit(api.address("/"))
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=20) as raw:
        make_key(api, "admin")
        raw.sendall(f"GET /api/v1/runs HTTP/1.1\r\n{line}\r\nConnection: close\r\n\r\n".encode())
        status = raw.makefile("rb").readline().split()[1]
    assert status in (b"400", b"401", b"431")


def test_what_a_proxy_would_say_is_believed_from_no_stranger(
    database_url: str, clock: Clock
) -> None:
    said = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7"}
    secure = "strict-transport-security"
    with serve_live(guarded_app(database_url, clock)) as address:
        assert secure not in httpx.get(f"{address}/login", headers=said).headers
    with serve_live(guarded_app(database_url, clock), proxies="127.0.0.1") as address:
        assert secure in httpx.get(f"{address}/login", headers=said).headers
        assert secure not in httpx.get(f"{address}/login").headers
    with serve_live(guarded_app(database_url, clock), proxies="203.0.113.1") as address:
        assert secure not in httpx.get(f"{address}/login", headers=said).headers
