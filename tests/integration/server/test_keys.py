"""Keys: made once, shown once, kept as a hash, ended at once."""

import hmac
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from fade_server import tables
from fade_server.services import keys as key_services
from tests.conftest import wait_until
from tests.integration.server.api import Api
from tests.integration.server.checks import problem, stored
from tests.integration.server.conftest import Clock, MakeDatabase
from tests.integration.server.guarded import bearer, guarded, id_of, make_key


@pytest.fixture(scope="module")
def api(database_url: str, clock: Clock) -> Iterator[Api]:
    with guarded(database_url, clock) as started:
        yield started


@pytest.fixture(scope="module")
def admin(api: Api) -> dict[str, str]:
    return make_key(api, "admin", name="root")


def test_a_new_key_is_shown_once_and_kept_as_a_hash(api: Api, admin: dict[str, str]) -> None:
    body = {"name": "cluster A", "scopes": ["read", "ingest", "read"], "project": "p"}
    answer = api.post("/keys", json=body, headers=admin)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    key = made.pop("key")
    prefix, key_id, secret = key.split("_", 2)
    assert (prefix, key_id) == ("fw", made["id"])
    assert len(secret) == 43
    assert made["scopes"] == ["ingest", "read"]
    assert made["created_by"] == "root"
    listed = api.get("/keys", headers=admin)
    assert made in listed.json()["keys"]
    assert secret not in listed.text
    assert "hash" not in listed.text
    with api.context.store.read() as session:
        rows = session.execute(select(tables.keys)).mappings().all()
    assert secret not in str(rows)
    assert {row["id"]: row["hash"] for row in rows}[key_id] == key_services.digest(secret)


def test_who_am_i(api: Api) -> None:
    headers = make_key(api, "read", "control", project="p", name="anna")
    assert api.get("/me", headers=headers).json() == {
        "name": "anna",
        "scopes": ["control", "read"],
        "project": "p",
        "login": False,
    }


def test_a_revoked_key_ends_at_once_and_stays_in_the_list(
    api: Api, admin: dict[str, str], clock: Clock
) -> None:
    headers = make_key(api, "read")
    assert api.get("/runs", headers=headers).status_code == 200
    ended = api.request("DELETE", f"/keys/{id_of(headers)}", headers=admin)
    assert ended.json()["revoked_at"] == clock.now
    problem(api.get("/runs", headers=headers), 401)
    clock.now += 5
    again = api.request("DELETE", f"/keys/{id_of(headers)}", headers=admin)
    assert again.json()["revoked_at"] == clock.now - 5
    assert id_of(headers) in api.get("/keys", headers=admin).text
    problem(api.request("DELETE", "/keys/nobody", headers=admin), 404)


def test_another_process_follows_a_revocation_within_seconds(
    api: Api, database_url: str, clock: Clock, admin: dict[str, str]
) -> None:
    headers = make_key(api, "read")
    with guarded(database_url, clock) as other:
        assert other.get("/runs", headers=headers).status_code == 200
        api.request("DELETE", f"/keys/{id_of(headers)}", headers=admin)
        ended = lambda: other.get("/runs", headers=headers).status_code == 401  # noqa: E731
        wait_until(ended, "the other process to notice", timeout_s=10)


def test_a_key_ends_when_it_expires(api: Api, clock: Clock) -> None:
    headers = make_key(api, "read", expires_at=clock.now + 60)
    assert api.get("/runs", headers=headers).status_code == 200
    clock.now += 60
    problem(api.get("/runs", headers=headers), 401)


