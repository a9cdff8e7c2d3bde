"""The dashboard's login: a signed cookie that ends with its key; changes prove their page."""

from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from fade_server import tables
from fade_server.services import keys
from fade_server.services.sessions import SESSION_COOKIE, TOKEN_COOKIE
from tests.integration.server.api import Api
from tests.integration.server.checks import problem
from tests.integration.server.conftest import Clock
from tests.integration.server.guarded import bearer, guarded, id_of, log_in, make_key

PAGE = {"accept": "text/html,*/*", "sec-fetch-mode": "navigate", "sec-fetch-site": "none"}
OWN = {"origin": "http://127.0.0.1"}


@pytest.fixture(scope="module")
def api(database_url: str, clock: Clock) -> Iterator[Api]:
    with guarded(database_url, clock, password="a password to log in") as started:
        make_key(started, "admin")
        yield started


@pytest.fixture(autouse=True)
def _no_cookies_from_the_test_before(api: Api) -> None:
    # The tests send cookies themselves, as what a browser holds is what they are about.
    api.cookies.clear()


def _secret(headers: dict[str, str]) -> str:
    return headers["authorization"].removeprefix("Bearer ")


def _cookies(answer: httpx.Response) -> SimpleCookie:
    found: SimpleCookie = SimpleCookie()
    for one in answer.headers.get_list("set-cookie"):
        found.load(one)
    return found


def _session(api: Api, key: dict[str, str]) -> dict[str, str]:
    """Log in, and return the headers that a browser then sends."""
    cookies = _cookies(log_in(api, _secret(key)))
    api.cookies.clear()
    return {"cookie": "; ".join(f"{name}={one.value}" for name, one in cookies.items())}


def _token(session: dict[str, str]) -> dict[str, str]:
    return {"x-csrftoken": SimpleCookie(session["cookie"])[TOKEN_COOKIE].value}


def test_a_browser_without_a_session_is_sent_to_the_login_and_back(api: Api) -> None:
    answer = api.get("http://127.0.0.1/runs/a%20b?compare=c", headers=PAGE)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fruns%2Fa%2520b%3Fcompare%3Dc"
    page = api.get(f"http://127.0.0.1{answer.headers['location']}", headers=PAGE)
    assert page.status_code == 200
    assert 'name="next" value="/runs/a%20b?compare=c"' in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert " style=" not in page.text
    key = make_key(api, "read")
    entered = log_in(api, _secret(key), "/runs/a%20b?compare=c")
    assert (entered.status_code, entered.headers["location"]) == (303, "/runs/a%20b?compare=c")


def test_what_is_no_page_is_not_sent_anywhere(api: Api) -> None:
    for path in ("/api/v1/runs", "/_dash-layout"):
        headers = {"accept": "*/*", "sec-fetch-mode": "cors"}
        problem(api.get(f"http://127.0.0.1{path}", headers=headers), 401)
    problem(api.get("http://127.0.0.1/api/v1/runs", headers=PAGE), 401)


def test_a_link_from_elsewhere_is_followed_once_more_from_our_own_page(api: Api) -> None:
    headers = PAGE | {"sec-fetch-site": "cross-site"}
    answer = api.get('http://127.0.0.1/runs/a?x="><script>', headers=headers)
    assert answer.status_code == 200
    assert 'content="0;url=/runs/a?' in answer.text
    assert "<script" not in answer.text
    elsewhere = api.get("http://127.0.0.1//evil.example/x", headers=headers)
    assert 'content="0;url=/"' in elsewhere.text


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "x", "",
     "javascript:alert(1)", "/a\r\nSet-Cookie: b=c"],
)  # fmt: skip
def test_a_login_leads_nowhere_else(api: Api, wanted: str) -> None:
    entered = log_in(api, _secret(make_key(api, "read")), wanted)
    assert entered.headers["location"] == "/"


def test_the_cookie_is_for_http_and_our_own_pages_only(api: Api) -> None:
    key = make_key(api, "read")
    plain = _cookies(log_in(api, _secret(key)))
    session, token = plain[SESSION_COOKIE], plain[TOKEN_COOKIE]
    assert session["httponly"]
    assert not token["httponly"]
    for one in (session, token):
        assert one["samesite"] == "strict"
        assert one["path"] == "/"
        assert int(one["max-age"]) == 12 * 3600
        assert not one["secure"]
    assert _secret(key) not in str(plain)
    over_tls = api.post(
        "https://127.0.0.1/login",
        data={"secret": _secret(key)},
        headers={"origin": "https://127.0.0.1"},
    )
    assert all(one["secure"] for one in _cookies(over_tls).values())
    assert over_tls.headers["strict-transport-security"].startswith("max-age=")


def test_a_session_has_the_rights_of_its_key(api: Api) -> None:
    session = _session(api, make_key(api, "read", project="p", name="anna"))
    me = api.get("/me", headers=session).json()
    assert me == {"name": "anna", "scopes": ["read"], "project": "p", "login": True}
    problem(api.get("/keys", headers=session), 403)


