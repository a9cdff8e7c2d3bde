"""An admin adds a sink, and is told why a key cannot be made."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SCREENSHOTS, SCRIPT, Visitor
from tests.conftest import ServerProcess

pytestmark = pytest.mark.browser


@pytest.fixture
def visitor(server: ServerProcess, visit: Callable[[ServerProcess], Visitor]) -> Visitor:
    return visit(server)


def test_a_sink_is_added_and_a_first_key_that_is_no_admins_is_refused(
    visitor: Visitor, server: ServerProcess
) -> None:
    page = visitor.page
    visitor.goto("/settings")
    expect(page.locator("#sink-rows")).to_contain_text("Nobody is told", timeout=60_000)
    page.locator("#sink-name").fill(SCRIPT)
    page.locator("#sink-url").fill("json://192.0.2.1/hook")
    page.locator("#sink-add").click()
    expect(page.locator("#sink-rows")).to_contain_text(SCRIPT, timeout=60_000)

    page.locator("#key-name").fill("reader")
    page.locator("#key-create").click()
    expect(page.locator("#key-said")).to_contain_text("must have the scope admin", timeout=60_000)
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "settings.png")
    assert [one["name"] for one in server.get("/api/v1/sinks").json()["sinks"]] == [SCRIPT]
    assert server.get("/api/v1/keys").json()["keys"] == []
    # the browser reports the refusal as well
    visitor.complaints[:] = [one for one in visitor.complaints if "status of 422" not in one]
