"""Public runs of other people, where they are at hand: none of them is in this repository."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from fade_client.importers.reading import read
from tests.helpers import ROOT

RUNS = Path(os.environ.get("FADEWATCH_RUNS") or ROOT.parent / "shared" / "runs")
SAME = {
    "entropy": "entropy",
    "reward_mean": "reward_mean",
    "accuracy": "accuracy",
    "loss": "loss",
    "grad_norm": "grad_norm",
    "lr": "learning_rate",
    "response_length": "response_length_mean",
    "frac_zero_std": "zero_variance_fraction",
}


def labelled() -> list[tuple[str, str]]:
    try:
        labels = json.loads((RUNS / "labels.json").read_text())
    except OSError:
        return []
    return [(raw, each["canon"]) for each in labels for raw in each.get("raw") or []]


@pytest.mark.skipif(not labelled(), reason=f"no public runs in {RUNS}; FADEWATCH_RUNS says where")
@pytest.mark.parametrize(("raw", "canon"), labelled(), ids=lambda name: Path(name).stem[-40:])
def test_a_public_run_has_every_step_with_its_values(raw: str, canon: str) -> None:
    wanted = [json.loads(line) for line in (RUNS / canon).read_text().splitlines()]
    (run,) = read(RUNS / raw)
    # A step with nothing but an evaluation is a record here and no row there.
    found = [each for each in run.steps if each.keys() - {"step", "held_out"}]
    assert [each["step"] for each in found] == [each["step"] for each in wanted]
    for record, row in zip(found, wanted, strict=True):
        assert compared(record, SAME.values()) == pytest.approx(compared(row, SAME), nan_ok=True)
    assert all(reason == "line without metrics" for reason in run.skipped)


def compared(row: dict[str, Any], names: Any) -> dict[str, float]:
    return {SAME.get(name, name): row[name] for name in names if row.get(name) is not None}
