"""The pages of trackio and TensorBoard with the run that ``bench/dashboard.py`` shows in ours.

The peers come from another environment, and are not dependencies of Fadewatch:

    python -m venv peers
    peers/bin/pip install -c constraints.txt trackio tensorboard

Every page is opened in the same Chromium. The time is the page's own clock from the start of the
navigation until the first six charts are drawn. Both peers draw on canvases: a chart counts as
drawn once its canvas holds a hundred pixels of the run's own colour, which axes and grids do not
have. What they show of 100,000 steps, every option at its default:

* trackio 0.43, its dashboard: the server sends each 64th step of all 30 metrics (a power of two,
  so that at most 3,000 are left), and the page draws the least and the most of each of 100
  stretches of them, and the same of a smoothed line. It asks for everything again and again.
* TensorBoard 2.21, Time Series: 1,000 steps of each tag, drawn at random when the file is read
  (``--samples_per_plugin``), smoothed, with the points behind; ``--load_fast=auto``, which is the
  fast loader where there is one. It asks for the charts in view. Two stand beside each other, so
  that its window has to be higher than ours for the six.

A zoom is a drag over the middle of the first chart, from the release of the button until that
chart is drawn anew. trackio waits for 250 ms and zooms all its charts, TensorBoard the one;
neither asks its server for more. Ours, set by a script, asks and waits for three charts.
"""

import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from playwright.sync_api import Page

from tests.helpers import free_port

SCRIPT = Path(__file__).with_name("peer_runs.py")
CHARTS = 6
LIMIT_MS = 120_000
TIMES = 3
AT_REST_MS = 3000

