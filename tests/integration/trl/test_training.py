"""The hook in a real TRL trainer: what it changes, what it records, and when."""

from pathlib import Path
from typing import Any

import pytest

import fade_client
import fade_client.trl
from fade_client.errors import ConfigError
from fade_core.errors import RewardError
from tests.integration.trl.helpers import (
    ending,
    example,
    expected_pairs,
    has_entropy,
    spools,
    steps_of,
    trainer,
    used_pairs,
)

MOVING = fade_client.SchedulerConfig(ema_weight_new=0.4, h_star=2.9)
"""Moves both alpha and delta within a few batches."""


def losses(trained: Any) -> list[tuple[float, float]]:
    history = trained.state.log_history
    return [(row["loss"], row["grad_norm"]) for row in history if "loss" in row]


def parameters(trained: Any) -> list[bytes]:
    return [tensor.detach().numpy().tobytes() for tensor in trained.model.parameters()]


@pytest.mark.parametrize("mode", ["observe", "recommend"])
def test_watching_leaves_the_training_the_same_to_the_last_bit(tmp_path: Path, mode: Any) -> None:
    alone = trainer(tmp_path, max_steps=5)
    alone.train()
    watched = trainer(tmp_path, max_steps=5)
    attachment = fade_client.trl.attach(
        watched, project="p", mode=mode, dir=tmp_path, server="http://127.0.0.1:9"
    )
    watched.train()
    assert losses(watched) == losses(alone)
    assert parameters(watched) == parameters(alone)
    assert attachment.run is None
    steps = steps_of(tmp_path)
    assert [step["step"] for step in steps] == [0, 1, 2, 3, 4]
    assert not any("alpha" in step for step in steps)


def test_control_applies_what_the_scheduler_computes_from_the_records(tmp_path: Path) -> None:
    steered = trainer(tmp_path, max_steps=6)
    fade_client.trl.attach(
        steered, project="p", mode="control", dir=tmp_path, scheduler=MOVING,
        server="http://127.0.0.1:9",
    )  # fmt: skip
    steered.train()
    steps = steps_of(tmp_path)
    pairs = expected_pairs(steps, MOVING)
    assert used_pairs(steps) == pairs
    assert len({alpha for alpha, _ in pairs}) > 3
    assert len({delta for _, delta in pairs}) > (3 if has_entropy() else 0)
    shown = [row["fade/alpha"] for row in steered.state.log_history if "fade/alpha" in row]
    assert shown == [alpha for alpha, _ in pairs]


def test_local_mode_needs_no_server_and_is_read_back(tmp_path: Path) -> None:
    steered = trainer(tmp_path, max_steps=4)
    fade_client.trl.attach(steered, project="p", mode="local", dir=tmp_path)
    steered.train()
    steps = steps_of(tmp_path)
    assert used_pairs(steps) == expected_pairs(steps)
    for step in steps:
        for field in ("loss", "grad_norm", "learning_rate", "response_length_mean",
                      "truncated_fraction", "mass_success", "zero_variance_fraction"):  # fmt: skip
            assert field in step, field
        assert step["rewards"].shape == (2, 8)
        assert ("entropy" in step) == has_entropy()
        assert "clip_fraction_high" not in step


def test_the_trainer_uses_and_logs_the_advantages_that_are_recorded(tmp_path: Path) -> None:
    used: list[Any] = []
    steered = trainer(tmp_path, max_steps=3)
    fade_client.trl.attach(steered, project="p", mode="local", dir=tmp_path, scheduler=MOVING)
    generate = steered._generate_and_score_completions

    def spy(inputs: Any) -> Any:
        output = generate(inputs)
        logs = getattr(steered, "_logs", None) or steered._textual_logs
        used.append((output["advantages"].clone(), list(logs["advantages"])[-16:]))
        return output

    steered._generate_and_score_completions = spy
    steered.train()
    from fade_core.torch import advantages

    for (in_training, in_logs), step in zip(used, steps_of(tmp_path), strict=True):
        recorded = step["advantages"].reshape(-1)
        assert in_training.tolist() == pytest.approx(recorded.tolist(), abs=0)
        assert in_logs == pytest.approx(recorded.tolist(), abs=0)
        import torch

        rewards = torch.tensor(step["rewards"].copy())
        again = advantages.fade(rewards, step["alpha"], step["delta"]).reshape(-1)
        assert in_training.tolist() == pytest.approx(again.tolist(), abs=1e-7)


