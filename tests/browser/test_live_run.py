"""A person watches a live run in a real Chromium."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import SCREENSHOTS, Visitor
from tests.conftest import ServerProcess, wait_until
from tests.helpers import ROOT

pytestmark = pytest.mark.browser
PANELS = ("schedule", "entropy", "accuracy", "gradient_mass", "advantage")


@pytest.fixture
def page(server: ServerProcess, visit: Callable[[ServerProcess], Visitor]) -> Page:
    return visit(server).page


@pytest.fixture
def trainers(server: ServerProcess, tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Train two real policies until the test ends."""
    started = []
    for mode in ("control", "observe"):
        command = [sys.executable, str(ROOT / "examples" / "plain_torch.py")]
        options = ["--mode", mode, "--steps", "1000000", "--server", server.url]
        environment = {"FADEWATCH_DIR": str(tmp_path / "spool"), "OMP_NUM_THREADS": "1"}
        started.append(subprocess.Popen(command + options, env=environment))
    yield started
    for process in started:
        process.kill()
        process.wait()


def runs(server: ServerProcess) -> dict[str, str]:
    found = server.get("/api/v1/runs").json()["runs"]
    return {run["name"]: run["id"] for run in found if run["step_count"] > 50}


def wait_for(page: Page, condition: str, what: str) -> None:
    # Not page.wait_for_function: it evaluates text in the page, which our policy forbids.
    wait_until(lambda: bool(page.evaluate(condition)), what)


def bring_into_view(page: Page, panel: str) -> None:
    """Only what is on the screen is kept up to date."""
    page.evaluate(f"document.getElementById('panel-{panel}')?.scrollIntoView()")


def wait_for_step(page: Page, panel: str, step: float) -> None:
    bring_into_view(page, panel)
    drawn = f"window.fadewatch?.panels().includes('{panel}')"
    wait_for(page, f"{drawn} && window.fadewatch.lastStep('{panel}') > {step}", f"{panel} to move")


def wait_for_runs(page: Page, panel: str, count: int) -> None:
    bring_into_view(page, panel)
    drawn = f"window.fadewatch?.panels().includes('{panel}')"
    condition = f"{drawn} && window.fadewatch.runs('{panel}').length === {count}"
    wait_for(page, condition, f"{count} runs in {panel}")


def test_the_curves_of_a_live_run_move_and_another_run_is_laid_over_them(
    page: Page, server: ServerProcess, trainers: list[subprocess.Popen[bytes]]
) -> None:
    wait_until(lambda: len(runs(server)) == 2, "both runs to have steps")
    known = runs(server)

    page.goto(server.url)
    page.get_by_text("control-seed0").first.click()
    page.wait_for_url(f"**/runs/{known['control-seed0']}*")
    # By its id: while the page changes, the heading of the one before is still there.
    expect(page.locator("#crumb-run")).to_have_text("control-seed0", timeout=60_000)

    for panel in PANELS:
        wait_for_step(page, panel, 0)
    seen = page.evaluate("window.fadewatch.lastStep('accuracy')")
    wait_for_step(page, "accuracy", seen)
    assert page.evaluate("window.fadewatch.runs('accuracy')") == [known["control-seed0"]]

    page.get_by_placeholder("Compare with").first.click()
    page.get_by_role("option", name="observe-seed0").click()
    page.keyboard.press("Escape")
    for panel in PANELS:
        wait_for_runs(page, panel, 2)
    page.wait_for_url(f"**compare={known['observe-seed0']}*")
    for process in trainers:
        process.kill()
    SCREENSHOTS.mkdir(exist_ok=True)
    page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=SCREENSHOTS / "run.png")


def test_a_link_shows_the_same_view(
    page: Page, server: ServerProcess, trainers: list[subprocess.Popen[bytes]]
) -> None:
    wait_until(lambda: len(runs(server)) == 2, "both runs to have steps")
    known = runs(server)
    link = f"/runs/{known['control-seed0']}?compare={known['observe-seed0']}"
    page.goto(server.url + link)
    wait_for_runs(page, "entropy", 2)


def test_a_service_without_runs_says_how_to_attach_a_trainer(
    page: Page, server: ServerProcess
) -> None:
    page.goto(server.url)
    expect(page.get_by_text("fade_client.init").first).to_be_visible()


def test_a_run_that_does_not_exist_is_said_not_to(browser: Browser, server: ServerProcess) -> None:
    page = browser.new_page()
    page.goto(f"{server.url}/runs/no-such-run")
    expect(page.get_by_text("no-such-run").first).to_be_visible(timeout=60_000)
    page.close()