# What the functions below share: pixels of a colour are counted, and which they are is hashed.
INK = """
const ink = (chart, swatch) => {
  const canvas = chart.querySelector('canvas');
  const colour = document.querySelector(swatch);
  if (!canvas?.width || !canvas.height || !colour) return 0;
  const [r, g, b] = getComputedStyle(colour).backgroundColor.match(/\\d+/g).map(Number);
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
  copy.drawImage(canvas, 0, 0);
  const rgba = copy.getImageData(0, 0, canvas.width, canvas.height).data;
  let pixels = 0, hash = 0;
  for (let i = 0; i < rgba.length; i += 4) {
    if (rgba[i + 3] > 200 && Math.abs(rgba[i] - r) + Math.abs(rgba[i + 1] - g)
        + Math.abs(rgba[i + 2] - b) < 24) {
      pixels += 1;
      hash = (hash * 31 + i) | 0;
    }
  }
  return pixels < 100 ? 0 : hash || 1;
};
"""
# Resolves with the page's clock when so many first charts hold a line, or with null after a time.
DRAWN = f"""([charts, swatch, count, limit]) => new Promise((done) => {{
  {INK}
  const seen = new WeakSet();
  const there = (chart) => seen.has(chart) || (ink(chart, swatch) !== 0 && seen.add(chart));
  const look = () => {{
    const first = [...document.querySelectorAll(charts)].slice(0, count);
    if (first.length === count && first.every(there)) done(performance.now());
    else if (performance.now() > limit) done(null);
    else requestAnimationFrame(look);
  }};
  look();
}})"""
# Leaves a promise of the milliseconds from the next release of the button until the first chart
# holds another line, or of null after a time. Within one canvas, what is dragged must not show.
ZOOMED = f"""([charts, swatch, replaces, limit]) => {{
  {INK}
  const chart = document.querySelector(charts);
  const canvas = chart.querySelector('canvas'), before = ink(chart, swatch);
  const redrawn = () => {{
    const now = ink(chart, swatch);
    return now !== 0 && (replaces ? chart.querySelector('canvas') !== canvas : now !== before);
  }};
  window.benchZoom = new Promise((done) => addEventListener('pointerup', () => {{
    const start = performance.now();
    const look = () => {{
      if (redrawn()) done(performance.now() - start);
      else if (performance.now() - start > limit) done(null);
      else requestAnimationFrame(look);
    }};
    look();
  }}, {{capture: true, once: true}}));
}}"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A page to measure.

    Attributes:
        name: For the table.
        url: Where it is.
        pid: The server's process; its children count as well.
        height: Pixels of window that the first charts need.
        drawn: Waits until the first charts are drawn, and returns the page's clock.
        zoom: Zooms, and returns the milliseconds until the redraw.

    Both functions return None where ``LIMIT_MS`` passed.
    """

    name: str
    url: str
    pid: int
    height: int
    drawn: Callable[[Page], float | None]
    zoom: Callable[[Page], float | None]


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool with a page of its own.

    Attributes:
        path: Of the page.
        charts: Selects its charts, in their order.
        swatch: Selects an element whose background is the run's colour.
        height: Pixels of window in which its first charts are in view.
        replaces: Whether a zoom puts a new canvas in place; the old one shows what is dragged.
    """

    name: str
    path: str
    charts: str
    swatch: str
    height: int
    replaces: bool


PEERS = {
    "trackio": Peer(
        "trackio",
        "/?project=bench",
        charts=".plot-container[data-metric]",
        swatch=".legend-dot",
        height=1000,
        replaces=True,
    ),
    "tensorboard": Peer(
        "TensorBoard",
        "/",
        charts="scalar-card-component",
        swatch=".run-color-swatch",
        height=1500,
        replaces=False,
    ),
}


@dataclass(frozen=True, slots=True)
class Load:
    """One load of a page: the clock, the server's CPU, what was received."""

    ms: float | None
    cpu_ms: float
    received: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a page costs; None stands for more than ``LIMIT_MS``.

    Attributes:
        cold_ms: Until the first charts, with an empty cache.
        warm_ms: The same once more.
        cpu_first_ms: The server's CPU for the first of all loads.
        cpu_ms: For a later one: servers remember what they have read.
        received: Bytes of the answers to a cold load that had ended when the charts were drawn.
        zoom_ms: From a zoom to the redraw.
        elsewhere: Other servers that the page asked for something.
    """

    cold_ms: float | None
    warm_ms: float | None
    cpu_first_ms: float
    cpu_ms: float
    received: int
    zoom_ms: float | None
    elsewhere: frozenset[str]


def measure(fresh: Callable[[int], AbstractContextManager[Page]], subject: Subject) -> Cost:
    """Load a page again and again: the best of three each, cold and warm.

    Args:
        fresh: Opens a page of a height with an empty cache.
        subject: The page, its server at rest.
    """
    elsewhere: set[str] = set()
    cold = []
    for _ in range(TIMES):
        with fresh(subject.height) as page:
            _note_elsewhere(page, subject.url, elsewhere)
            cold.append(_load(page, subject))
    with fresh(subject.height) as page:
        subject.drawn(_gone_to(page, subject.url))
        warm = [_load(page, subject) for _ in range(TIMES)]
        page.wait_for_timeout(AT_REST_MS)
        zoom_ms = None if warm[-1].ms is None else subject.zoom(page)
    return Cost(
        cold_ms=_best(cold),
        warm_ms=_best(warm),
        cpu_first_ms=cold[0].cpu_ms,
        cpu_ms=min(one.cpu_ms for one in cold[1:]),
        received=cold[0].received,
        zoom_ms=zoom_ms,
        elsewhere=frozenset(elsewhere),
    )


def table(costs: Mapping[str, Cost]) -> Iterator[str]:
    """Yield the lines of the table; the first page is what the others are compared with."""
    yield (
        "| page | first charts cold | warm | zoom to redraw | server CPU, first load | a later one "
        "| received |\n|---|---|---|---|---|---|---|"
    )
    first = next(iter(costs.values()))
    for name, cost in costs.items():
        cells = [
            _against(cost.cold_ms, first.cold_ms),
            _against(cost.warm_ms, first.warm_ms),
            _against(cost.zoom_ms, first.zoom_ms),
            _against(cost.cpu_first_ms, first.cpu_first_ms),
            _against(cost.cpu_ms, first.cpu_ms),
            f"{cost.received / 1e6:.2f} MB ({cost.received / first.received:.2f}x)",
        ]
        yield f"| {name} | {' | '.join(cells)} |"
    for name, cost in costs.items():
        if cost.elsewhere:
            yield f"\n{name}'s page asks {', '.join(sorted(cost.elsewhere))} as well."


def _against(ms: float | None, reference_ms: float | None) -> str:
    if ms is None:
        return f"> {LIMIT_MS / 1000:.0f} s"
    ratio = f" ({ms / reference_ms:.2f}x)" if reference_ms else ""
    return f"{ms:,.0f} ms{ratio}"


def save(bodies: Iterable[dict[str, Any]], path: Path) -> None:
    """Write the metrics of a run as the peers get them: ``.npy`` with a field of each.

    They have no vectors: of each of the three they get the middle number as a scalar.
    """
    names: list[str] = []
    parts = []
    for body in bodies:
        vectors = {name: np.array(rows).T for name, rows in body["vectors"].items()}
        metrics = body["columns"] | {name: rows[len(rows) // 2] for name, rows in vectors.items()}
        names = list(metrics)
        parts.append(np.array([metrics[name] for name in names]))
    run = np.rec.fromarrays(
        list(np.concatenate(parts, axis=1)), dtype=[(name, "f8") for name in names]
    )
    np.save(path, run)


def versions(python: str) -> str:
    """Return which peers an interpreter has."""
    each = [f"'{name} ' + version('{name}')" for name in PEERS]
    script = f"from importlib.metadata import version; print({', '.join(each)}, sep=', ')"
    return subprocess.check_output([python, "-c", script], text=True).strip()


@contextmanager
def peer(python: str, name: str, folder: Path, run: Path) -> Iterator[Subject]:
    """Write the run into a peer's store and yield its page, served and at rest.

    Args:
        python: The interpreter that has the peer.
        name: A key of ``PEERS``.
        folder: For the store.
        run: As ``save`` wrote it.
    """
    store = folder / name
    store.mkdir()
    command = [python, str(SCRIPT)]
    subprocess.run([*command, "write", name, store, run], check=True, stdout=subprocess.DEVNULL)
    port = free_port()
    process = subprocess.Popen(
        [*command, "serve", name, store, str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield _subject(PEERS[name], port, process)
    finally:
        for each in _tree(process.pid):
            each.terminate()
        process.wait()


def _subject(tool: Peer, port: int, process: subprocess.Popen[bytes]) -> Subject:
    url = f"http://127.0.0.1:{port}{tool.path}"
    while not _answers(url):
        if process.poll() is not None:
            raise RuntimeError(f"the server of {tool.name} ended")
        time.sleep(0.2)
    while not at_rest(process.pid):
        pass
    return Subject(
        tool.name,
        url,
        process.pid,
        tool.height,
        drawn=lambda page: _drawn(page, tool),
        zoom=lambda page: _zoom(page, tool),
    )


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=30).is_success
    except httpx.TransportError:
        return False


def _drawn(page: Page, tool: Peer) -> float | None:
    ms: float | None = page.evaluate(DRAWN, [tool.charts, tool.swatch, CHARTS, LIMIT_MS])
    return ms


def _zoom(page: Page, tool: Peer) -> float | None:
    box = page.locator(tool.charts).first.locator("canvas").bounding_box()
    assert box is not None
    height = box["y"] + 0.4 * box["height"]
    page.evaluate(ZOOMED, [tool.charts, tool.swatch, tool.replaces, LIMIT_MS])
    page.mouse.move(box["x"] + 0.4 * box["width"], height)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], height + 40, steps=3)
    page.mouse.up()
    ms: float | None = page.evaluate("window.benchZoom")
    return ms


def _load(page: Page, subject: Subject) -> Load:
    received = 0

    def ended(event: dict[str, float]) -> None:
        nonlocal received
        received += int(event["encodedDataLength"])

    network = page.context.new_cdp_session(page)
    network.on("Network.loadingFinished", ended)
    network.send("Network.enable")
    before = _cpu_ms(subject.pid)
    ms = subject.drawn(_gone_to(page, subject.url))
    cpu_ms = _cpu_ms(subject.pid) - before
    network.detach()
    return Load(ms, cpu_ms, received)


def _gone_to(page: Page, url: str) -> Page:
    page.goto(url, wait_until="commit")
    return page


def _best(loads: list[Load]) -> float | None:
    return min((one.ms for one in loads if one.ms is not None), default=None)


def _note_elsewhere(page: Page, url: str, elsewhere: set[str]) -> None:
    host = httpx.URL(url).netloc

    def note(asked: str) -> None:
        address = httpx.URL(asked)
        if address.scheme in ("http", "https") and address.netloc != host:
            elsewhere.add(address.host)

    page.on("request", lambda request: note(request.url))


def at_rest(pid: int) -> bool:
    """Look for a while, and say whether a process and its children have nothing left to do."""
    before = _cpu_ms(pid)
    time.sleep(AT_REST_MS / 1000)
    return _cpu_ms(pid) - before < 0.05 * AT_REST_MS


def _tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _cpu_ms(pid: int) -> float:
    times = [each.cpu_times() for each in _tree(pid)]
    return 1000 * sum(one.user + one.system for one in times)
