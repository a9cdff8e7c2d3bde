"""What a page of the dashboard costs: 100,000 steps of 30 metrics, a real service, a real Chromium.

    python -m bench.dashboard                  everything, a few minutes
    python -m bench.dashboard --steps 20000    smaller
    python -m bench.dashboard --python PEERS/bin/python
                                               beside trackio's and TensorBoard's pages as well

Times are the page's own clock from the start of the navigation until the panels are drawn. The
server's CPU is that of the very requests the page made, played back many times. Beside the peers
(``bench/peer_pages.py``) it is all that the server takes until then, files and live news included.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import numpy as np
import psutil
from playwright.sync_api import Browser, Page, Request, sync_playwright

from bench.open_pages import PAGES, ingest_left
from bench.peer_pages import PEERS, Subject, at_rest, measure, peer, save, table, versions
from fade_core.records import DIFFICULTY_BINS, QUANTILE_GRID
from tests.conftest import ServerProcess, wait_until
from tests.helpers import free_port

SCALARS = (
    "accuracy", "entropy", "reward_mean", "reward_std", "zero_variance_fraction",
    "all_solved_fraction", "none_solved_fraction", "kl_k1", "kl_k3", "clip_fraction_high",
    "clip_fraction_low", "ratio_ess", "grad_norm", "loss", "learning_rate", "staleness", "adv_std",
    "adv_top1_share", "mass_success", "mass_failure", "prompt_ess", "response_length_mean",
    "truncated_fraction", "train_infer_abs_logprob_diff", "head_rank1_share", "alpha", "delta",
)  # fmt: skip
BATCH = 5000
FIRST = ("schedule", "entropy", "accuracy", "gradient_mass", "difficulty", "advantage")
SHOWN = SCALARS[:15]
PLAYS = 40
ZOOMS = ((0.4, 0.5), (0.2, 0.3), (0.5, 0.7), (0.1, 0.15), (0.75, 0.95))
"""What is zoomed into, one after the other, in shares of the run."""

# Resolves with the page's clock when these panels hold their numbers on the screen.
DRAWN = """(keys) => new Promise((done) => {
  const there = (key) => {
    const graph = document.getElementById(`panel-${key}`)?.querySelector('.js-plotly-plot');
    return window.fadewatch?.panels().includes(key) && graph?._fullData?.length > 0
      && graph.calcdata?.length > 0;
  };
  const look = () => (keys.every(there) ? done(performance.now()) : requestAnimationFrame(look));
  look();
})"""
# Resolves with the milliseconds from a zoom to the redraw of all these panels.
ZOOMED = """([keys, range]) => new Promise((done) => {
  const start = performance.now();
  const graph = (key) => document.querySelector(`#panel-${key} .js-plotly-plot`);
  const before = new Map(keys.map((key) => [key, graph(key)._fullData[0].x]));
  const redrawn = (key) => graph(key)._fullData[0].x !== before.get(key);
  const look = () => keys.every(redrawn) ? done(performance.now() - start)
    : requestAnimationFrame(look);
  window.Plotly.relayout(graph(keys[0]), {'xaxis.range': range});
  look();
})"""


# Resolves with the page's clock when the frame is there, and the numbers are in it.
FRAMED = """() => new Promise((done) => {
  const there = () => document.getElementById('toolbar')?.offsetParent
    && document.getElementById('board-slot')?.querySelector('.js-plotly-plot');
  const look = () => (there() ? done(performance.now()) : requestAnimationFrame(look));
  look();
})"""


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number and what it should be."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False

    def __str__(self) -> str:
        against, verdict = "-", ""
        if self.target is not None:
            kept = self.value >= self.target if self.at_least else self.value <= self.target
            against, verdict = f"{self.target:g}", "met" if kept else "MISSED"
        return f"| {self.name} | {self.value:.1f} {self.unit} | {against} | {verdict} |"


def fill(server: ServerProcess, run: str, steps: int, seed: int) -> None:
    """Store a run of random walks with noise."""
    body = {"run_id": run, "attempt_key": "a", "name": run, "group": "bench"}
    with httpx.Client(base_url=f"{server.url}/api/v1", timeout=120) as http:
        http.post("/projects/bench/runs", json=body).raise_for_status()
        for batch in walks(steps, seed):
            http.post(f"/runs/{run}/steps", json=batch).raise_for_status()


def walks(steps: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the bodies of so many steps."""
    rng = np.random.default_rng(seed)
    for first in range(0, steps, BATCH):
        count = min(BATCH, steps - first)
        walk = np.cumsum(rng.normal(0, 0.001, (count, len(SCALARS))), axis=0)
        values = np.clip(0.5 + walk + rng.normal(0, 0.03, walk.shape), 0.01, 1.0)
        columns = {name: values[:, i].tolist() for i, name in enumerate(SCALARS)}
        columns["alpha"] = [1.0 + value for value in columns["alpha"]]
        yield {
            "attempt": 1,
            "steps": list(range(first, first + count)),
            "columns": columns,
            "vectors": _vectors(rng, count),
        }


