"""What logging costs a trainer and what a kill loses: ours beside its peers, interleaved.

    python bench/client.py                          with the peers of this environment
    python bench/client.py --python PEERS/bin/python  with those of another one

Peers are not dependencies of Fadewatch. Install them into a throw-away environment, torch pinned:

    python -m venv peers
    peers/bin/pip install -c constraints.txt . torch tensorboard trackio wandb rlprobe

Every measurement is a fresh process, shuffled within each repetition; medians over repetitions.
"""

import argparse
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NAMES = {
    "nothing": "the measuring itself",
    "fadewatch": "Fadewatch, service up",
    "fadewatch-keywords": "Fadewatch, scalars as keywords",
    "fadewatch-down": "Fadewatch, service down",
    "trackio": "trackio, local",
    "wandb": "W&B, offline",
    "tensorboard": "TensorBoard, torch's SummaryWriter",
    "rlprobe": "rlprobe",
}
NEEDS = {"trackio": "trackio", "wandb": "wandb", "tensorboard": "tensorboard", "rlprobe": "rlprobe"}
KILLED_AFTER_S = (2.0, 4.0)


class Bench:
    """Runs ``bench/trackers.py`` with the interpreter that has the peers."""

    def __init__(self, python: str, server: str, folder: Path) -> None:
        self._python, self._server, self._folder = python, server, folder
        self._numbers = iter(range(1_000_000))
        paths = [str(ROOT), str(ROOT / "client")]
        self._environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}

    def installed(self) -> list[str]:
        """Return the trackers that can be measured."""
        script = f"import importlib.util as u; print([n for n in {list(NEEDS)} if u.find_spec(n)])"
        found = subprocess.run(
            [self._python, "-c", script], capture_output=True, text=True, check=True
        ).stdout
        return [name for name in NAMES if name not in NEEDS or f"'{NEEDS[name]}'" in found]

    def measure(self, what: str, name: str, directory: Path | None = None) -> Any:
        """Return what one process answers, or None where it failed."""
        process = self._start(what, name, directory or self.directory())
        said, _ = process.communicate(timeout=600)
        return json.loads(said.splitlines()[-1]) if process.returncode == 0 else None

    def lost_by_kill(self, name: str, seed: int) -> tuple[int, int]:
        """Return how many steps were logged when the process was killed, and how many are gone."""
        directory = self.directory()
        process = self._start("pace", name, directory)
        assert process.stdout is not None
        self._until_it_logs(process)
        time.sleep(random.Random(seed).uniform(*KILLED_AFTER_S))
        process.send_signal(signal.SIGKILL)
        logged = 1 + process.stdout.read().count(".")
        process.wait()
        # W&B's own process may still be writing.
        time.sleep(2.0)
        stored = self.measure("stored", name, directory)
        return logged, logged - stored

    def directory(self) -> Path:
        """Return a new folder."""
        path = self._folder / str(next(self._numbers))
        path.mkdir()
        return path

    def _start(self, what: str, name: str, directory: Path) -> subprocess.Popen[str]:
        script = str(ROOT / "bench" / "trackers.py")
        return subprocess.Popen(
            [self._python, script, what, name, str(directory), self._server],
            env=self._environment, cwd=directory, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    @staticmethod
    def _until_it_logs(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        while (one := process.stdout.read(1)) != ".":
            if not one:
                raise RuntimeError("the tracker ended before it logged anything")


@contextmanager
def service(folder: Path) -> Iterator[str]:
    """Start ``fadewatch server`` on a free port, and yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "fadewatch", "server", "--port", str(port)]
    process = subprocess.Popen([*command, "--db", str(folder / "bench.db")], cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    try:
        while not _ready(address):
            if process.poll() is not None:
                raise RuntimeError("the service ended")
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def costs(bench: Bench, trackers: list[str], repetitions: int) -> dict[str, list[Any]]:
    """Return the answers of every repetition by tracker."""
    order = random.Random(0)
    found: dict[str, list[Any]] = {name: [] for name in trackers}
    for _ in range(repetitions):
        for name in order.sample(trackers, len(trackers)):
            found[name].append(bench.measure("cost", name))
    return found


def table(found: dict[str, list[Any]], what: str) -> Iterator[str]:
    """Yield the lines of one table: medians over the repetitions of median and p99."""
    yield f"| {what} | median us, less the measuring | p99 us | trackio / it |"
    yield "|---|---|---|---|"
    summaries = {name: _summary(answers, what) for name, answers in found.items()}
    itself = summaries.pop("nothing") or (0.0, 0.0)
    yield f"| {NAMES['nothing']} | {itself[0]:.2f} | {itself[1]:.2f} | - |"
    summaries = {name: one and (one[0] - itself[0], one[1]) for name, one in summaries.items()}
    reference = summaries.get("trackio")
    for name, summary in summaries.items():
        if summary is None:
            yield f"| {NAMES[name]} | - | - | - |"
            continue
        ratio = f"{reference[0] / summary[0]:.1f}" if reference else "-"
        yield f"| {NAMES[name]} | {summary[0]:.1f} | {summary[1]:.1f} | {ratio} |"


def _summary(answers: list[Any], what: str) -> tuple[float, float] | None:
    series = [answer[what] for answer in answers if answer and answer[what]]
    if not series:
        return None
    medians = [statistics.median(one) for one in series]
    tails = [sorted(one)[int(len(one) * 0.99)] for one in series]
    return statistics.median(medians), statistics.median(tails)


def losses(bench: Bench, trackers: list[str], repetitions: int) -> Iterator[str]:
    """Yield the lines of the table of what a kill loses."""
    yield "| killed by -9, a step every 5 ms | logged | lost |"
    yield "|---|---|---|"
    for name in trackers:
        if name in ("nothing", "fadewatch-keywords"):
            continue
        pairs = [bench.lost_by_kill(name, seed) for seed in range(repetitions)]
        logged, lost = (", ".join(map(str, column)) for column in zip(*pairs, strict=True))
        yield f"| {NAMES[name]} | {logged} | {lost} |"


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default=sys.executable, help="interpreter with the peers")
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, service(Path(name)) as address:
        bench = Bench(given.python, address, Path(name))
        trackers = bench.installed()
        for missing in [one for one in NAMES if one not in trackers]:
            print(f"{NAMES[missing]}: not installed")
        print(f"load {os.getloadavg()[0]:.1f} at the start\n")
        found = costs(bench, trackers, given.repetitions)
        for what in ("scalars", "weights"):
            print(*table(found, what), "", sep="\n")
        print(*losses(bench, trackers, given.repetitions), "", sep="\n")
        grown = bench.measure("memory", "fadewatch-down")
        print(
            "service down for 100,000 steps: peak memory grew by "
            f"{grown['grown'] / 2**20:.1f} MiB; {grown['seconds'] / 0.099:.1f} us a step, "
            "the sender's work and the schedule's included"
        )
        print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
