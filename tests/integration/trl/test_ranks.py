"""Two real gloo ranks that share every group of rollouts."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import ROOT, free_port
from tests.integration.trl.helpers import GROUP_TIMEOUT_S, ending, spools, steps_of

TIMEOUT_S = 300
MODULE = "tests.integration.trl.two_ranks"


def environment() -> dict[str, str]:
    paths = [str(ROOT), str(ROOT / "client"), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}


def train(output: Path, mode: str, *more: str) -> list[Any]:
    output.mkdir()
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    launch += ["--master-addr", "127.0.0.1", "--master-port", str(free_port())]
    done = subprocess.run(
        [*launch, "-m", MODULE, str(output), mode, *more],
        cwd=ROOT,
        env=environment(),
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


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_rank_that_is_killed_does_not_hang_the_other(tmp_path: Path, victim: int) -> None:
    output = tmp_path / "out"
    output.mkdir()
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    # Not by torchrun, which would end the other rank itself.
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", MODULE, str(output), "local", f"dies={victim}"],
            cwd=ROOT,
            env=environment() | place | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    survivor = ranks[1 - victim]
    try:
        ranks[victim].communicate(timeout=TIMEOUT_S)
        # Longer than the process group waits for its own, and much shorter than for ever.
        _, said = survivor.communicate(timeout=3 * GROUP_TIMEOUT_S)
    finally:
        for rank in ranks:
            rank.kill()
            rank.wait()
    assert ranks[victim].returncode == -signal.SIGKILL
    assert survivor.returncode not in (0, -signal.SIGKILL), said[-3000:]
    assert re.search(r"Error: .*([Gg]loo|[Cc]onnection|[Tt]imed out)", said), said[-3000:]
    (spool,) = spools(output)
    assert [step["step"] for step in steps_of(output)] == [0, 1]
    assert ending(spool) == (None if victim == 0 else "failed")