def _vectors(rng: np.random.Generator, count: int) -> dict[str, list[list[float]]]:
    shares = rng.dirichlet(np.ones(DIFFICULTY_BINS), count)
    return {
        "adv_quantiles": np.sort(rng.normal(0, 1, (count, len(QUANTILE_GRID)))).tolist(),
        "difficulty_histogram": shares.tolist(),
        "mass_by_difficulty": rng.random((count, DIFFICULTY_BINS)).tolist(),
    }


class Notes:
    """The requests that a page makes for numbers, and how much comes back."""

    def __init__(self, page: Page) -> None:
        self.requests: list[Request] = []
        page.on("request", lambda one: self.requests.append(one) if self._counts(one) else None)

    def take(self) -> list[Request]:
        taken, self.requests = self.requests, []
        return taken

    @staticmethod
    def _counts(request: Request) -> bool:
        return "/series.bin?" in request.url


def batch(first: int, steps: int) -> dict[str, object]:
    """Return the body of a few steps."""
    rng = np.random.default_rng(first)
    values = 0.5 + 0.1 * rng.random((len(SCALARS), steps))
    columns = dict(zip(SCALARS, values.tolist(), strict=True))
    columns["alpha"] = [1.0 + value for value in columns["alpha"]]
    return {"attempt": 1, "steps": list(range(first, first + steps)), "columns": columns}


def bytes_of(requests: list[Request]) -> int:
    """Return how much came back for these requests, heads included."""
    sizes = [one.sizes() for one in requests if one.response() is not None]
    return sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)


def cpu_ms(server: ServerProcess, requests: list[Request]) -> float:
    """Return the server's CPU for these requests, the median over a few series of plays.

    Each play asks for another number of points: what was asked before, the server remembers.
    """
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    urls = [httpx.URL(one.url) for one in requests]
    most = [int(url.params.get("points", 1000)) for url in urls]

    def used() -> float:
        times = process.cpu_times()
        return 1000 * (times.user + times.system)

    with httpx.Client(timeout=60) as http:
        found = []
        for turn in range(3):
            before = used()
            for play in range(turn * PLAYS, (turn + 1) * PLAYS):
                for url, points in zip(urls, most, strict=True):
                    other = url.copy_set_param("points", points + play + 1)
                    http.get(other).raise_for_status()
            found.append((used() - before) / PLAYS)
    return median(found)


@contextmanager
def fresh(browser: Browser, height: int) -> Iterator[Page]:
    """Yield a page with an empty cache."""
    context = browser.new_context(viewport={"width": 1440, "height": height})
    page = context.new_page()
    page.set_default_timeout(120_000)
    yield page
    context.close()


def drawn(page: Page, url: str, keys: tuple[str, ...]) -> float:
    """Open a page, and return after how many milliseconds these panels were drawn."""
    page.goto(url, wait_until="commit")
    return float(page.evaluate(DRAWN, list(keys)))


def framed(page: Page, url: str) -> float:
    """Open a page, and return after how many milliseconds all of it was there."""
    page.goto(url, wait_until="commit")
    return float(page.evaluate(FRAMED))


def best(measure: Callable[[], float], times: int = 3) -> float:
    """Return the smallest of a few measurements: the others measure the machine."""
    return min(measure() for _ in range(times))


def run_page(browser: Browser, server: ServerProcess, url: str, steps: int) -> list[Row]:
    """Measure a run's page: first charts, all panels, a zoom, a live tick."""

    def cold(keys: tuple[str, ...], height: int) -> float:
        with fresh(browser, height) as page:
            return drawn(page, url, keys)

    def whole() -> float:
        with fresh(browser, 1000) as page:
            return framed(page, url)

    rows = [
        Row("first charts, cold", best(lambda: cold(FIRST, 1000)), "ms", 2200),
        Row("all of the page, with its controls, cold", best(whole), "ms"),
    ]
    with fresh(browser, 1000) as page:
        notes = Notes(page)
        drawn(page, url, FIRST)
        first = notes.take()
        rows.append(Row("first charts, warm", best(lambda: drawn(page, url, FIRST)), "ms", 800))
        rows.append(Row("all of the page, warm", best(lambda: framed(page, url)), "ms"))
        settle(page, notes)
        took, zoomed = list[float](), list[Request]()
        for low, high in ZOOMS:
            window = [low * steps, high * steps]
            took.append(page.evaluate(ZOOMED, [list(FIRST[1:4]), window]))
            zoomed = settle(page, notes)
        rows.append(Row("zoom to redraw, the first one", took[0], "ms"))
        rows.append(Row(f"zoom to redraw, median of {len(took)}", median(took), "ms", 150))
        page.keyboard.press("z")
        rows += [*live(page, notes, server, steps)]
    with fresh(browser, 6000) as page:
        drawn(page, url, FIRST)
        keys = "Object.keys(fadewatchPage.state.templates.panels)"
        filled = ".filter((key) => fadewatchPage.state.templates.panels[key].figure)"
        panels = tuple(page.evaluate(keys + filled))
    rows.append(
        Row(f"all {len(panels)} panels, cold", best(lambda: cold(panels, 6000), 2), "ms", 4000)
    )
    rows.append(Row("server CPU, first charts", cpu_ms(server, first), "ms", 10))
    rows.append(Row("server CPU, a zoom", cpu_ms(server, zoomed), "ms", 2))
    return rows


