"""A person logs in with a key in a real Chromium, looks, is refused a change, and leaves."""

import re
from collections.abc import Callable
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visitor
from tests.browser.test_accessibility import found_by_axe
from tests.conftest import ServerProcess

pytestmark = pytest.mark.browser

PIN = """async (token) => {
  const answer = await fetch("/api/v1/runs/guarded/schedule/override", {
    method: "PUT",
    headers: {
      "content-type": "application/json",
      ...(token ? window.fadewatchSession.changing() : {}),
    },
    body: JSON.stringify({ delta: 0.9, reason: "a test" }),
  });
  return [answer.status, (await answer.json()).detail ?? ""];
}"""


@pytest.fixture
def keys(server: ServerProcess) -> dict[str, str]:
    """Make keys over the API of a server that had none, and a run to look at."""
    admin: str | None = None
    made = {}
    for name, scopes in (
        ("admin", ["admin"]),
        ("reader", ["read"]),
        ("pilot", ["read", "control"]),
    ):
        answer = httpx.post(
            f"{server.url}/api/v1/keys",
            json={"name": name, "scopes": scopes},
            headers={"authorization": f"Bearer {admin}"} if admin else {},
        )
        made[name] = answer.json()["key"]
        admin = made["admin"]
    body = {"run_id": "guarded", "attempt_key": "a", "name": "guarded-run"}
    headers = {"authorization": f"Bearer {admin}"}
    url = f"{server.url}/api/v1/projects/p/runs"
    assert httpx.post(url, json=body, headers=headers).status_code == 201
    return made


def _expect_accessible(visitor: Visitor) -> None:
    schemes: tuple[Literal["dark", "light"], ...] = ("dark", "light")
    for scheme in schemes:
        visitor.page.emulate_media(color_scheme=scheme)
        assert found_by_axe(visitor) == []


def _log_in(page: Page, key: str) -> None:
    page.get_by_label("Key or password").fill(key)
    page.get_by_role("button", name="Log in").click()


def test_a_reader_logs_in_looks_is_refused_a_change_and_logs_out(
    visit: Callable[[ServerProcess], Visitor], server: ServerProcess, keys: dict[str, str]
) -> None:
    visitor = visit(server)
    page = visitor.page

    visitor.goto("/runs/guarded?compare=")
    expect(page).to_have_url(re.compile("/login"))
    _expect_accessible(visitor)
    _log_in(page, "fw_000000000000_wrong")
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    _log_in(page, keys["reader"])
    page.wait_for_url("**/runs/guarded*")
    expect(page.locator("#crumb-run")).to_have_text("guarded-run", timeout=60_000)
    expect(page.locator("#log-out")).to_contain_text("reader: log out")
    assert keys["reader"] not in str(page.context.cookies())
    assert page.evaluate("document.cookie").startswith("_csrf_token=")

    assert page.evaluate(PIN, False) == [
        403,
        "a change by a session needs its token in x-csrftoken",
    ]
    status, said = page.evaluate(PIN, True)
    assert status == 403
    assert '"control"' in said

    page.get_by_role("tab", name="Steering").click()
    expect(page.locator("#steer-denied")).to_contain_text("You can look, not steer")
    expect(page.locator("#steer-pin")).to_be_disabled()
    visitor.picture("denied")
    visitor.goto("/settings")
    expect(page.locator("#settings-denied")).to_contain_text("These are for admins")

    page.locator("#log-out").click()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(re.compile("/login"))
    visitor.goto("/runs/guarded")
    expect(page).to_have_url(re.compile("/login"))
    visitor.forgive("status of (401|403)")  # what this test was refused on purpose


def test_a_pilot_may_pin_and_a_session_ends_with_its_key(
    browser: Browser, server: ServerProcess, keys: dict[str, str]
) -> None:
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.url}/login?next=/runs/guarded")
    _log_in(page, keys["pilot"])
    expect(page.locator("#crumb-run")).to_have_text("guarded-run", timeout=60_000)
    assert page.evaluate(PIN, True)[0] == 200

    ended = f"{server.url}/api/v1/keys/{keys['pilot'].split('_')[1]}"
    httpx.delete(ended, headers={"authorization": f"Bearer {keys['admin']}"})
    # The live page asks every second, and goes to the login by itself.
    expect(page).to_have_url(re.compile("/login"), timeout=30_000)


def test_a_link_from_another_site_finds_the_session(
    browser: Browser, server: ServerProcess, keys: dict[str, str]
) -> None:
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.url}/login?next=/")
    _log_in(page, keys["reader"])
    page.wait_for_url(f"{server.url}/")
    # To a browser localhost is another site than 127.0.0.1.
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    page.goto(f"{elsewhere}/login")
    page.evaluate("url => { window.location.href = url; }", f"{server.url}/runs/guarded")
    expect(page.locator("#crumb-run")).to_have_text("guarded-run", timeout=60_000)
