"""One tracker in one process: what a call costs, what survives a kill, what memory it takes.

``bench/client.py`` starts this file once for every measurement:

    python bench/trackers.py {cost|pace|stored|memory} TRACKER DIRECTORY SERVICE
"""

import json
import os
import resource
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

SCALAR_STEPS = 20_000
WEIGHT_STEPS = 300
WARM_UP = 200
PROMPTS, GROUP_SIZE = 512, 16
PACE_S = 0.005
MEMORY_STEPS = 100_000
NOBODY = "http://127.0.0.1:9"

Values = dict[str, float]


class Tracker(Protocol):
    """What is measured of each of them."""

    def log(self, step: int, values: Values) -> None:
        """Log the scalars of one step, the way the tracker's documentation does."""

    def log_weights(self, step: int, rewards: Any, weights: Any) -> None:
        """Log 512 x 16 advantage weights, in the closest form that the tracker has."""

    def close(self) -> None:
        """End the run."""

    @staticmethod
    def stored(directory: Path) -> int:
        """Return how many steps are on disk after the process was killed."""


class Fadewatch:
    """Ours: the service takes the records, or is away."""

    def __init__(self, directory: Path, server: str) -> None:
        import fade_client

        self._run = fade_client.init("bench", mode="control", server=server, dir=directory)

    def log(self, step: int, values: Values) -> None:
        self._run.log_step(step, values)

    def log_weights(self, step: int, rewards: Any, weights: Any) -> None:
        self._run.log_step(step, rewards=rewards, advantages=weights)

    def close(self) -> None:
        self._run.finish(timeout_s=2.0)

    @staticmethod
    def stored(directory: Path) -> int:
        from fade_client.sync import list_spools

        # The service's share was not confirmed, or is still in the file: below 64 MB it keeps all.
        return sum(info.steps for info in list_spools(directory))


class Nothing:
    """What the measuring itself costs, a tracker's method included."""

    def __init__(self, directory: Path, server: str) -> None:
        self._run = None

    def log(self, step: int, values: Values) -> None:
        pass

    def log_weights(self, step: int, rewards: Any, weights: Any) -> None:
        pass

    def close(self) -> None:
        pass

    @staticmethod
    def stored(directory: Path) -> int:
        raise NotImplementedError


class FadewatchKeywords(Fadewatch):
    """Ours, with the scalars as keywords instead of in a dict."""

    def log(self, step: int, values: Values) -> None:
        named: dict[str, Any] = values
        self._run.log_step(step, **named)


class Trackio:
    """trackio on its local SQLite."""

    def __init__(self, directory: Path, server: str) -> None:
        os.environ["TRACKIO_DIR"] = str(directory)
        import trackio

        self._module = trackio
        quiet: dict[str, Any] = {"auto_log_gpu": False, "auto_log_cpu": False, "embed": False}
        self._run = trackio.init("bench", **quiet)

    def log(self, step: int, values: Values) -> None:
        self._run.log(values, step=step)

    def log_weights(self, step: int, rewards: Any, weights: Any) -> None:
        self._run.log({"weights": self._module.Histogram(weights.numpy())}, step=step)

    def close(self) -> None:
        self._module.finish()

    @staticmethod
    def stored(directory: Path) -> int:
        import sqlite3

        rows = 0
        for database in directory.glob("*.db"):
            with sqlite3.connect(database) as connection:
                rows += connection.execute("SELECT COUNT(*) FROM metrics").fetchone()[0]
        return rows


class Wandb:
    """W&B, offline."""

    def __init__(self, directory: Path, server: str) -> None:
        import wandb

        self._module = wandb
        settings = wandb.Settings(x_disable_stats=True, console="off", silent=True)
        self._run = wandb.init(
            project="bench", mode="offline", dir=str(directory), settings=settings
        )

    def log(self, step: int, values: Values) -> None:
        self._run.log(values, step=step)

    def log_weights(self, step: int, rewards: Any, weights: Any) -> None:
        self._run.log({"weights": self._module.Histogram(weights.numpy())}, step=step)

    def close(self) -> None:
        self._run.finish()

    @staticmethod
    def stored(directory: Path) -> int:
        from wandb.proto import wandb_internal_pb2

        found = 0
        for file in directory.rglob("*.wandb"):
            for content in _log_records(file.read_bytes()[7:]):
                record = wandb_internal_pb2.Record()
                record.ParseFromString(content)
                found += record.HasField("history")
        # The last row is held back until the next step begins; it is not counted as lost.
        return found + 1


def _log_records(content: bytes) -> Iterator[bytes]:
    """Yield the records of a LevelDB log, W&B's file format, without its first 7 bytes."""
    offset, block, parts = 0, 32_768, b""
    while offset + 7 <= len(content):
        room = block - (offset + 7) % block
        if room < 7:
            offset += room
            continue
        length, kind = struct.unpack_from("<HB", content, offset + 4)
        if kind == 0 or offset + 7 + length > len(content):
            return
        parts += content[offset + 7 : offset + 7 + length]
        if kind in (1, 4):
            yield parts
            parts = b""
        offset += 7 + length


