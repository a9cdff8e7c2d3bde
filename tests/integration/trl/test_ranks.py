"""Two real gloo ranks that share every group of rollouts."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import ROOT, free_port
from tests.integration.trl.helpers import steps_of

TIMEOUT_S = 300


def train(output: Path, mode: str, *more: str) -> list[Any]:
    output.mkdir()
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    launch += ["--master-addr", "127.0.0.1", "--master-port", str(free_port())]
    paths = [str(ROOT), str(ROOT / "client"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [*launch, "-m", "tests.integration.trl.two_ranks", str(output), mode, *more],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((output / f"rank{rank}.json").read_text()) for rank in (0, 1)]


@pytest.mark.slow
def test_both_ranks_use_one_schedule_and_make_one_run(tmp_path: Path) -> None:
    first, second = train(tmp_path / "out", "control")
    pairs = [tuple(batch["pair"]) for batch in first]
    assert pairs == [tuple(batch["pair"]) for batch in second]
    assert any(alpha > 2.0 for alpha, _ in pairs)  # rank 1 alone would stop at 2
    steps = steps_of(tmp_path / "out" / "spool")  # one spool: one run, one record a step
    assert [step["step"] for step in steps] == [0, 1, 2, 3, 4]
    assert [(step["alpha"], step["delta"]) for step in steps] == pairs
    for step, left, right in zip(steps, first, second, strict=True):
        assert step["rewards"].shape == (1, 8)
        assert step["advantages"].reshape(-1).tolist() == left["local"] + right["local"]


@pytest.mark.slow
def test_watching_two_ranks_records_both(tmp_path: Path) -> None:
    first, second = train(tmp_path / "out", "observe")
    steps = steps_of(tmp_path / "out" / "spool")
    assert len(steps) == 5
    for step, left, right in zip(steps, first, second, strict=True):
        assert step["advantages"].reshape(-1).tolist() == left["local"] + right["local"]
        assert left["pair"] is None


@pytest.mark.slow
def test_an_alert_that_rank_0_hears_of_stops_both_ranks(tmp_path: Path) -> None:
    first, second = train(tmp_path / "out", "observe", "alerted")
    assert len(first) == len(second) == 3
