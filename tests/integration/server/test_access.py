"""Every route, taken from the application itself: who is refused, and who is not."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, get_args

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from fade_server.access import AccessScope
from fade_server.main import METHODS, create_app
from fade_server.routes.access import OWNERS, scopes_of
from fade_server.services import keys
from fade_server.settings import Settings
from fadewatch.uploads import read_upload
from tests.integration.server.checks import problem
from tests.integration.server.conftest import Clock
from tests.integration.server.guarded import bearer, guarded_app, id_of, make_key
from tests.integration.server.live import serve_live

OPEN = {"/healthz", "/readyz", "/login", "/login.css", "/logout"}
FENCE = "/api/{rest:path}"
"""Answers 404 for what is no path."""

MINE, OTHERS = "mine-7d1f", "others-9c2e"
"""Names of a project and its run; no other text of an answer holds them."""

PARTS_OF_A_RUN = {"step"}
"""Parameters that name nothing without the run before them."""

LOOKED_UP = {"alert", "silence"}
"""Parameters whose service asks whether the caller may see the thing."""


Names = dict[str, str]
"""What to put for each parameter of a path."""

MISSING: Names = {"project": "missing", "run": "missing", "alert": "999", "silence": "999"}


@dataclass(frozen=True)
class Route:
    """One method of one path, and the scopes of which it needs one."""

    method: str
    path: str
    scopes: tuple[AccessScope, ...] | None
    parameters: tuple[str, ...]
    queries: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def url(self, names: Names) -> str:
        filled = {one: names.get(one, "1") for one in self.parameters}
        path = self.path.format(**filled)
        return path.removeprefix("/api/v1") if path.startswith("/api/") else f"/../..{path}"


def _routes() -> list[Route]:
    settings = Settings(database_url="sqlite:///never-opened.db")
    app = create_app(settings, importer=read_upload)
    return [
        Route(
            method,
            route.path,
            scopes_of(route.dependencies),
            tuple(re.findall(r"{(\w+)}", route.path)),
            _queries(app, route.path, method),
        )
        for route in iter_route_contexts(app.routes)
        if isinstance(route.original_route, APIRoute)
        if route.path is not None and route.path not in OPEN | {FENCE}
        for method in sorted(route.methods or ())
    ]


def _queries(app: FastAPI, path: str, method: str) -> tuple[str, ...]:
    operation = app.openapi()["paths"].get(path, {}).get(method.lower(), {})
    return tuple(one["name"] for one in operation.get("parameters", []) if one["in"] == "query")


ROUTES = _routes()
FOR_BOUND = [route for route in ROUTES if route.scopes not in (None, ("admin",))]
every_route = pytest.mark.parametrize("route", ROUTES, ids=str)


class Live:
    """The application behind a socket: some of its answers never end."""

    def __init__(self, app: FastAPI, address: str) -> None:
        self.app, self._http = app, httpx.Client(base_url=f"{address}/api/v1", timeout=30.0)
        self.names: dict[str, Names] = {}

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        with self._http.stream(method, path, **arguments) as answer:
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                answer.read()
        return answer

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("GET", path, **arguments)

    def post(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("POST", path, **arguments)

    def address(self, path: str) -> str:
        return f"{self._http.base_url}{path.removeprefix('/')}"

    def close(self) -> None:
        self._http.close()


@pytest.fixture(scope="module")
def api(database_url: str, clock: Clock) -> Iterator[Live]:
    app = guarded_app(database_url, clock)
    with serve_live(app) as address, closing(Live(app, address)) as started:
        for name in (MINE, OTHERS):
            started.names[name] = _fill(started, name)
        yield started


def _fill(api: Live, name: str) -> Names:
    """Make a project with one of everything that a path can name."""
    admin = make_key(api, "admin")
    body: dict[str, Any] = {"run_id": name, "attempt_key": "a1", "name": name, "tags": [name]}
    assert api.post(f"/projects/{name}/runs", json=body, headers=admin).status_code == 201
    batch: dict[str, Any] = {"attempt": 1, "steps": [1, 2, 3]}
    batch["columns"] = {"loss": [0.5, "NaN", "NaN"]}
    assert api.post(f"/runs/{name}/steps", json=batch, headers=admin).status_code == 200
    assert api.app.state.context.background.wait_idle(20)
    alerts = api.get(f"/runs/{name}/alerts", headers=admin).json()["alerts"]
    wanted = {"project": name, "duration_s": 1e6, "reason": "a test"}
    silence = api.post("/silences", json=wanted, headers=admin).json()
    return {
        "project": name,
        "run": name,
        "alert": str(alerts[0]["id"]),
        "silence": str(silence["id"]),
    }


def _ask(
    api: Live, route: Route, headers: dict[str, str], names: Names | None = None
) -> httpx.Response:
    url = route.url(names or api.names[MINE])
    body: dict[str, Any] | None = {} if route.method[0] == "P" else None
    return api.request(route.method, url, headers=headers, json=body)


def test_there_are_routes_and_each_says_who_may_use_it() -> None:
    assert len(ROUTES) > 15
    assert [str(route) for route in ROUTES if route.scopes is None] == []


def test_what_a_path_names_has_an_owner_unless_only_admins_may_name_it() -> None:
    for route in FOR_BOUND:
        unknown = set(route.parameters) - PARTS_OF_A_RUN - set(OWNERS) - LOOKED_UP
        assert not unknown, f"{route}: whose is {unknown}?"
        assert not set(route.parameters) & PARTS_OF_A_RUN or "run" in route.parameters, str(route)


@every_route
def test_without_a_key_it_is_refused(api: Live, route: Route) -> None:
    answer = _ask(api, route, {})
    problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


@every_route
def test_with_a_wrong_an_expired_or_a_revoked_key_it_is_refused(
    api: Live, clock: Clock, route: Route
) -> None:
    live = make_key(api, "admin")["authorization"].removeprefix("Bearer ")
    wrong = [live[:-1] + ("A" if live[-1] != "A" else "B"), "fw_000000000000_x", live[:15], "x"]
    for key in wrong:
        problem(_ask(api, route, bearer(key)), 401)
    expiring = make_key(api, "admin", expires_at=clock.now + 10)
    clock.now += 10
    problem(_ask(api, route, expiring), 401)
    revoked = make_key(api, "admin")
    keys.revoke_key(api.app.state.context, id_of(revoked), by="the test")
    api.app.state.door.keyring.forget()
    problem(_ask(api, route, revoked), 401)


@every_route
def test_without_its_scope_it_is_refused_and_with_it_it_is_not(api: Live, route: Route) -> None:
    wanted = route.scopes or get_args(AccessScope)
    for scope in get_args(AccessScope):
        headers = make_key(api, scope)
        if scope in wanted or scope == "admin":
            # Only who may: the bodies that the routes want are not sent.
            answer = _ask(api, route, headers, MISSING)
            assert answer.status_code not in (401, 403), scope
        else:
            found = problem(_ask(api, route, headers), 403)
            assert f'"{wanted[0]}"' in found["detail"]


@every_route
def test_a_key_of_another_project_is_told_that_there_is_nothing(api: Live, route: Route) -> None:
    headers = make_key(api, "ingest", "read", "control", project=MINE)
    theirs = api.names[OTHERS]
    answer = _ask(api, route, headers, theirs)
    if route.scopes == ("admin",):
        problem(answer, 403)
    elif named := set(route.parameters) & set(MISSING):
        said = problem(_ask(api, route, headers, MISSING), 404)["detail"]
        for name in named:
            said = said.replace(MISSING[name], theirs[name])
        assert problem(answer, 404)["detail"] == said
    elif not answer.headers["content-type"].startswith("text/event-stream"):
        # What a stream says is read in test_guarded_events.
        assert OTHERS not in answer.text
    for query in set(route.queries) & set(OWNERS):
        asked = api.request(
            route.method, route.url(api.names[MINE]), headers=headers, params={query: OTHERS}
        )
        problem(asked, 403 if route.scopes == ("admin",) else 404)


def test_a_key_of_a_project_leaves_what_is_for_all_projects_alone(api: Live) -> None:
    body = {"detector": "loss_spike", "duration_s": 1e6, "reason": "for all"}
    silence = api.post("/silences", json=body, headers=make_key(api, "admin")).json()["id"]
    headers = make_key(api, "read", "control", project=MINE)
    assert api.post("/silences", json=body, headers=headers).status_code == 403
    problem(api.request("DELETE", f"/silences/{silence}", headers=headers), 404)
    for part in ("run", "project"):
        theirs = body | {part: OTHERS}
        assert api.post("/silences", json=theirs, headers=headers).status_code in (403, 404)


def test_a_key_of_a_project_works_in_it(api: Live) -> None:
    headers = make_key(api, "ingest", "read", project=MINE)
    listed = api.get("/runs", headers=headers).json()["runs"]
    assert [run["id"] for run in listed] == [MINE]
    assert api.get(f"/runs/{MINE}", headers=headers).status_code == 200
    batch = {"attempt": 1, "steps": [9], "columns": {"accuracy": [0.6]}}
    assert api.post(f"/runs/{MINE}/steps", json=batch, headers=headers).status_code == 200


def test_a_run_id_that_is_taken_elsewhere_does_not_say_where(api: Live) -> None:
    headers = make_key(api, "ingest", project=MINE)
    body = {"run_id": OTHERS, "attempt_key": "a1", "name": "x"}
    found = problem(api.post(f"/projects/{MINE}/runs", json=body, headers=headers), 409)
    assert "in project" not in found["detail"]


@pytest.mark.parametrize("method", METHODS)
def test_what_is_no_path_needs_a_key_too(api: Live, method: str) -> None:
    assert api.request(method, "/no/such/path").status_code == 401
    known = api.request(method, "/no/such/path", headers=make_key(api, "read"))
    assert known.status_code == 404


def test_the_documentation_says_who_may_and_how_each_is_refused(api: Live) -> None:
    headers = make_key(api, "read")
    document = api.get("/../openapi.json", headers=headers).json()
    assert set(document["components"]["securitySchemes"]) == {"key", "session"}
    for route in ROUTES:
        if route.path in document["paths"]:
            operation = document["paths"][route.path][route.method.lower()]
            assert {"401", "403", "429"} <= set(operation["responses"]), str(route)
            named = {scope for one in operation["security"] for scope in one.get("key", [])}
            assert named == set(route.scopes or ()), str(route)