def test_the_neutral_pair_gives_trls_unscaled_advantages_exactly(tmp_path: Path) -> None:
    neutral = fade_client.SchedulerConfig(alpha_max=1.0, delta_min=1.0)

    def bonus(completions: list[str], **_: Any) -> list[float]:
        return [0.1 * len(completion) for completion in completions]

    rewards = [example().accuracy_reward, bonus]
    plain = trainer(tmp_path, rewards, max_steps=5, scale_rewards=False)
    plain.train()
    steered = trainer(tmp_path, rewards, max_steps=5, scale_rewards=True)
    fade_client.trl.attach(steered, project="p", mode="local", dir=tmp_path, scheduler=neutral)
    steered.train()
    assert losses(steered) == losses(plain)
    assert parameters(steered) == parameters(plain)


@pytest.mark.parametrize(
    ("changes", "batches"),
    [
        ({"gradient_accumulation_steps": 2}, 4),
        ({"steps_per_generation": 4, "gradient_accumulation_steps": 2}, 2),
        ({"num_iterations": 2}, 2),
        ({"steps_per_generation": 1, "gradient_accumulation_steps": 2}, 8),
    ],
    ids=["accumulation", "reused over steps", "iterations", "two batches a step"],
)
def test_the_pair_is_latched_for_a_rollout_batch(
    tmp_path: Path, changes: dict[str, int], batches: int
) -> None:
    steered = trainer(tmp_path, max_steps=4, **changes)
    fade_client.trl.attach(steered, project="p", mode="local", dir=tmp_path)
    steered.train()
    steps = steps_of(tmp_path)
    assert [step["step"] for step in steps] == list(range(batches))
    assert used_pairs(steps) == expected_pairs(steps)
    reused = "num_iterations" in changes or changes.get("steps_per_generation", 0) > 2
    assert all(("clip_fraction_high" in step) == reused for step in steps)


def test_one_record_a_batch_whatever_the_logging_interval(tmp_path: Path) -> None:
    steered = trainer(tmp_path, max_steps=7, logging_steps=10)
    attachment = fade_client.trl.attach(steered, project="p", mode="local", dir=tmp_path)
    assert any("logging_steps=10" in note for note in attachment.coverage.notes)
    steered.train()
    steps = steps_of(tmp_path)
    assert [step["step"] for step in steps] == list(range(7))
    assert all(("entropy" in step) == has_entropy() for step in steps)
    assert used_pairs(steps) == expected_pairs(steps)


def test_the_accuracy_reward_is_found_among_several(tmp_path: Path) -> None:
    def format_bonus(completions: list[str], **_: Any) -> list[float]:
        return [5.0 if len(completion) > 2 else -5.0 for completion in completions]

    steered = trainer(tmp_path, [format_bonus, example().accuracy_reward], max_steps=2)
    attachment = fade_client.trl.attach(steered, project="p", mode="local", dir=tmp_path)
    assert attachment.accuracy == 1
    steered.train()
    for step in steps_of(tmp_path):
        assert step["accuracy"] == pytest.approx(step["rewards"].mean())
        assert set(step["rewards"].reshape(-1)) <= {0.0, 1.0}
        assert abs(step["reward_mean"] - step["accuracy"]) > 0.1
        assert "rewards/format_bonus/mean" in step["extra"]


def test_rewards_outside_the_unit_interval_are_refused_for_control(tmp_path: Path) -> None:
    def signed(completions: list[str], **_: Any) -> list[float]:
        return [1.0 if len(completion) > 2 else -1.0 for completion in completions]

    steered = trainer(tmp_path, signed, max_steps=2)
    attachment = fade_client.trl.attach(steered, project="p", mode="local", dir=tmp_path)
    with pytest.raises(RewardError, match=r"must be in \[0, 1\], got -1 to 1; map it there"):
        steered.train()
    assert attachment.run is None
    assert steps_of(tmp_path) == []
    watched = trainer(tmp_path, signed, max_steps=2)
    fade_client.trl.attach(
        watched, project="q", mode="observe", dir=tmp_path / "q", server="http://127.0.0.1:9"
    )
    watched.train()
    assert all("accuracy" not in step for step in steps_of(tmp_path / "q"))


