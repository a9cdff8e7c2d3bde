"""Text that a trainer printed."""

import math
from pathlib import Path

import pytest

from fade_client.importers.mapping import KeyMapping
from tests.unit.client.importers.reads import only, steps_of, text

HF = (
    "loading\n{'num_generations': 8, 'learning_rate': 1e-06}\n"
    "  5%|#    | 1/10 [00:01<00:09]\r{'loss': '-0.08838', 'reward': 0.25, 'reward_std': 0.5, "
    "'epoch': 0.1}\r 10%|#    | 2/10 [00:02<00:08]\x1b[A{'loss': nan, 'grad_norm': inf, "
    "'kl': 1e+24, 'epoch': 0.2}\n"
    "{'loss': 0.1, 'reward': 0.5, 'epoch': 0.3} {'loss': 0.2, 'reward': 0.5, 'epoch': 0.4}\n"
    "{'loss': 0.3, 'epoch': 0.5}\n"
    "{'train_runtime': 12.5, 'train_loss': 0.1, 'epoch': 0.5}\n{'loss': 0.3, 'cut\n"
)


def test_hf_dicts_between_progress_bars_are_rows_and_the_bar_is_not_the_step(
    tmp_path: Path,
) -> None:
    run = only(text(tmp_path / "train.log", HF))
    assert run.format == "hf_console"
    assert steps_of(run) == [[2, 4, 6, 8, 10]]
    assert run.steps[0]["loss"] == -0.08838
    assert math.isnan(run.steps[1]["loss"])
    assert run.steps[1]["grad_norm"] == math.inf
    assert run.steps[1]["kl_k3"] == 1e24
    assert run.config["summary"]["train_runtime"] == 12.5
    assert run.skipped["dict without metrics"] == 1
    assert run.skipped["dict that is not closed"] == 1
    assert "every 2" in run.warnings[0]


def test_hf_rows_of_an_unfinished_training_are_numbered_and_that_is_said(tmp_path: Path) -> None:
    path = text(tmp_path / "a.log", "".join(f"{{'loss': {x}, 'epoch': 0.1}}\n" for x in (0.1, 0.2)))
    run = only(path)
    assert steps_of(run) == [[1, 2]]
    assert "numbered" in run.warnings[0]
    assert steps_of(only(path, KeyMapping(every=5))) == [[5, 10]]


def test_hf_epochs_that_fall_begin_a_new_launch(tmp_path: Path) -> None:
    epochs = (0.1, 0.2, 0.1, 0.2, 0.3)
    content = "".join(f"{{'loss': {i}.5, 'epoch': {e}}}\n" for i, e in enumerate(epochs))
    assert steps_of(only(text(tmp_path / "a.log", content))) == [[1, 2], [1, 2, 3]]


def test_verl_lines_are_read_through_ray_with_colours(tmp_path: Path) -> None:
    content = (
        "\x1b[36m(TaskRunner pid=12)\x1b[0m step:0 - val-core/gsm8k/acc/mean@1:0.2\n"
        "(TaskRunner pid=12) Training Progress: 1/9 [00:01]\n"
        "\x1b[36m(TaskRunner pid=12)\x1b[0m step:101 - actor/entropy:np.float64(0.31) - "
        "actor/lr:0.000 - a:b@c:1.5 - note:x - "
        "critic/advantages/mean:-0.000 [repeated 2x across cluster]\n"
    )
    run = only(text(tmp_path / "verl.log", content))
    assert run.format == "verl_console"
    assert run.steps == [
        {"step": 0, "held_out": 0.2},
        {"step": 101, "entropy": 0.31, "learning_rate": 0.0, "a:b@c": 1.5, "adv_mean": -0.0},
    ]
    assert run.skipped == {"line without metrics": 1, "not a number: text": 1}


def test_openrlhf_lines_are_read(tmp_path: Path) -> None:
    content = (
        "start\n✨ Global step 1: {'policy_loss': 0.1, 'reward': tensor(0.5), 'status': 'ok'}\n"
        "✨ Global step 2: {'policy_loss': -0.1\n"
    )
    run = only(text(tmp_path / "o.log", content))
    assert run.format == "openrlhf_console"
    assert run.steps == [{"step": 1, "loss": 0.1, "reward_mean": 0.5}]
    assert run.skipped == {"line without metrics": 1, "dict that is not closed": 1}


@pytest.mark.parametrize(
    "line",
    [
        "[math] {}/100 | loss=-0.5 | reward=0.25 | acc=62.5%",
        "Step {} | loss:-0.5 reward:0.25 acc:62.5%",
        "Epoch:[1/1]({}/9751), Loss: -0.5, Reward: 0.25, acc: 0.625",
        "iteration={} loss=-0.5 reward=0.25 acc=0.625",
    ],
)
def test_lines_of_a_hand_written_loop_are_read(tmp_path: Path, line: str) -> None:
    noise = "800 examples | model=x seed=42 lr=5e-06\nZero steps: 17/100 (17%)\n"
    content = noise + "".join(line.format(step) + "\n" for step in (1, 2, 3))
    run = only(text(tmp_path / "loop.log", content))
    assert run.format == "text_console"
    assert steps_of(run) == [[1, 2, 3]]
    assert run.steps[0] == {"step": 1, "loss": -0.5, "reward_mean": 0.25, "accuracy": 0.625}
    assert run.skipped == {"line without metrics": 2}


def test_an_endless_line_costs_itself_and_no_memory(tmp_path: Path) -> None:
    content = "step:1 - loss:0.5\n" + "x" * 3_000_000 + "\nstep:2 - loss:0.5\n"
    run = only(text(tmp_path / "a.log", content))
    assert steps_of(run) == [[1, 2]]
    assert run.skipped == {"line too long": 1}
