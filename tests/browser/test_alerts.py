"""A person follows an alert to its evidence, steers a run, and sees a restart through."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

import fade_client
from tests.browser.conftest import Visitor
from tests.browser.simulated import Simulation, stream
from tests.conftest import ServerProcess, wait_until

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)  # the machine may be busy
LIVE = "window.EventSource && document.getElementById('offline').className === 'hidden'"


@pytest.fixture
def visitor(server: ServerProcess, visit: Callable[[ServerProcess], Visitor]) -> Visitor:
    return visit(server)


@pytest.fixture
def controlled(server: ServerProcess, tmp_path: Path) -> Iterator[fade_client.Run]:
    """Train in control mode, with the weights that the run hands out, until the test ends."""
    run = fade_client.init(
        "countdown", "fade-seed1", server=server.url, dir=str(tmp_path / "spool"), mode="control"
    )
    over = Event()

    def train() -> None:
        rng = np.random.default_rng(3)
        while not over.wait(0.05):
            rewards_PG = (rng.random((16, 8)) < 0.5).astype(float)
            run.log_step(
                rewards=rewards_PG, advantages=run.schedule.advantages(rewards_PG), entropy=1.2
            )

    trainer = Thread(target=train)
    trainer.start()
    yield run
    over.set()
    trainer.join()
    run.finish(timeout_s=30)


def test_an_alert_is_followed_to_its_evidence_and_acknowledged(
    visitor: Visitor, server: ServerProcess, tmp_path: Path
) -> None:
    run = stream(server.url, tmp_path / "spool", Simulation("grpo-seed1", 1, 120, "grpo", 0.95))
    wait_until(lambda: bool(_with_proposal(server)), "an alert that proposes a pair")
    alert = _with_proposal(server)[0]
    page = visitor.page
    visitor.goto("/")
    expect(page.locator("#alerts-badge")).to_contain_text(re.compile(r"^\d+ open$"))
    page.get_by_role("link", name="Alerts").click()

    card = page.locator(f"#alert-{alert['id']}")
    expect(card).to_contain_text("grpo-seed1")
    expect(card).to_contain_text(alert["advice"][0])
    card.get_by_role("link", name="Show the evidence").click()
    wait_until(lambda: f"alert={alert['id']}" in visitor.address, "the page of the run")
    assert f"/runs/{run}" in visitor.address
    wait_until(lambda: page.locator("section.followed").count() == 1, "the evidence in sight")
    low, high = map(float, re.findall(r"zoom=([\d.]+):([\d.]+)", visitor.address)[0])
    assert low <= alert["onset_step"] < alert["last_step"] <= high

    page.locator(f"#alert-{alert['id']}").get_by_role("button", name="Acknowledge").click()
    page.get_by_label("Note for the others").fill("lowering delta")
    page.locator("#ack-send").click()
    expect(page.locator(f"#alert-{alert['id']}")).to_contain_text("lowering delta")
    stored = server.get(f"/api/v1/runs/{run}/alerts").json()["alerts"]
    assert [(a["state"], a["note"]) for a in stored if a["id"] == alert["id"]] == [
        ("acknowledged", "lowering delta")
    ]
    visitor.picture("alert")

    _silence(page, alert["id"], "on purpose")
    (silence,) = server.get("/api/v1/silences").json()["silences"]
    assert (silence["detector"], silence["reason"]) == (alert["detector"], "on purpose")

    page.locator(f"#alert-{alert['id']}").get_by_role("link", name="Steering").click()
    _expect_offered(page, alert["proposal"])
    visitor.wait_for("document.getElementById('steer-plot')?.data?.length === 6", "the preview")


def test_a_pinned_delta_is_previewed_and_confirmed_by_the_trainer(
    visitor: Visitor, server: ServerProcess, controlled: fade_client.Run
) -> None:
    page = visitor.page
    wait_until(lambda: server.get(f"/api/v1/runs/{controlled.id}").status_code == 200, "the run")
    visitor.goto(f"/runs/{controlled.id}?tab=steering")
    lower = page.get_by_role("button", name="Lower delta by 0.1")
    expect(page.locator("#steer-delta-value")).to_have_text(re.compile(r"\d"))
    expect(page.locator("#steer-pin")).to_be_enabled()
    expect(page.locator("#steer-mode")).to_contain_text("Control: the trainer uses")
    lower.click()
    wait_until(lambda: "delta=" in visitor.address, "the change in the address")
    visitor.wait_for("document.getElementById('steer-plot')?.data?.length === 6", "the preview")
    page.locator("#steer-pin").click()
    expect(page.locator("#steer-problem")).to_contain_text("Say why")

    page.locator("#steer-reason").fill("slower while the KL settles")
    page.locator("#steer-pin").click()
    expect(page.locator("#steer-confirmed")).to_contain_text("confirmed the pin at step")
    body = server.get(f"/api/v1/runs/{controlled.id}").json()
    assert body["override"]["reason"] == "slower while the KL settles"
    assert body["override"]["revert_on"] == "critical"
    assert body["override"]["expires_at"] > body["override"]["at"]
    assert controlled.schedule.delta == body["override"]["delta"]
    expect(page.locator("#steer-trail")).to_contain_text("confirmed by the trainer")
    expect(page.locator("#steer-trail")).to_contain_text("slower while the KL settles")
    visitor.picture("steering")
    # the window became narrower, and the figure keeps its height
    visitor.wait_for("document.getElementById('steer-plot').clientHeight === 330", "its height")

    page.locator("#steer-release").click()
    expect(page.locator("#steer-confirmed")).to_contain_text("confirmed the release at step")
    assert server.get(f"/api/v1/runs/{controlled.id}").json()["override"] is None


def test_a_page_that_is_open_sees_a_restart_through_and_says_so(
    visitor: Visitor, server: ServerProcess, controlled: fade_client.Run
) -> None:
    page = visitor.page
    wait_until(lambda: server.get(f"/api/v1/runs/{controlled.id}").status_code == 200, "the run")
    visitor.goto(f"/runs/{controlled.id}")
    visitor.wait_for_panel("entropy")
    expect(page.locator("#toolbar")).to_be_visible()
    server.kill()
    expect(page.locator("#offline")).to_contain_text("reconnecting")
    visitor.picture("reconnecting")
    seen = page.evaluate("window.fadewatch.lastStep('entropy')")
    server.start()
    expect(page.locator("#offline")).to_contain_text("Live again")
    visitor.wait_for(f"window.fadewatch.lastStep('entropy') > {seen}", "the curve to go on")
    visitor.wait_for(LIVE, "the good news to go")
    # the browser itself reports every connection that the dead server refused, and nothing else
    visitor.forgive(
        r"net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|INCOMPLETE_CHUNKED_ENCODING)|WebSocket"
    )


def _with_proposal(server: ServerProcess) -> list[dict[str, Any]]:
    alerts = server.get("/api/v1/alerts").json()["alerts"]
    return [alert for alert in alerts if alert["proposal"] and alert["state"] == "firing"]


def _expect_offered(page: Page, proposal: dict[str, float]) -> None:
    for name in ("alpha", "delta"):
        expect(page.locator(f"#steer-{name}-value")).to_have_text(f"{proposal[name]:.2f}")
        expect(page.locator(f"#steer-{name}-on")).to_be_checked()


def _silence(page: Page, alert: int, reason: str) -> None:
    page.locator(f"#alert-{alert}").get_by_role("button", name="Silence").click()
    page.locator("#silence-send").click()
    expect(page.locator("#silence-problem")).to_contain_text("Say why")
    page.locator("#silence-reason").fill(reason)
    page.locator("#silence-send").click()
    expect(page.locator(f"#alert-{alert}")).to_contain_text("silenced")
