"""What watching a run costs the service, at step 1,000 and at the end of a long run.

    python -m bench.watching [--steps 20000] [--batch 64]

Prints the CPU time a step of the job that follows an ingest (read, detect, store) beside that of
the detectors alone, the ratio of late to early, which must not grow with the run, and how many
bytes are stored a run.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from bench.detectors import records
from fade_core.monitor import Monitor
from fade_core.records import SCALARS
from fade_server.main import upgrade_database
from fade_server.queries import runs, watches
from fade_server.queries.engine import Store
from fade_server.services.batch import StepBatch
from fade_server.services.context import Context
from fade_server.services.ingest import ingest
from fade_server.services.notifier import Notifier
from fade_server.services.runs import RunRequest, open_run
from fade_server.services.watch import watch
from fade_server.settings import Settings

RUN = "bench"
WINDOW = 2048


def main() -> None:
    """Run both ends of a run and print the costs and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        upgrade_database(url)
        context = Context(Store(url), Settings(database_url=url), Notifier(), time.time)
        open_run(context, RunRequest("p", RUN, "a", RUN, "observe"))
        stream = records(options.steps)
        early = advance(context, stream, WINDOW, options.batch)
        advance(context, stream, options.steps - 2 * WINDOW, 1024)
        late = advance(context, stream, WINDOW, options.batch)
        alone = detectors_alone(WINDOW)
        with context.store.read() as session:
            run = runs.find_run(session, RUN)
            watched = None if run is None else watches.find_watch(session, run.pk)
        context.store.close()
    assert watched is not None
    state, ledger = (len(json.dumps(part)) for part in (watched.state, watched.ledger))
    print(f"detectors alone:    {alone:6.1f} us CPU a step")
    print(
        f"watched, step {2 * WINDOW:>7,}: {early:6.1f} us CPU a step in batches of {options.batch}"
    )
    print(f"watched, step {options.steps:>7,}: {late:6.1f} us CPU a step")
    print(f"ratio late to early {late / early:.2f}, watched to detectors alone {late / alone:.2f}")
    print(f"stored a run: state {state:,} bytes, ledger {ledger:,} bytes")


def advance(context: Context, stream: Iterator[dict[str, Any]], steps: int, batch: int) -> float:
    """Ingest steps in batches, and return the CPU time of the watching alone, in us a step."""
    spent = 0.0
    for _ in range(0, steps, batch):
        part = [next(stream) for _ in range(batch)]
        columns = {name: [one[name] for one in part] for name in part[0] if name in SCALARS}
        body = StepBatch(1, [one["step"] for one in part], [None] * batch, columns)
        ingest(context, RUN, body)
        start = time.process_time()
        while watch(context, RUN):
            pass
        spent += time.process_time() - start
    return spent / steps * 1e6


def detectors_alone(steps: int) -> float:
    """Return the CPU time of the detectors on the same records, in us a step."""
    monitor = Monitor()
    state, stream = monitor.start(), list(records(steps))
    start = time.process_time()
    for record in stream:
        state, _ = monitor.step(state, record)
    return (time.process_time() - start) / steps * 1e6


if __name__ == "__main__":
    main()
