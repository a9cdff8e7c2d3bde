"""The gate: who is let in, from where, and what is refused."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from pydantic import SecretStr
from starlette.types import Message, Receive, Scope, Send

from fade_core.errors import SettingError
from fade_server.access import Caller
from fade_server.main import upgrade_database
from fade_server.queries.engine import Store
from fade_server.security import KeyDoor, KeyGate, Limits, check_bind
from fade_server.security.headers import HEADERS
from fade_server.settings import Settings

KEY = SecretStr("correct horse")
LOCAL = {"host": "127.0.0.1:8765"}


class Inside:
    """An application that notes what reaches it."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["type"] == "http":
            headers = [(b"x-frame-options", b"SAMEORIGIN")] if scope["path"] == "/own" else []
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        elif scope["type"] == "websocket":
            await send({"type": "websocket.accept"})


class Answer:
    """What the gate sent."""

    def __init__(self, messages: list[Message], inside: Inside) -> None:
        self.messages, self.inside = messages, inside

    @property
    def status(self) -> int:
        status: int = self.messages[0]["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): text.decode() for name, text in self.messages[0]["headers"]}

    @property
    def caller(self) -> str:
        caller: Caller = self.inside.scopes[0]["state"]["caller"]
        return caller.name


class Ask(Protocol):
    """Send one request through a gate with this key in its settings."""

    def __call__(
        self,
        key: SecretStr | None,
        headers: dict[str, str],
        *,
        path: str = "/api/v1/runs",
        method: str = "GET",
        kind: str = "http",
        local_only: bool = True,
        scheme: str = "http",
    ) -> Answer: ...


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    url = f"sqlite:///{tmp_path_factory.mktemp('store')}/fade.db"
    upgrade_database(url)
    store = Store(url)

    def send_one(
        key: SecretStr | None,
        headers: dict[str, str],
        *,
        path: str = "/api/v1/runs",
        method: str = "GET",
        kind: str = "http",
        local_only: bool = True,
        scheme: str = "http",
    ) -> Answer:
        inside, messages = Inside(), []
        scope: dict[str, Any] = {
            "type": kind,
            "path": path,
            "method": method,
            "scheme": scheme,
            "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
        }
        if kind == "websocket":
            del scope["method"]

        async def receive() -> Message:
            return {"type": f"{kind}.connect"}

        async def send(message: Message) -> None:
            messages.append(message)

        settings = Settings(database_url=url, api_key=key)
        gate = KeyGate(inside, KeyDoor(store, settings, time.time), Limits(settings), local_only)
        asyncio.run(gate(scope, receive, send))
        return Answer(messages, inside)

    yield send_one
    store.close()


def _basic(text: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer correct"},
        {"authorization": "Bearer"},
        {"authorization": "Digest correct horse"},
        {"authorization": "Basic !!!"},
        {"authorization": "Bearer correct horsé"},
        _basic("anna:wrong"),
        _basic("correct horse"),
        _basic("correct horse:"),
    ],
)
def test_without_the_key_nothing_is_answered(ask: Ask, headers: dict[str, str]) -> None:
    answer = ask(KEY, headers | LOCAL)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="Fadewatch"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.messages[1]["body"])["status"] == 401
    assert not answer.inside.scopes


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        ({"authorization": "Bearer correct horse"}, "api key"),
        ({"authorization": "bearer correct horse"}, "api key"),
        (_basic("anna:correct horse"), "anna"),
        (_basic(":correct horse"), "api key"),
    ],
)
def test_the_key_lets_in_and_says_who_it_is(ask: Ask, headers: dict[str, str], caller: str) -> None:
    answer = ask(KEY, headers | {"host": "fade.example"})
    assert answer.status == 200
    assert answer.caller == caller


def test_a_password_may_hold_a_colon(ask: Ask) -> None:
    assert ask(SecretStr("a:b:c:d:e"), _basic("anna:a:b:c:d:e")).status == 200


@pytest.mark.parametrize("key", [KEY, None])
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/login", "/login.css", "/logout"])
def test_what_a_stranger_needs_is_for_everyone(ask: Ask, key: SecretStr | None, path: str) -> None:
    answer = ask(key, {"host": "anything"}, path=path)
    assert answer.status == 200
    assert answer.caller == ""


