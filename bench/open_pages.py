"""What open pages of a live run leave of the ingest: one process serves both."""

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import httpx
import psutil

from tests.conftest import ServerProcess, wait_until

PAGES = 20
BATCH = 64
SECONDS = 3.0
ROUNDS = 8

Step = Callable[[int, int], dict[str, object]]
"""Makes the body of so many steps from a first one on."""


@dataclass(frozen=True, slots=True)
class Left:
    """What open pages leave of the ingest.

    Attributes:
        rate: Share of the steps a second. The pages' own process wants a core as well.
        by_cpu: Share of the steps a second of the server's CPU.
        idle: Share of a core that the pages leave while nothing but what they show is sent.
    """

    rate: float
    by_cpu: float
    idle: float


def ingest_left(server: ServerProcess, step: Step, metrics: tuple[str, ...]) -> Left:
    """Return what ``PAGES`` open pages leave of the ingest.

    The pages show a run that gets a step a second; the rate is that of another run. Rounds with
    and without pages take turns, each pair gives a ratio, and the median of these is returned:
    the machine changes by more than the pages take.

    Args:
        server: Running.
        step: Makes bodies.
        metrics: What a page shows.
    """
    with httpx.Client(base_url=f"{server.url}/api/v1", timeout=120) as http:
        for run in ("watched", "busy"):
            body = {"run_id": run, "attempt_key": "a", "name": run}
            http.post("/projects/bench/runs", json=body).raise_for_status()
        senders = {run: _sender(http, run, step) for run in ("watched", "busy")}
        ratios, spent = [], []
        for _ in range(ROUNDS):
            alone = _rates(server, senders)
            with _pages(server, metrics):
                beside = _rates(server, senders)
                spent.append(_spent(server, senders["watched"]))
            ratios.append([one / other for one, other in zip(beside, alone, strict=True)])
    rate, by_cpu = (median(column) for column in zip(*ratios, strict=True))
    return Left(rate, by_cpu, 1.0 - median(spent))


def _spent(server: ServerProcess, watched: Callable[[int], None]) -> float:
    """Return the share of a core that the server takes for pages of a run with a step a second."""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    time.sleep(1)  # what the ingest left to do
    before, begun = process.cpu_times(), time.perf_counter()
    for _ in range(int(SECONDS)):
        watched(1)
        time.sleep(1)
    after = process.cpu_times()
    took = after.user + after.system - before.user - before.system
    return took / (time.perf_counter() - begun)


def _sender(http: httpx.Client, run: str, step: Step) -> Callable[[int], None]:
    first = 0

    def send(steps: int) -> None:
        nonlocal first
        http.post(f"/runs/{run}/steps", json=step(first, steps)).raise_for_status()
        first += steps

    return send


def _rates(server: ServerProcess, senders: dict[str, Callable[[int], None]]) -> tuple[float, float]:
    """Return how many steps a second, and a second of CPU, the busy run stores."""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    before = process.cpu_times()
    sent, begun, tick = 0, time.perf_counter(), 0.0
    while (passed := time.perf_counter() - begun) < SECONDS:
        if passed >= tick:
            senders["watched"](1)
            tick += 1.0
        senders["busy"](BATCH)
        sent += BATCH
    after = process.cpu_times()
    return sent / passed, sent / (after.user + after.system - before.user - before.system)


@contextmanager
def _pages(server: ServerProcess, metrics: tuple[str, ...]) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_look, args=(server.url, metrics), daemon=True)
    process.start()
    follow = f'fadewatch_requests_waiting{{kind="event_stream"}} {PAGES}.0'
    wait_until(lambda: follow in server.get("/metrics").text, "all pages to follow")
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _look(url: str, metrics: tuple[str, ...]) -> None:
    async def all_of_them() -> None:
        await asyncio.gather(*(_page(url, metrics) for _ in range(PAGES)))

    asyncio.run(all_of_them())


async def _page(url: str, metrics: tuple[str, ...]) -> None:
    """Ask what an open page asks: the run and its new numbers, whenever it hears of a step."""
    run = f"{url}/api/v1/runs/watched"
    known = -1
    async with httpx.AsyncClient(timeout=60) as http, http.stream("GET", f"{run}/events") as events:
        async for line in events.aiter_lines():
            if line != "event: step":
                continue
            last = (await http.get(run)).raise_for_status().json()["last_step"]
            if last is None or last <= known:
                continue
            query: dict[str, str | int] = {"metrics": ",".join(metrics), "points": 1000}
            (
                await http.get(f"{run}/series.bin", params=query | {"from": known + 1})
            ).raise_for_status()
            known = last