def test_the_last_use_is_noted_at_most_once_a_minute(api: Api, clock: Clock) -> None:
    headers = make_key(api, "read")

    def used_at() -> float | None:
        with api.context.store.read() as session:
            this = tables.keys.c.id == id_of(headers)
            found: float | None = session.scalar(select(tables.keys.c.used_at).where(this))
        return found

    assert used_at() is None
    api.get("/me", headers=headers)
    wait_until(lambda: used_at() is not None, "the use to be noted")
    first = used_at()
    clock.now += 30
    with guarded(api.context.settings.database_url, clock) as other:
        other.get("/me", headers=headers)  # a process that has not noted it yet
        other.get("/me", headers=headers)
    assert used_at() == first
    clock.now += 31
    with guarded(api.context.settings.database_url, clock) as other:
        other.get("/me", headers=headers)
        wait_until(lambda: used_at() == clock.now, "the later use to be noted")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x"}, "scopes"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["root"]}, "scopes[0]"),
        ({"name": " ", "scopes": ["read"]}, "name"),
        ({"name": "a\nb", "scopes": ["read"]}, "name"),
        ({"name": "x" * 200, "scopes": ["read"]}, "name"),
        ({"name": "x", "scopes": ["read"], "project": ""}, "project"),
        ({"name": "x", "scopes": ["admin"], "project": "p"}, "project"),
        ({"name": "x", "scopes": ["read"], "expires_at": 1.0}, "expires_at"),
        ({"name": "x", "scopes": ["read"], "expires_at": 1e300}, "expires_at"),
        ({"name": "x", "scopes": ["read"], "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_key_request_is_refused_by_name_and_makes_none(
    api: Api, admin: dict[str, str], body: dict[str, object], field: str
) -> None:
    before = stored(api)
    found = problem(api.post("/keys", json=body, headers=admin), 422)
    assert found["errors"][0]["field"] == field
    assert stored(api) == before


def test_the_secret_is_compared_in_constant_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def noting(one: str, other: str) -> bool:
        compared.append(len(one))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(key_services, "compare_digest", noting)
    headers = make_key(api, "read")
    assert api.get("/me", headers=headers).status_code == 200
    assert api.get("/me", headers=bearer(f"fw_{id_of(headers)}_x")).status_code == 401
    assert compared == [64, 64]


def test_the_first_key_closes_the_service_and_must_be_an_admins(
    make_database: MakeDatabase, clock: Clock
) -> None:
    from fade_server.main import upgrade_database

    url = make_database()
    upgrade_database(url)
    with guarded(url, clock) as api:
        assert api.get("/me").json()["name"] == "local user"
        refused = api.post("/keys", json={"name": "x", "scopes": ["ingest"]})
        assert "admin" in problem(refused, 422)["detail"]
        made = api.post("/keys", json={"name": "me", "scopes": ["admin"]}).json()
        problem(api.get("/me"), 401)
        headers = bearer(made["key"])
        assert api.get("/me", headers=headers).json()["name"] == "me"
        api.request("DELETE", f"/keys/{made['id']}", headers=headers)
        assert api.get("/me").json()["name"] == "local user"


def test_without_a_key_a_service_on_the_network_lets_nobody_in(
    make_database: MakeDatabase, clock: Clock
) -> None:
    from fade_server.main import upgrade_database

    url = make_database()
    upgrade_database(url)
    with guarded(url, clock, host="0.0.0.0") as api:
        problem(api.get("/me"), 403)


def test_what_is_done_with_keys_is_in_the_audit_trail(api: Api, admin: dict[str, str]) -> None:
    made = api.post("/keys", json={"name": "b", "scopes": ["read"]}, headers=admin).json()
    api.request("DELETE", f"/keys/{made['id']}", headers=admin)
    newest = api.get("/audit?limit=2", headers=admin).json()
    assert [(one["action"], one["target"], one["by"]) for one in newest["entries"]] == [
        ("key.revoked", made["id"], "root"),
        ("key.created", made["id"], "root"),
    ]
    assert made["key"] not in str(newest)
    older = api.get(f"/audit?limit=500&cursor={newest['next_cursor']}", headers=admin).json()
    assert max(one["id"] for one in older["entries"]) < newest["entries"][1]["id"]
    assert older["next_cursor"] is None
    for cursor in ("x", "LTE=", "WyJhIl0="):
        refused = problem(api.get(f"/audit?cursor={cursor}", headers=admin), 422)
        assert refused["errors"][0]["field"] == "cursor"


def test_the_key_of_the_settings_has_every_scope(database_url: str, clock: Clock) -> None:
    with guarded(database_url, clock, api_key="correct horse") as api:
        me = api.get("/me", headers=bearer("correct horse")).json()
        assert me["scopes"] == ["admin", "control", "ingest", "read"]
        basic = api.get("/me", auth=("anna", "correct horse"))
        assert basic.json()["name"] == "anna"
        problem(api.get("/me", headers=bearer("wrong horse")), 401)


def test_wrong_keys_are_limited_by_address_and_strong_ones_are_not(
    api: Api, database_url: str, clock: Clock
) -> None:
    strong = make_key(api, "read")
    weak = bearer("correct horse")
    with guarded(database_url, clock, api_key="correct horse", guess_limit="3/hour") as other:
        assert other.get("/me", headers=weak).status_code == 200
        for _ in range(3):
            problem(other.get("/me", headers=bearer("guess")), 401)
        refused = other.get("/me", headers=bearer("guess"))
        problem(refused, 429)
        assert 0 < int(refused.headers["retry-after"]) <= 3600
        problem(other.get("/me", headers=weak), 429)
        assert other.get("/me", headers=strong).status_code == 200


def test_requests_of_a_key_are_limited_and_those_of_a_trainer_apart(
    api: Api, database_url: str, clock: Clock
) -> None:
    one, two = make_key(api, "admin"), make_key(api, "admin")
    with guarded(database_url, clock, request_limit="2/hour", ingest_limit="3/hour") as other:
        answers = [other.get("/me", headers=one).status_code for _ in range(3)]
        assert answers == [200, 200, 429]
        assert other.get("/me", headers=two).status_code == 200
        batches = [other.post("/runs/none/steps", headers=one).status_code for _ in range(4)]
        assert batches == [400, 400, 400, 429]
