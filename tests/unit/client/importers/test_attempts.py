"""Which rows belong together, and where a trainer was started again."""

import math
from pathlib import Path
from typing import Any

import pytest

from tests.unit.client.importers.reads import jsonl, only, steps_of


def rows(*steps: int, key: str = "loss") -> list[dict[str, Any]]:
    return [{"step": step, key: 0.1 * step + index} for index, step in enumerate(steps)]


@pytest.mark.parametrize(
    ("logged", "launches"),
    [
        ((101, 102, 103), [[101, 102, 103]]),
        ((0, 1, 2, 0, 0, 1), [[0, 1, 2], [0], [0, 1]]),
        ((1, 2, 3, 4, 3, 4, 5), [[1, 2, 3, 4], [3, 4, 5]]),
        ((5, 10, 20, 40), [[5, 10, 20, 40]]),
    ],
)
def test_a_step_that_goes_back_begins_a_new_launch(
    tmp_path: Path, logged: tuple[int, ...], launches: list[list[int]]
) -> None:
    run = only(jsonl(tmp_path / "a.jsonl", rows(*logged)))
    assert steps_of(run) == launches
    assert bool(run.warnings) == (len(launches) > 1)


def test_rows_of_one_step_from_two_processes_are_one_record(tmp_path: Path) -> None:
    trainer, orchestrator = rows(1, 2, 3), rows(1, 2, 3, 4, 5, key="reward")
    late = [*orchestrator[:2], trainer[0], orchestrator[2], *trainer[1:], *orchestrator[3:]]
    run = only(jsonl(tmp_path / "a.jsonl", late))
    assert steps_of(run) == [[1, 2, 3, 4, 5]]
    assert run.steps[1].keys() == {"step", "loss", "reward_mean"}


def test_a_row_that_comes_late_is_put_in_its_place(tmp_path: Path) -> None:
    mixed = [{"step": 1, "reward": 1.0}, {"step": 9, "reward": 1.0}, {"step": 4, "loss": 0.5}]
    assert steps_of(only(jsonl(tmp_path / "a.jsonl", mixed))) == [[1, 4, 9]]


def test_an_evaluation_shares_the_step_of_its_training_row(tmp_path: Path) -> None:
    logged = [
        {"step": 1, "loss": 0.5},
        {"step": 1, "eval_loss": 0.4, "eval_runtime": 3.0},
        {"step": 1, "eval_loss": 0.4, "eval_runtime": 9.0},
        {"step": 2, "loss": 0.4},
    ]
    run = only(jsonl(tmp_path / "a.jsonl", logged))
    assert steps_of(run) == [[1, 2]]
    assert run.skipped["second value at a step, the last one kept"] == 2


def test_a_row_that_is_written_twice_counts_once(tmp_path: Path) -> None:
    twice = [{"step": 1, "loss": math.nan}, {"step": 1, "loss": math.nan}, {"step": 2, "loss": 1.0}]
    run = only(jsonl(tmp_path / "a.jsonl", twice))
    assert steps_of(run) == [[1, 2]]
    assert run.skipped == {"repeated row, equal to the first": 1}