@pytest.mark.parametrize("path", ["/", "/_dash-layout", "/healthz/x", "//healthz", "/loginx"])
def test_every_other_path_needs_the_key(ask: Ask, path: str) -> None:
    assert ask(KEY, LOCAL, path=path).status == 401


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8765", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8765"]
)
def test_without_a_key_this_machine_is_served(ask: Ask, host: str) -> None:
    answer = ask(None, {"host": host})
    assert answer.status == 200
    assert answer.caller == "local user"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "localhost.evil.example", "10.0.0.1", "", "[::1"]
)
def test_without_a_key_a_name_that_was_bound_to_this_machine_is_refused(
    ask: Ask, host: str
) -> None:
    answer = ask(None, {"host": host})
    assert answer.status == 403
    assert not answer.inside.scopes


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9", ""])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_change_from_another_origin_is_refused(ask: Ask, origin: str, method: str) -> None:
    answer = ask(None, LOCAL | {"origin": origin}, method=method)
    assert answer.status == 403
    assert not answer.inside.scopes


def test_a_change_from_the_same_origin_or_from_no_page_is_let_in(ask: Ask) -> None:
    assert ask(None, LOCAL | {"origin": "http://127.0.0.1:8765"}, method="PUT").status == 200
    assert ask(None, LOCAL, method="PUT").status == 200


def test_reading_from_another_origin_is_left_to_the_browser(ask: Ask) -> None:
    assert ask(None, LOCAL | {"origin": "http://evil.example"}).status == 200


def test_every_answer_carries_the_headers_unless_it_has_its_own(ask: Ask) -> None:
    lower = {name.lower(): text for name, text in HEADERS.items()}
    assert lower.items() <= ask(None, LOCAL).headers.items()
    assert lower.items() <= ask(KEY, LOCAL).headers.items()
    assert ask(None, LOCAL, path="/own").headers["x-frame-options"] == "SAMEORIGIN"


@pytest.mark.parametrize(
    ("key", "headers"),
    [
        (KEY, LOCAL),
        (KEY, LOCAL | {"authorization": "Bearer wrong"}),
        (None, {"host": "evil.example"}),
        (None, LOCAL | {"origin": "http://evil.example"}),
        (KEY, {"host": "a.example", "origin": "http://b.example"} | _basic("x:correct horse")),
    ],
)
def test_a_websocket_is_refused_as_a_request_is(
    ask: Ask, key: SecretStr | None, headers: dict[str, str]
) -> None:
    answer = ask(key, headers, kind="websocket")
    assert answer.messages == [{"type": "websocket.close", "code": 1008, "reason": "refused"}]
    assert not answer.inside.scopes


def test_a_websocket_with_the_key_from_its_own_page_is_let_in(ask: Ask) -> None:
    headers = {"host": "a.example", "origin": "https://a.example"} | _basic("x:correct horse")
    assert ask(KEY, headers, kind="websocket").messages == [{"type": "websocket.accept"}]


def test_what_is_neither_request_nor_websocket_passes(ask: Ask) -> None:
    assert ask(KEY, {}, kind="lifespan").inside.scopes


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "fade.example", ""])
def test_the_network_is_not_served_without_a_key(host: str) -> None:
    with pytest.raises(SettingError, match="FADEWATCH_API_KEY"):
        check_bind(host, False)
    check_bind(host, True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machine_is_served_without_a_key(host: str) -> None:
    check_bind(host, False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_service_on_the_network_serves_not_even_localhost_without_a_key(
    ask: Ask, host: str
) -> None:
    assert ask(None, {"host": host}, local_only=False).status == 403


def test_answers_of_the_api_are_data_that_nobody_keeps(ask: Ask) -> None:
    api = ask(KEY, LOCAL).headers
    assert api["content-security-policy"].startswith("default-src 'none'")
    assert api["cache-control"] == "no-store"
    page = ask(KEY, LOCAL, path="/").headers
    assert "cache-control" not in page
    assert "strict-transport-security" not in page
    secure = ask(KEY, LOCAL, path="/", scheme="https").headers
    assert secure["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_change_that_the_browser_says_is_foreign_is_refused(ask: Ask, site: str) -> None:
    assert ask(None, LOCAL | {"sec-fetch-site": site}, method="PUT").status == 403
    assert ask(None, LOCAL | {"sec-fetch-site": "same-origin"}, method="PUT").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"cookie": "fadewatch_session=a.b.c"},
        {"cookie": 'fadewatch_session="'},
        {"cookie": "=; fadewatch_session"},
        {"cookie": "x" * 10_000},
        {"authorization": "Bearer fw__"},
        {"authorization": "Bearer fw_" + "x" * 10_000 + "_y"},
        {"authorization": "Bearer fw_0\0_y"},
        {"authorization": "Basic " + "A" * 10_000},
    ],
)
def test_nonsense_is_nobody(ask: Ask, headers: dict[str, str]) -> None:
    assert ask(KEY, LOCAL | headers).status == 401
