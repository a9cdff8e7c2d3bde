"""An admin's page in a real Chromium: keys, where alerts are told, what is kept for how long."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SCRIPT, Visitor
from tests.browser.simulated import Simulation, stream
from tests.conftest import ServerProcess, wait_until

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)  # the machine may be busy


@pytest.fixture
def visitor(server: ServerProcess, visit: Callable[[ServerProcess], Visitor]) -> Visitor:
    return visit(server)


def test_the_first_key_must_be_an_admins_and_each_is_shown_once(
    visitor: Visitor, server: ServerProcess
) -> None:
    page, said = visitor.page, visitor.page.locator("#key-said")
    visitor.goto("/settings")
    page.locator("#key-name").fill("reader")
    page.locator("#key-create").click()
    expect(said).to_contain_text("must have the scope admin")
    assert server.get("/api/v1/keys").json()["keys"] == []

    admin = _create(page, "boss", "admin")
    visitor.picture("key")
    assert server.get("/api/v1/keys").status_code == 401, "the service is closed now"
    page.get_by_role("button", name="I have kept it").click()
    page.wait_for_url("**/login*")
    page.get_by_label("Key or password").fill(admin)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/settings*")
    expect(page.locator("#key-rows")).to_contain_text("boss")
    assert admin not in page.content()

    reader = _create(page, SCRIPT, "read")
    bearer = {"authorization": f"Bearer {reader}"}
    assert httpx.get(f"{server.url}/api/v1/runs", headers=bearer).status_code == 200
    page.get_by_role("button", name="I have kept it").click()
    page.get_by_role("button", name=f"Revoke the key {SCRIPT}").click()
    expect(page.locator("#key-rows")).to_contain_text("revoked")
    wait_until(
        lambda: httpx.get(f"{server.url}/api/v1/runs", headers=bearer).status_code == 401,
        "the reader to be refused",
    )
    visitor.forgive("status of (422|401)")


def test_a_sink_is_added_tested_and_deleted_and_retention_is_saved(
    visitor: Visitor, server: ServerProcess, tmp_path: Path
) -> None:
    stream(server.url, tmp_path / "spool", Simulation("short", steps=3))
    page, rows = visitor.page, visitor.page.locator("#sink-rows")
    visitor.goto("/settings")
    expect(rows).to_contain_text("Nobody is told")
    page.locator("#sink-name").fill(SCRIPT)
    page.locator("#sink-url").fill("json://192.0.2.1/hook")
    page.locator("#sink-add").click()
    expect(rows).to_contain_text(SCRIPT)
    assert [one["name"] for one in server.get("/api/v1/sinks").json()["sinks"]] == [SCRIPT]

    # an address that is for documentation: nobody is there, and nobody may be asked
    rows.get_by_role("button", name=f"Send a test to {SCRIPT}").click()
    expect(page.locator("#sink-said")).to_contain_text("Test: failed")
    rows.get_by_role("button", name=f"Delete {SCRIPT}").click()
    expect(rows).to_contain_text("Nobody is told")
    assert server.get("/api/v1/sinks").json()["sinks"] == []

    _choose_project(page)
    page.locator("#keep-weights").fill("14")
    page.locator("#keep-save").click()
    expect(page.locator("#keep-said")).to_contain_text("Saved for countdown")
    kept = server.get("/api/v1/projects/countdown/retention").json()
    assert (kept["weights_days"], kept["runs_days"]) == (14, None)
    visitor.goto("/settings")
    _choose_project(page)
    expect(page.locator("#keep-weights")).to_have_value("14")
    expect(page.locator("#keep-runs")).to_have_value("")


def _choose_project(page: Page) -> None:
    page.locator("#keep-project").click()
    page.get_by_role("option", name="countdown").click()
    expect(page.locator("#keep-save")).to_be_enabled()


def _create(page: Page, name: str, scope: str) -> str:
    """Make a key with this scope alone, and return what is shown once."""
    page.locator("#key-name").fill(name)
    chosen = page.locator(".mantine-MultiSelect-input", has=page.locator("#key-scopes"))
    page.locator("#key-scopes").press("Backspace")
    chosen.click()
    page.get_by_role("option", name=f"{scope}:").click()
    page.keyboard.press("Escape")
    page.locator("#key-create").click()
    expect(page.locator("#key-shown")).to_be_visible()
    expect(page.locator("#key-secret")).not_to_be_empty()
    return page.locator("#key-secret").inner_text()
