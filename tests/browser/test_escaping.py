"""What people and trainers call things is text on every page, and never markup."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import IMAGE, SCRIPT, Fleet, Visitor
from tests.conftest import ServerProcess, wait_until

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)  # the machine may be busy


@pytest.fixture
def pinned(fleet: Fleet) -> str:
    """Pin the run named like a script, with a reason that is like one too; return its id."""
    run = fleet.ids[SCRIPT]
    address = f"{fleet.server.url}/api/v1/runs/{run}"
    pin = httpx.put(f"{address}/schedule/override", json={"delta": 0.9, "reason": IMAGE})
    assert pin.status_code == 200
    silence = {"run": run, "duration_s": 600, "reason": IMAGE}
    assert httpx.post(f"{fleet.server.url}/api/v1/silences", json=silence).status_code == 201
    wait_until(lambda: bool(_firing(fleet.server)), "an alert that fires")
    note = f"{fleet.server.url}/api/v1/alerts/{_firing(fleet.server)[0]['id']}/ack"
    assert httpx.post(note, json={"note": IMAGE}).status_code == 200
    return run


def _firing(server: ServerProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.get("/api/v1/alerts", state="firing").json()["alerts"]
    return found


def test_names_tags_groups_settings_and_reasons_are_text_everywhere(
    visit: Callable[[ServerProcess], Visitor], fleet: Fleet, pinned: str
) -> None:
    """An image that is made of one asks for an address that is not there: the visit fails."""
    visitor, other = visit(fleet.server), fleet.ids["live"]
    page = visitor.page
    for path, place, text in (
        (f"/?grouped=1&cols=name,group,tags&tag={IMAGE}", "#runs-grid", IMAGE),
        (f"/runs/{pinned}", "#schedule-reason", IMAGE),
        (f"/runs/{pinned}?compare={other}", "#legend", SCRIPT),
        (f"/runs/{pinned}?tab=steering", "#steer-trail", IMAGE),
        (f"/runs/{pinned}?tab=audit", "#crumb-run", SCRIPT),
        (f"/runs/{pinned}?tab=whatif", "#crumb-run", SCRIPT),
        (f"/runs/{pinned}?tab=whatif&methods={IMAGE}", "#whatif-note", IMAGE),
        (f"/compare?runs={pinned},{other}", "#config-table", IMAGE),
        (
            f"/compare?runs={pinned},{other}&view=multiples",
            "#panel-accuracy .infolayer",
            SCRIPT[:16],
        ),
        ("/alerts?state=acknowledged", "#alerts-list", IMAGE),
        (f"/runs/{SCRIPT}", "body", "No such page"),
    ):
        visitor.goto(path)
        expect(page.locator(place)).to_contain_text(text)
    assert not page.locator("img[src=nowhere]").count()
    visitor.forgive("status of 422")