def test_a_training_that_an_exception_ends_is_a_failed_run(tmp_path: Path) -> None:
    calls: list[int] = []

    def breaks(completions: list[str], **_: Any) -> list[float]:
        calls.append(1)
        if len(calls) == 4:
            raise ConnectionError("the judge is gone")
        return [float(index % 2) for index, _ in enumerate(completions)]

    watched = trainer(tmp_path, breaks, max_steps=9)
    attachment = fade_client.trl.attach(watched, project="p", mode="local", dir=tmp_path)
    with pytest.raises(ConnectionError, match="the judge is gone"):
        watched.train()
    assert attachment.run is None
    assert [step["step"] for step in steps_of(tmp_path)] == [0, 1, 2]
    assert [ending(spool) for spool in spools(tmp_path)] == ["failed"]
    # The trainer is as it was: the next training is a run of its own, and ends well.
    watched.train()
    assert {ending(spool) for spool in spools(tmp_path)} == {"failed", "finished"}


def test_a_later_batch_without_solve_rates_keeps_trls_advantages(tmp_path: Path) -> None:
    calls: list[int] = []

    def sometimes(completions: list[str], **_: Any) -> list[float]:
        calls.append(1)
        high = 3.0 if len(calls) == 2 else 1.0
        return [high if index % 3 else 0.0 for index, _ in enumerate(completions)]

    steered = trainer(tmp_path, sometimes, max_steps=3)
    fade_client.trl.attach(steered, project="p", mode="local", dir=tmp_path)
    steered.train()
    steps = steps_of(tmp_path)
    assert ["alpha" in step for step in steps] == [True, False, True]
    assert "accuracy" not in steps[1]


def test_a_reward_of_none_is_no_failure(tmp_path: Path) -> None:
    def partial(completions: list[str], **_: Any) -> list[float | None]:
        return [None if i == 0 else float(i % 2) for i, _ in enumerate(completions)]

    steered = trainer(tmp_path, partial, max_steps=2)
    fade_client.trl.attach(steered, project="p", mode="local", dir=tmp_path)
    steered.train()
    for step in steps_of(tmp_path):
        assert step["accuracy"] == pytest.approx(8 / 15)
        assert step["rewards"].shape == (1, 8)


def test_a_run_says_what_feeds_its_detectors(tmp_path: Path) -> None:
    def strange(completions: list[str], **_: Any) -> list[float]:
        watched._metrics["train"]["strange/metric"].append(1.0)
        return [float(index % 2) for index, _ in enumerate(completions)]

    watched = trainer(tmp_path, strange, max_steps=1)
    attachment = fade_client.trl.attach(watched, project="p", mode="local", dir=tmp_path)
    watched.train()
    (spool,) = spools(tmp_path)
    kept = fade_client.read_run(spool)[0].config["coverage"]
    assert kept["feeds"]["zero_variance"] == ["zero_variance_fraction"]
    assert ("entropy_collapse" in kept["feeds"]) == has_entropy()
    assert kept["not_fed"]["kl_blowup"].startswith("set beta > 0")
    assert "strange/metric" in attachment.coverage.report()


def test_evaluation_is_left_alone(tmp_path: Path) -> None:
    steered = trainer(tmp_path, max_steps=2)
    attachment = fade_client.trl.attach(steered, project="p", mode="local", dir=tmp_path)
    steered.train()
    steered.evaluate(eval_dataset=steered.train_dataset.select(range(2)))
    assert attachment.run is None
    assert len(steps_of(tmp_path)) == 2


def test_arguments_are_checked_at_attach(tmp_path: Path) -> None:
    one = trainer(tmp_path)
    with pytest.raises(ConfigError, match="did you mean 'accuracy_reward'"):
        fade_client.trl.attach(one, project="p", accuracy_reward="acuracy_reward")
    with pytest.raises(ConfigError, match="mode must be one of"):
        fade_client.trl.attach(one, project="p", mode="steer")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="takes no colour"):
        fade_client.trl.attach(one, project="p", colour="red")
    with pytest.raises(ConfigError, match="has no _calculate_rewards"):
        fade_client.trl.attach(object(), project="p")
    fade_client.trl.attach(one, project="p", dir=tmp_path)
    with pytest.raises(ConfigError, match="attached already"):
        fade_client.trl.attach(one, project="p", dir=tmp_path)