def test_a_session_ends_with_its_key_and_with_its_time(api: Api, clock: Clock) -> None:
    key = make_key(api, "read")
    session = _session(api, key)
    assert api.get("/me", headers=session).status_code == 200
    keys.revoke_key(api.context, id_of(key), by="the test")
    api.app.state.door.keyring.forget()
    problem(api.get("/me", headers=session), 401)
    later = _session(api, make_key(api, "read"))
    clock.now += 12 * 3600 - 1
    assert api.get("/me", headers=later).status_code == 200
    clock.now += 1
    problem(api.get("/me", headers=later), 401)


@pytest.mark.parametrize("changed", ["first", "middle", "last"])
def test_a_cookie_that_was_changed_is_none(api: Api, changed: str) -> None:
    name, value = _session(api, make_key(api, "read"))["cookie"].split("; ")[0].split("=", 1)
    place = {"first": 0, "middle": len(value) // 2, "last": len(value) - 2}[changed]
    other = "A" if value[place] != "A" else "B"
    forged = f"{name}={value[:place]}{other}{value[place + 1 :]}"
    problem(api.get("/me", headers={"cookie": forged}), 401)


def test_a_change_by_a_session_repeats_its_token(api: Api) -> None:
    admin = make_key(api, "admin")
    session, other = _session(api, admin), _session(api, admin)
    body: dict[str, Any] = {"name": "x", "scopes": ["read"]}

    def change(headers: dict[str, str]) -> int:
        return api.post("/keys", json=body, headers=headers).status_code

    assert change(session | _token(session) | OWN) == 201
    assert change(session | _token(session)) == 201
    assert change(session | OWN) == 403
    assert change(session | OWN | _token(other)) == 403
    assert change(session | OWN | {"x-csrftoken": ""}) == 403
    assert change(session | _token(session) | {"origin": "http://evil.example"}) == 403
    assert change(session | _token(session) | {"origin": "null"}) == 403
    for site in ("cross-site", "same-site"):
        assert change(session | _token(session) | {"sec-fetch-site": site}) == 403
    assert change(admin) == 201  # a key in a header is nothing that a browser adds by itself


@pytest.mark.parametrize("path", ["/login", "/logout"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
)
def test_the_forms_are_taken_from_our_own_pages_only(
    api: Api, path: str, headers: dict[str, str]
) -> None:
    data = {"secret": _secret(make_key(api, "read"))}
    problem(api.post(f"http://127.0.0.1{path}", data=data, headers=headers), 403)


def test_a_logout_takes_the_cookies_away(api: Api) -> None:
    session = _session(api, make_key(api, "read", name="<b>anna"))
    page = api.get("http://127.0.0.1/logout", headers=session | PAGE)
    assert "&lt;b&gt;anna" in page.text
    answer = api.post("http://127.0.0.1/logout", headers=session | OWN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert {one["max-age"] for one in _cookies(answer).values()} == {"0"}
    gone = api.get("http://127.0.0.1/logout", headers=PAGE)
    assert gone.headers["location"] == "/login"


def test_who_is_logged_in_is_not_asked_again(api: Api) -> None:
    session = _session(api, make_key(api, "read"))
    answer = api.get("http://127.0.0.1/login?next=/runs/a", headers=session | PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/a")


def test_a_wrong_key_is_said_to_be_one_and_begins_nothing(api: Api) -> None:
    for secret in ("", "wrong", "fw_000000000000_x", "x" * 5000):
        answer = log_in(api, secret)
        assert answer.status_code == 403
        assert "not valid" in answer.text
        assert "set-cookie" not in answer.headers
    huge = api.post("http://127.0.0.1/login", content=b"secret=" + b"x" * 100_000, headers=OWN)
    assert huge.status_code == 403


def test_the_password_lets_look_and_steer_but_not_manage(
    api: Api, database_url: str, clock: Clock
) -> None:
    cookies = _cookies(log_in(api, "a password to log in"))
    session = {"cookie": f"{SESSION_COOKIE}={cookies[SESSION_COOKIE].value}"}
    assert api.get("/me", headers=session).json()["scopes"] == ["control", "read"]
    problem(api.get("/me", headers=bearer("a password to log in")), 401)
    with guarded(database_url, clock, password="another password!") as other:
        problem(other.get("/me", headers=session), 401)


def test_guessing_at_the_login_is_limited_but_a_real_key_enters(
    api: Api, database_url: str, clock: Clock
) -> None:
    strong = _secret(make_key(api, "read"))
    password = "a password to log in"
    with guarded(database_url, clock, password=password, guess_limit="3/hour") as other:
        assert [log_in(other, "guess").status_code for _ in range(4)] == [403, 403, 403, 429]
        refused = log_in(other, password)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 3600
        assert log_in(other, strong).status_code == 303


def test_a_session_is_good_at_every_process_of_the_service(
    api: Api, database_url: str, clock: Clock
) -> None:
    session = _session(api, make_key(api, "read"))
    with guarded(database_url, clock) as other:
        assert other.get("/me", headers=session).status_code == 200
    with guarded(database_url, clock, secret_key="another secret " * 3) as stranger:
        problem(stranger.get("/me", headers=session), 401)


def test_a_login_is_in_the_audit_trail(api: Api) -> None:
    key = make_key(api, "read", name="bertha")
    log_in(api, _secret(key))
    with api.context.store.read() as session:
        newest = select(tables.audit).order_by(tables.audit.c.id.desc()).limit(1)
        entry = session.execute(newest).one()
    assert (entry.by, entry.action, entry.target) == ("bertha", "login", id_of(key))