class TensorBoard:
    """torch's SummaryWriter."""

    def __init__(self, directory: Path, server: str) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(directory))

    def log(self, step: int, values: Values) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def log_weights(self, step: int, rewards: Any, weights: Any) -> None:
        self._writer.add_histogram("weights", weights, step)

    def close(self) -> None:
        self._writer.close()

    @staticmethod
    def stored(directory: Path) -> int:
        from tensorboard.backend.event_processing import event_accumulator

        events = event_accumulator.EventAccumulator(str(directory), size_guidance={"scalars": 0})
        events.Reload()
        return min((len(events.Scalars(tag)) for tag in events.Tags()["scalars"]), default=0)


class Rlprobe:
    """rlprobe's recorder; it has no form for raw weights."""

    def __init__(self, directory: Path, server: str) -> None:
        from rlprobe import Recorder

        self._recorder = Recorder(directory / "run")
        self._recorder.__enter__()

    def log(self, step: int, values: Values) -> None:
        self._recorder.log_step(step, **values)

    def log_weights(self, step: int, rewards: Any, weights: Any) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self._recorder.__exit__(None, None, None)

    @staticmethod
    def stored(directory: Path) -> int:
        from rlprobe.storage import RunReader

        found = {path.parent for path in directory.rglob("manifest*")}
        return sum(RunReader(one).steps_table().num_rows for one in found)


TRACKERS: dict[str, type[Any]] = {
    "nothing": Nothing,
    "fadewatch": Fadewatch,
    "fadewatch-keywords": FadewatchKeywords,
    "fadewatch-down": Fadewatch,
    "trackio": Trackio,
    "wandb": Wandb,
    "tensorboard": TensorBoard,
    "rlprobe": Rlprobe,
}


def rows() -> list[Values]:
    """Return 500 steps of 20 scalars each."""
    random = np.random.default_rng(0)
    names = [*(f"metric_{index:02d}" for index in range(18)), "entropy", "accuracy"]
    return [dict(zip(names, map(float, random.random(20)), strict=True)) for _ in range(500)]


def cost(tracker: Tracker) -> dict[str, Any]:
    """Return the blocking microseconds of every call, scalars and weights."""
    values, answer = rows(), dict[str, Any]()
    answer["scalars"] = _timed(
        SCALAR_STEPS, lambda step: (tracker.log, (step, values[step % len(values)]))
    )
    try:
        import torch

        generator = torch.Generator().manual_seed(0)
        rewards = (torch.rand(PROMPTS, GROUP_SIZE, generator=generator) < 0.4).float()
        weights = torch.randn(PROMPTS, GROUP_SIZE, generator=generator)
        answer["weights"] = _timed(
            WEIGHT_STEPS,
            lambda step: (
                tracker.log_weights,
                (SCALAR_STEPS + WARM_UP + step, rewards, weights),
            ),
        )
    except (ImportError, NotImplementedError):
        answer["weights"] = None
    tracker.close()
    return answer


def _timed(
    steps: int, call: Callable[[int], tuple[Callable[..., None], tuple[Any, ...]]]
) -> list[float]:
    clock, taken = time.perf_counter_ns, []
    for step in range(WARM_UP + steps):
        log, arguments = call(step)
        before = clock()
        log(*arguments)
        taken.append((clock() - before) / 1e3)
    return taken[WARM_UP:]


def pace(tracker: Tracker) -> None:
    """Log a step every 5 ms, and write a dot after each, until killed."""
    values = rows()
    step = 0
    while True:
        tracker.log(step, values[step % len(values)])
        os.write(1, b".")
        step += 1
        time.sleep(PACE_S)


def memory(tracker: Tracker) -> dict[str, Any]:
    """Return by how much the peak memory grew over 100,000 steps, in bytes, and the seconds."""
    values = rows()
    for step in range(1000):
        tracker.log(step, values[step % len(values)])
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    for step in range(1000, MEMORY_STEPS):
        tracker.log(step, values[step % len(values)])
    taken = time.monotonic() - started
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    tracker.close()
    return {"grown": grown * 1024, "seconds": taken}


def main(what: str, name: str, directory: Path, server: str) -> None:
    """Measure one thing of one tracker, and print it as the last line."""
    kind = TRACKERS[name]
    if what == "stored":
        answer: Any = kind.stored(directory)
    else:
        tracker = kind(directory, NOBODY if name == "fadewatch-down" else server)
        answer = {"cost": cost, "pace": pace, "memory": memory}[what](tracker)
    print("\n" + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4])
