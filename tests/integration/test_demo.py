"""The demo as a newcomer runs it, with its service killed on the way."""

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import psutil
import pytest

from fade_core import scheduler
from tests.conftest import wait_until
from tests.helpers import ROOT, free_port

STEPS = 40


@pytest.mark.slow
def test_the_demo_ends_well_although_its_service_is_killed(tmp_path: Path) -> None:
    port = free_port()
    folder = tmp_path / "demo"
    command = [sys.executable, "-m", "fadewatch", "demo", "--exit", "--steps", str(STEPS)]
    command += ["--port", str(port), "--folder", str(folder)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        wait_until(lambda: arms_are_training(port), "both arms to have a step", timeout_s=300)
        service = next(
            child for child in psutil.Process(demo.pid).children() if "server" in child.cmdline()
        )
        service.send_signal(signal.SIGKILL)
        output, _ = demo.communicate(timeout=300)
    assert demo.returncode == 0, output
    assert "Starting it again" in output
    assert "Held-out problems" in output
    results = {
        arm: json.loads((folder / f"{arm}-seed0.json").read_text()) for arm in ("grpo", "fade")
    }
    evaluated = [[row["step"] for row in result["evals"]] for result in results.values()]
    assert evaluated[0] == evaluated[1] == [0, 20, STEPS]
    for result in results.values():
        assert stored_steps(folder, result["run_id"]) == list(range(STEPS + 1))
    assert_steered_by_the_scheduler(folder, results["fade"]["run_id"])


def arms_are_training(port: int) -> bool:
    try:
        runs = httpx.get(f"http://127.0.0.1:{port}/api/v1/runs").json()["runs"]
    except httpx.TransportError:
        return False
    return len(runs) == 2 and all(run["step_count"] for run in runs)


def stored_steps(folder: Path, run_id: str) -> list[int]:
    query = (
        "SELECT step FROM steps JOIN runs ON runs.pk = steps.run_pk WHERE runs.id = ? ORDER BY step"
    )
    with closing(sqlite3.connect(folder / "fadewatch.db")) as store:
        return [step for (step,) in store.execute(query, (run_id,))]


def assert_steered_by_the_scheduler(folder: Path, run_id: str) -> None:
    query = (
        "SELECT step, accuracy, entropy, alpha, delta FROM steps"
        " JOIN runs ON runs.pk = steps.run_pk"
        " WHERE runs.id = ? AND alpha IS NOT NULL ORDER BY step"
    )
    with closing(sqlite3.connect(folder / "fadewatch.db")) as store:
        rows = list(store.execute(query, (run_id,)))
    expected = scheduler.replay((step, accuracy, entropy) for step, accuracy, entropy, *_ in rows)
    used = [pair for *_, alpha, delta in rows for pair in (alpha, delta)]
    wanted = [pair for s in expected[:-1] for pair in (s.alpha, s.delta)]
    assert len(rows) == STEPS
    assert used == pytest.approx(wanted, rel=0, abs=1e-12)
