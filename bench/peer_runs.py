"""One run in a peer's own store, and the peer's own page of it, with the peers' interpreter.

``bench/peer_pages.py`` starts this file:

    python bench/peer_runs.py write {trackio|tensorboard} STORE RUN
    python bench/peer_runs.py serve {trackio|tensorboard} STORE PORT

RUN is a ``.npy`` with a field of each metric. Both stores hold every step of it; what their
pages show of that is the tool's own choice, and every option of the page is at its default.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

PROJECT = "bench"
GROUP = "train/"
"""Before each name, as trainers write them: both pages put a group's charts into one grid."""
PENDING = 1000
"""Events that TensorBoard's writer holds before it blocks: 20 by default, a slow way to write."""


def rows(run: Path) -> Iterator[dict[str, float]]:
    """Yield the metrics of each step."""
    steps = np.load(run)
    names = [GROUP + name for name in steps.dtype.names]
    for row in steps.tolist():
        yield dict(zip(names, row, strict=True))


def write_trackio(store: Path, run: Path) -> None:
    """Log as its documentation does."""
    os.environ["TRACKIO_DIR"] = str(store)
    import trackio

    tracker = trackio.init(
        PROJECT, name="bench", auto_log_gpu=False, auto_log_cpu=False, embed=False
    )
    for step, metrics in enumerate(rows(run)):
        tracker.log(metrics, step=step)
    trackio.finish()


def write_tensorboard(store: Path, run: Path) -> None:
    """Write an event a step: what ``SummaryWriter`` writes takes minutes, one event a value."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(store / "bench"), max_queue_size=PENDING)
    for step, metrics in enumerate(rows(run)):
        scalars = [Summary.Value(tag=name, simple_value=one) for name, one in metrics.items()]
        event = Event(wall_time=1.7e9 + step, step=step, summary=Summary(value=scalars))
        writer.add_event(event)
    writer.close()


def serve_trackio(store: Path, port: int) -> None:
    """Show the project as ``trackio show`` does, without opening a browser."""
    os.environ["TRACKIO_DIR"] = str(store)
    import trackio

    trackio.show(PROJECT, open_browser=False, server_port=port)


def serve_tensorboard(store: Path, port: int) -> None:
    """Become ``tensorboard --logdir``."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(store), "--port"]
    os.execv(sys.executable, [*command, str(port)])


if __name__ == "__main__":
    what, name, folder, given = sys.argv[1:]
    if what == "write":
        {"trackio": write_trackio, "tensorboard": write_tensorboard}[name](
            Path(folder), Path(given)
        )
    else:
        {"trackio": serve_trackio, "tensorboard": serve_tensorboard}[name](Path(folder), int(given))
