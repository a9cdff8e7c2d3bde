"""The dashboard acts with the rights of whoever looks at it, in one process and in two."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from fade_core.errors import SettingError
from fade_server.access import AccessScope
from fade_server.main import upgrade_database
from fade_server.services import keys
from fade_server.services.keys import KeyRequest
from fade_server.services.sessions import SESSION_COOKIE
from fade_server.settings import Settings
from fadewatch.compose import separate_dashboard, service
from tests.conftest import ServerProcess, wait_until
from tests.helpers import free_port
from tests.integration.server.api import Api, serve

LAYOUT = {
    "output": "page.children",
    "outputs": {"id": "page", "property": "children"},
    "inputs": [{"id": "url", "property": "pathname", "value": "/runs/secret-run"}],
    "changedPropIds": ["url.pathname"],
    "parsedChangedPropsIds": ["url.pathname"],
}
"""What a browser sends for the page of a run."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    url = f"sqlite:///{tmp_path}/fade.db"
    upgrade_database(url)
    return Settings(database_url=url)


@contextmanager
def _serving(app: FastAPI) -> Iterator[Api]:
    with serve(app, "http://127.0.0.1") as started:
        yield started


def _key(app: FastAPI, *scopes: AccessScope, project: str | None = None) -> dict[str, str]:
    _, key = keys.create_key(
        app.state.context, KeyRequest("a visitor", scopes, project), by="the test"
    )
    app.state.door.keyring.forget()
    return {"authorization": f"Bearer {key}"}


def _open_run(api: Api, headers: dict[str, str]) -> None:
    body = {"run_id": "secret-run", "attempt_key": "a", "name": "what nobody else may read"}
    opened = api.post("/api/v1/projects/theirs/runs", json=body, headers=headers)
    assert opened.status_code == 201


def test_a_page_is_made_with_the_rights_of_its_visitor(settings: Settings) -> None:
    app = service(settings)
    with _serving(app) as api:
        admin = _key(app, "admin")
        _open_run(api, admin)

        def page(headers: dict[str, str]) -> str:
            answer = api.post("/_dash-update-component", json=LAYOUT, headers=headers)
            assert answer.status_code == 200, answer.text
            return answer.text

        assert "No such run" not in page(admin)
        assert "No such run" in page(_key(app, "read", project="mine"))
        assert api.post("/_dash-update-component", json=LAYOUT).status_code == 401


def test_a_callback_by_a_session_needs_its_token(settings: Settings) -> None:
    app = service(settings)
    with _serving(app) as api:
        key = _key(app, "read")["authorization"].removeprefix("Bearer ")
        origin = {"origin": "http://127.0.0.1"}
        api.post("/login", data={"secret": key, "next": "/"}, headers=origin)
        refused = api.post("/_dash-update-component", json=LAYOUT, headers=origin)
        assert refused.status_code == 403
        token = {"x-csrftoken": api.cookies["_csrf_token"]}
        taken = api.post("/_dash-update-component", json=LAYOUT, headers=origin | token)
        assert taken.status_code == 200


def test_the_network_is_served_once_there_is_an_admin_key(settings: Settings) -> None:
    open_to_all = settings.model_copy(update={"host": "0.0.0.0"})
    with pytest.raises(SettingError, match="fadewatch keys create"):
        service(open_to_all, dashboard=False)
    app = service(settings, dashboard=False)
    _key(app, "read")
    with pytest.raises(SettingError, match="fadewatch keys create"):
        service(open_to_all, dashboard=False)
    _key(app, "admin")
    service(open_to_all, dashboard=False)


def test_the_network_is_not_served_from_a_store_that_was_never_opened(tmp_path: Path) -> None:
    fresh = Settings(database_url=f"sqlite:///{tmp_path}/new.db", host="0.0.0.0")
    with pytest.raises(SettingError, match="fadewatch keys create"):
        service(fresh)


def _me(api: Api, headers: dict[str, str]) -> httpx.Response:
    return api.get("/api/v1/me", headers=headers)


@pytest.mark.slow
def test_a_dashboard_elsewhere_passes_on_what_its_visitor_may(server: ServerProcess) -> None:
    app = separate_dashboard(server.url, "127.0.0.1")
    with _serving(app) as api, httpx.Client(base_url=server.url) as direct:
        assert _me(api, {}).json()["name"] == "local user"
        made = direct.post("/api/v1/keys", json={"name": "root", "scopes": ["admin"]}).json()
        admin = {"authorization": f"Bearer {made['key']}"}
        assert _me(api, {}).status_code == 401
        assert _me(api, admin).json()["name"] == "root"

        navigation = {"accept": "text/html", "sec-fetch-mode": "navigate"}

        def visit() -> httpx.Response:
            return api.get("/runs/x", headers=navigation)

        wait_until(lambda: visit().status_code == 303, "the dashboard to notice the key", 10)
        assert visit().headers["location"] == "/login?next=%2Fruns%2Fx"
        page = api.get("/login", headers=navigation)
        assert "Key or password" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]

        body = {"name": "anna", "scopes": ["read"], "project": "p"}
        anna = direct.post("/api/v1/keys", json=body, headers=admin).json()
        _check_a_session_through(api, anna["key"])


def _check_a_session_through(api: Api, key: str) -> None:
    origin = {"origin": "http://127.0.0.1"}
    entered = api.post("/login", data={"secret": key, "next": "/"}, headers=origin)
    assert entered.status_code == 303
    session = {"cookie": f"{SESSION_COOKIE}={api.cookies[SESSION_COOKIE]}"}
    token = {"x-csrftoken": api.cookies["_csrf_token"]}
    api.cookies.clear()

    def change(headers: dict[str, str]) -> httpx.Response:
        path = "/api/v1/runs/x/schedule/override"
        return api.request("DELETE", path, headers=session | headers)

    assert api.get("/api/v1/me", headers=session).json()["name"] == "anna"
    # Nothing of a visitor stays behind for the next one.
    assert api.get("/api/v1/me").status_code == 401
    refused = change(origin | token)
    assert (refused.status_code, "scope" in refused.json()["detail"]) == (403, True)
    assert "token" in change(origin).json()["detail"]
    assert "origin" in change(token | {"origin": "http://evil.example"}).json()["detail"]


def test_a_dashboard_in_front_of_a_service_that_is_gone_says_so() -> None:
    with _serving(separate_dashboard(f"http://127.0.0.1:{free_port()}", "127.0.0.1")) as api:
        answer = api.get("/api/v1/runs")
        assert answer.status_code == 503
        assert api.get("/healthz").status_code == 200


@pytest.mark.slow
def test_a_dashboard_on_the_network_lets_nobody_in_while_its_service_has_no_key(
    server: ServerProcess,
) -> None:
    with _serving(separate_dashboard(server.url, "0.0.0.0")) as api:
        assert api.get("/api/v1/runs").status_code == 403
