"""Logs of JSON objects: Hugging Face states, verl files, tinker, prime-rl, ms-swift, any other."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from fade_client.errors import LogError
from fade_client.importers.reading import read
from tests.unit.client.importers.reads import jsonl, only, steps_of, text


def test_a_trainer_state_is_read_without_its_summary(tmp_path: Path) -> None:
    history = [
        {"step": 1, "loss": 0.1, "reward": 0.0, "reward_std": 0.1},
        {"step": 1, "eval_loss": 0.4},
        {"step": 2, "loss": 0.2, "kl": None},
        {"step": 2, "train_runtime": 3.0, "train_loss": 0.15},
        "noise",
    ]
    folder = tmp_path / "grpo-run" / "checkpoint-2"
    folder.mkdir(parents=True)
    path = folder / "trainer_state.json"
    run = only(text(path, json.dumps({"log_history": history, "global_step": 2}, indent=2)))
    assert (run.format, run.name) == ("trainer_state", "grpo-run")
    assert steps_of(run) == [[1, 2]]
    assert run.config["global_step"] == 2
    assert run.config["summary"]["train_loss"] == 0.15
    assert run.skipped == {
        "not a number: null": 1,
        "summary after the last step; kept in the config": 1,
        "row that is no object": 1,
    }
    assert "0.29" in run.warnings[0]


def test_a_state_with_nan_as_python_writes_it_is_read(tmp_path: Path) -> None:
    state = {"log_history": [{"step": 1, "loss": math.nan, "grad_norm": math.inf}]}
    (record,) = only(text(tmp_path / "trainer_state.json", json.dumps(state))).steps
    assert math.isnan(record["loss"])
    assert record["grad_norm"] == math.inf


@pytest.mark.parametrize(
    "content", ['{"log_history": 3}', '{"log_history": [', '{"log_history": []}']
)
def test_a_state_without_rows_is_said_to_be_none(tmp_path: Path, content: str) -> None:
    with pytest.raises(LogError, match=r"trainer_state\.json"):
        read(text(tmp_path / "trainer_state.json", content))


def test_a_folder_of_checkpoints_is_read_from_the_newest(tmp_path: Path) -> None:
    for last in (9, 10):
        folder = tmp_path / f"checkpoint-{last}"
        folder.mkdir()
        history = [{"step": step, "loss": 0.5} for step in range(1, last + 1)]
        text(folder / "trainer_state.json", json.dumps({"log_history": history}))
    assert steps_of(only(tmp_path)) == [list(range(1, 11))]


def test_a_verl_file_has_its_values_under_data(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"step": 0, "data": {"val-core/math/acc/mean@1": 0.2}},
        {"step": 1, "data": {"actor/entropy": 0.4, "actor/lr": 1e-6}},
        {"step": 2},
    ]
    run = only(jsonl(tmp_path / "exp.jsonl", rows))
    assert run.format == "verl_file"
    assert run.steps == [
        {"step": 0, "held_out": 0.2},
        {"step": 1, "entropy": 0.4, "learning_rate": 1e-6},
    ]
    assert run.skipped == {"row without a step or data": 1}


def test_tinker_batches_are_read_with_their_evaluations(tmp_path: Path) -> None:
    rows = [
        {"step": 0, "progress/batch": 0, "optim/entropy": 0.7, "test/env/all/reward/total": 0.6},
        {"progress/batch": 1, "step": 1, "optim/entropy": 0.6, "time/total": 3.0},
    ]
    run = only(jsonl(tmp_path / "metrics.jsonl", rows))
    assert run.format == "tinker"
    assert run.steps[0] == {"step": 0, "entropy": 0.7, "held_out": 0.6}
    assert run.unknown_keys == {}


def test_prime_rl_rows_of_all_files_of_a_folder_are_one_run(tmp_path: Path) -> None:
    for part, key in (
        ("trainer", "entropy/all/mean"),
        ("orchestrator", "train/agg/all/m/solved_all"),
    ):
        (tmp_path / part).mkdir()
        rows = [{"step": s, "time": 1.7e9 + s, key: 0.5} for s in range(3)]
        jsonl(tmp_path / part / "metrics.jsonl", rows)
    run = only(tmp_path)
    assert run.format == "prime_rl"
    assert steps_of(run) == [[0, 1, 2]]
    assert run.steps[0] == {"step": 0, "all_solved_fraction": 0.5, "entropy": 0.5}
    assert run.times[0, 2] == 1.7e9 + 2


def test_ms_swift_steps_are_texts(tmp_path: Path) -> None:
    rows = [
        {"loss": 0.1, "global_step/max_steps": "5/438", "elapsed_time": "3s", "entropy/mean": 0.4},
        {"loss": 0.2, "global_step/max_steps": "10/438", "elapsed_time": "6s"},
        {"train_runtime": 12.0, "global_step/max_steps": "438/438"},
    ]
    run = only(jsonl(tmp_path / "logging.jsonl", rows))
    assert run.format == "ms_swift"
    assert steps_of(run) == [[5, 10]]
    assert run.steps[0]["entropy"] == 0.4


def test_any_jsonl_with_a_step_is_read_and_its_texts_are_not(tmp_path: Path) -> None:
    rows = [
        {"iteration": 3, "train": {"loss": 0.5, "deep": {"er": 1}}, "prompt": "secret", "ok": True},
        {"iteration": 4, "train": {"loss": "-0.25"}, "list": [1, 2]},
    ]
    path = jsonl(tmp_path / "a.jsonl", rows)
    with path.open("a") as file:
        file.write("not json\n[1, 2]\n\n")
    run = only(path)
    assert run.format == "jsonl"
    assert steps_of(run) == [[3, 4]]
    assert run.steps == [
        {"step": 3, "loss": 0.5, "train/deep/er": 1.0, "ok": 1.0},
        {"step": 4, "loss": -0.25},
    ]
    assert run.skipped == {
        "not a number: str": 1, "not a number: a list": 1, "line that is no JSON object": 2,
    }  # fmt: skip


def test_rows_before_the_first_step_and_steps_that_are_none_are_counted(tmp_path: Path) -> None:
    rows = [
        {"loss": 1.0},
        {"step": -1, "loss": 1.0},
        {"step": 1.5, "loss": 1.0},
        {"step": 2, "loss": 1.0},
    ]
    run = only(jsonl(tmp_path / "a.jsonl", rows))
    assert steps_of(run) == [[2]]
    assert run.skipped == {"row without a step": 3, "a step that is no integer >= 0": 2}


def test_the_optimizer_step_goes_before_the_logger_s_own(tmp_path: Path) -> None:
    rows = [{"_step": 7 * s, "train/global_step": s, "train/loss": 0.5} for s in range(1, 4)]
    assert steps_of(only(jsonl(tmp_path / "a.jsonl", rows))) == [[1, 2, 3]]