def settle(page: Page, notes: Notes) -> list[Request]:
    """Wait until a page asks for nothing more, and return what it asked for meanwhile."""
    asked: list[Request] = []
    page.wait_for_timeout(3000)
    while some := notes.take():
        asked += some
        page.wait_for_timeout(3000)
    return asked


def live(page: Page, notes: Notes, server: ServerProcess, steps: int) -> Iterator[Row]:
    """Measure what one more step costs an open page.

    A first one is not measured: what it says moves panels into view that were below the edge.
    """
    for step in (steps, steps + 1):
        settle(page, notes)
        one = batch(step, 1) | {"vectors": _vectors(np.random.default_rng(7), 1)}
        httpx.post(f"{server.url}/api/v1/runs/bench0/steps", json=one).raise_for_status()
        page.evaluate(
            """(step) => new Promise((done) => { const look = () =>
            fadewatch.lastStep('entropy') >= step ? done() : requestAnimationFrame(look);
            look(); })""",
            step,
        )
    page.wait_for_timeout(1500)
    tick = notes.take()
    yield Row("live tick, bytes of numbers", bytes_of(tick) / 1024, "KB", 20)
    yield Row("server CPU, live tick", cpu_ms(server, tick), "ms", 5)


def compare_page(browser: Browser, server: ServerProcess, runs: list[str]) -> list[Row]:
    """Measure ten runs in six charts."""
    metrics = ("accuracy", "entropy", "kl_k3", "sign_ratio", "head_rank1_share", "grad_norm")
    with fresh(browser, 1000) as page:
        notes = Notes(page)
        url = f"{server.url}/compare?runs={','.join(runs)}"
        took = drawn(page, url, metrics)
        asked = notes.take()
    return [
        Row("ten runs (nine of a fifth the steps), six charts, cold", took, "ms"),
        Row("server CPU, ten runs, six charts", cpu_ms(server, asked), "ms", 60),
    ]


def beside_peers(
    browser: Browser, server: ServerProcess, steps: int, python: str, folder: Path
) -> Iterator[str]:
    """Measure our page and the peers' pages of the same run, one after the other, as a table."""
    run = folder / "run.npy"
    save(walks(steps, 0), run)
    costs = {"Fadewatch": measure(partial(fresh, browser), _ours(server, steps))}
    for name in PEERS:
        with peer(python, name, folder, run) as subject:
            costs[subject.name] = measure(partial(fresh, browser), subject)
    yield f"{versions(python)}; load {load()}\n"
    yield from table(costs)


def _ours(server: ServerProcess, steps: int) -> Subject:
    assert server.process is not None
    zoom = [list(FIRST[1:4]), [0.4 * steps, 0.5 * steps]]
    return Subject(
        "Fadewatch",
        f"{server.url}/runs/bench0",
        server.process.pid,
        height=1000,
        drawn=lambda page: float(page.evaluate(DRAWN, list(FIRST))),
        zoom=lambda page: float(page.evaluate(ZOOMED, zoom)),
    )


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    parser.add_argument("--python", help="interpreter with trackio and TensorBoard")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    asked = _asked()
    chromium = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), "")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = ServerProcess(free_port(), Path(folder) / "bench.db")
        server.start()
        runs = [f"bench{i}" for i in range(10)]
        try:
            for seed, run in enumerate(runs):
                fill(server, run, asked.steps // (5 if seed else 1), seed)
            # levels are written and detectors are run behind the ingest
            wait_until(lambda: quiet(server), "the server to be idle", 1800)
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"]
            )
            if asked.python:
                lines = beside_peers(browser, server, asked.steps, asked.python, Path(folder))
                print(*lines, "", sep="\n")
            rows = run_page(browser, server, f"{server.url}/runs/bench0", asked.steps)
            rows += compare_page(browser, server, runs)
            browser.close()
            left = ingest_left(server, batch, SHOWN)
            name = f"ingest beside {PAGES} open pages, of its rate alone"
            rows.append(Row(name, 100 * left.rate, "%", 90, at_least=True))
            rows.append(Row(f"{name}, by the server's CPU", 100 * left.by_cpu, "%"))
            name = f"a core without what {PAGES} open pages take of it"
            rows.append(Row(name, 100 * left.idle, "%"))
        finally:
            server.kill()
    print(f"{asked.steps:,} steps, {len(SCALARS)} scalars and 3 vectors; load {load()}\n")
    print("| what | measured | target | |\n|---|---|---|---|", *rows, sep="\n")
    if asked.json:
        asked.json.write_text(json.dumps([[row.name, row.value] for row in rows]))


def quiet(server: ServerProcess) -> bool:
    """Say whether the server and its worker have nothing left to do."""
    assert server.process is not None
    return at_rest(server.process.pid)


def load() -> str:
    """Return the machine's load, which the times depend on."""
    return f"{psutil.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
