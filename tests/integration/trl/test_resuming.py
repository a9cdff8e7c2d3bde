"""A run's state rides in the trainer's checkpoint, and comes back as a new attempt."""

import json
from pathlib import Path
from typing import Any

import pytest

import fade_client
import fade_client.trl
from tests.integration.trl.helpers import expected_pairs, spools, trainer, used_pairs

MOVING = fade_client.SchedulerConfig(ema_weight_new=0.3)


def run(output: Path, spool: Path, resume: Path | None = None, **changes: Any) -> None:
    steered = trainer(output, save_strategy="steps", save_steps=4, max_steps=8, **changes)
    fade_client.trl.attach(steered, project="p", mode="local", dir=spool, scheduler=MOVING)
    steered.train(resume_from_checkpoint=None if resume is None else str(resume))


@pytest.mark.parametrize("restores", [False, True], ids=["as always", "callbacks made anew"])
@pytest.mark.parametrize("logging_steps", [1, 10])
def test_a_resumed_trainer_continues_the_schedule_exactly(
    tmp_path: Path, restores: bool, logging_steps: int
) -> None:
    spool = tmp_path / "spool"
    changes: dict[str, Any] = {
        "logging_steps": logging_steps,
        "restore_callback_states_from_checkpoint": restores,
    }
    run(tmp_path, spool, **changes)
    run(tmp_path, spool, tmp_path / "checkpoint-4", **changes)

    first, second = sorted(spools(spool), key=lambda path: path.name)
    assert first.parent == second.parent  # the same run
    before, after = (fade_client.read_run(path)[1] for path in (first, second))
    assert [step["step"] for step in before] == list(range(8))
    assert [step["step"] for step in after] == [4, 5, 6, 7]
    story = before[:4] + after
    assert used_pairs(story) == expected_pairs(story, MOVING)


def test_a_second_training_without_a_checkpoint_is_another_run(tmp_path: Path) -> None:
    steered = trainer(tmp_path, max_steps=2)
    fade_client.trl.attach(steered, project="p", mode="local", dir=tmp_path / "spool")
    steered.train()
    steered.train()
    runs = {path.parent for path in spools(tmp_path / "spool")}
    assert len(runs) == 2
    for path in spools(tmp_path / "spool"):
        assert [step["step"] for step in fade_client.read_run(path)[1]] == [0, 1]


def test_a_checkpoint_from_before_the_hook_starts_a_run(tmp_path: Path) -> None:
    trainer(tmp_path, save_strategy="steps", save_steps=4, max_steps=4).train()
    run(tmp_path, tmp_path / "spool", tmp_path / "checkpoint-4")
    (spool,) = spools(tmp_path / "spool")
    assert [step["step"] for step in fade_client.read_run(spool)[1]] == [0, 1, 2, 3]
    saved = json.loads((tmp_path / "checkpoint-8" / "trainer_state.json").read_text())
    assert saved["stateful_callbacks"]["FadewatchCallback"]["attributes"]["saved"]["step"] == 3


def test_a_batch_in_progress_is_not_in_the_checkpoint(tmp_path: Path) -> None:
    # Each batch lasts 3 optimizer steps, so the checkpoint at step 4 is in the middle of one.
    spool = tmp_path / "spool"
    run(tmp_path, spool, num_iterations=3)
    run(tmp_path, spool, tmp_path / "checkpoint-4", num_iterations=3)
    first, second = sorted(spools(spool), key=lambda path: path.name)
    before, after = (fade_client.read_run(path)[1] for path in (first, second))
    assert [step["step"] for step in before] == [0, 1, 2]
    assert [step["step"] for step in after] == [1, 2]
    story = before[:1] + after
    assert used_pairs(story) == expected_pairs(story, MOVING)
