"""A real Chromium, and a service with runs of simulated policies to look at."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

from tests.browser.simulated import Simulation, stream
from tests.conftest import ServerProcess, wait_until
from tests.helpers import free_port

SCREENSHOTS = Path(os.environ.get("FADEWATCH_SCREENSHOTS", Path(__file__).parent / "screenshots"))
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SCRIPT = "<script>alert(1)</script>"
IMAGE = "<img src=nowhere onerror=alert(1)>"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Someone at a page of a service.

    Attributes:
        page: Theirs.
        url: Of the service.
        complaints: Errors of the console, dialogs, and requests off the machine.
    """

    page: Page
    url: str
    complaints: list[str]

    def goto(self, path: str) -> None:
        self.page.goto(self.url + path)

    def picture(self, name: str) -> None:
        """Keep what is on the screen, for people to look at and for the documentation."""
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.set_viewport_size({"width": 1280, "height": 800})
        self.page.evaluate("new Promise((drawn) => setTimeout(drawn, 400))")  # figures follow
        self.wait_for("!document.getAnimations().length", "the page to come to rest")
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    def forgive(self, pattern: str) -> None:
        """Forget the complaints that the browser itself makes of what the test meant to happen."""
        self.page.goto("about:blank")  # or one of a page that is still busy could come later
        self.page.wait_for_timeout(200)
        self.complaints[:] = [one for one in self.complaints if not re.search(pattern, one)]

    def wait_for(self, condition: str, what: str) -> None:
        """Wait for a condition in the page.

        Not page.wait_for_function: it evaluates text in the page, which our policy forbids.
        """
        wait_until(lambda: bool(self.page.evaluate(condition)), what)

    @property
    def address(self) -> str:
        """Where the page is now; page.url lags behind while nothing is asked of the page."""
        return str(self.page.evaluate("location.href"))

    def wait_for_panel(self, panel: str, runs: int = 1) -> None:
        drawn = f"window.fadewatch?.panels().includes({panel!r})"
        shown = f"window.fadewatch.runs({panel!r}).length === {runs}"
        # the graph is loaded later than the page
        there = f"document.getElementById('panel-{panel}').querySelector('.js-plotly-plot')"
        self.wait_for(
            f"{drawn} && {shown} && {there}?._fullData?.length > 0", f"{runs} runs in {panel}"
        )


# Ends with its module: Playwright's event loop would be in the way of what runs after.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


def _refuse(note: Callable[[str], None], dialog: Dialog) -> None:
    note(dialog.message)
    dialog.dismiss()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[[ServerProcess], Visitor]]:
    """Open a page that fails the test for any console error and any request off the machine."""
    visitors: list[Visitor] = []

    def open_page(server: ServerProcess) -> Visitor:
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(60_000)
        visitor = Visitor(page, server.url, [])
        local = (server.url, server.url.replace("http", "ws"), "data:", "blob:")
        note = visitor.complaints.append
        page.on("console", lambda m: note(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: note(str(error)))
        page.on("dialog", partial(_refuse, note))
        page.on(
            "request",
            lambda r: None if r.url.startswith(local) else note(f"off-site {r.url}"),
        )
        visitors.append(visitor)
        return visitor

    yield open_page
    for visitor in visitors:
        visitor.page.close()
    assert [visitor.complaints for visitor in visitors] == [[] for _ in visitors]


@dataclass(frozen=True, slots=True)
class Fleet:
    """A service with runs, and the id of each by its name."""

    server: ServerProcess
    ids: dict[str, str]


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two groups of five seeds, one run named like a script, and one that is live."""
    folder = tmp_path_factory.mktemp("fleet")
    server = ServerProcess(free_port(), folder / "fadewatch.db")
    server.start()
    seeds = [
        Simulation(f"{method}-s{seed}", seed, 80, method, decay, method, {"beta": beta, "lr": 1e-6})
        for method, decay, beta in (("fade", 0.3, 0.0), ("grpo", 0.8, 0.04))
        for seed in range(5)
    ]
    evil = Simulation(SCRIPT, 9, 30, group=IMAGE, config={IMAGE: IMAGE}, tags=(IMAGE,))
    others = [evil, Simulation("live", 4, 40, finish=False)]
    ids = {one.name: stream(server.url, folder / "spool", one) for one in (*seeds, *others)}
    wait_until(lambda: _steps(server) == 10 * 80 + 30 + 40, "every step to be stored")
    yield Fleet(server, ids)
    server.kill()


def _steps(server: ServerProcess) -> int:
    return sum(run["step_count"] for run in server.get("/api/v1/runs").json()["runs"])
