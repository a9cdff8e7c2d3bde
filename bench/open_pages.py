"""What open pages of a live run leave of the ingest: one process serves both."""

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

import httpx
import psutil

from tests.conftest import ServerProcess

PAGES = 20
BATCH = 64
SECONDS = 4.0
ROUNDS = 3

Step = Callable[[int, int], dict[str, object]]
"""Makes the body of so many steps from a first one on."""


def ingest_left(server: ServerProcess, step: Step, metrics: tuple[str, ...]) -> tuple[float, float]:
    """Return which share of its rate the ingest keeps beside ``PAGES`` open pages.

    The pages show a run that gets a step a second; the rate is that of another run. Rounds with
    and without pages take turns, and the medians are compared: of steps a second, for which the
    pages' own process needs a core of its own, and of steps a second of the server's CPU.

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
        alone, beside = [], []
        for _ in range(ROUNDS):
            alone.append(_rates(server, senders))
            with _pages(server.url, metrics):
                beside.append(_rates(server, senders))
    wall, cpu = (median(one[i] for one in beside) / median(one[i] for one in alone) for i in (0, 1))
    return wall, cpu


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
def _pages(url: str, metrics: tuple[str, ...]) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_look, args=(url, metrics), daemon=True)
    process.start()
    time.sleep(2)  # until all of them follow
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
