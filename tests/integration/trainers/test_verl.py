"""The plug-in through verl's own functions: its registry, its advantages, its tracking."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import fade_client
from fade_client.errors import ConfigError
from fade_core.advantages import fade
from fade_core.errors import RewardError
from fade_core.scheduler import initial

FIRST = initial()
REWARDS = [1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]
UIDS = ["a"] * 4 + ["b"] * 4
WEIGHTS = fade([REWARDS[:4], REWARDS[4:]], FIRST.alpha, FIRST.delta).reshape(-1).tolist()


@pytest.fixture
def verl() -> Any:
    pytest.importorskip("verl", reason="verl is not installed", exc_type=ImportError)
    from verl import DataProto
    from verl.trainer.ppo import core_algos, ray_trainer
    from verl.trainer.ppo.v1 import trainer_base, utils
    from verl.utils.tracking import Tracking

    from fade_client.adapters.verl import plugin

    return SimpleNamespace(
        DataProto=DataProto, core=core_algos, ray=ray_trainer, base=trainer_base, utils=utils,
        Tracking=Tracking, plugin=plugin,
    )  # fmt: skip


@pytest.fixture
def tracking(verl: Any, tmp_path: Path) -> Iterator[Any]:
    asked = {"mode": "local", "dir": str(tmp_path)}
    actor = {"actor": {"kl_loss_type": "low_var_kl"}}
    config = {"fadewatch": asked, "trainer": {"n": 1}, "actor_rollout_ref": actor}
    tracker = verl.Tracking("verl examples", "grpo", ["console", "fade"], config)
    yield tracker
    tracker.finish()


def batch(verl: Any, rewards: list[float], uids: list[str]) -> Any:
    tokens = torch.zeros(len(rewards), 3)
    tokens[:, 1] = torch.tensor(rewards)
    mask = torch.tensor([[1.0, 1.0, 0.0]] * len(rewards))
    tensors = {"token_level_rewards": tokens, "response_mask": mask}
    tensors["token_level_scores"] = tokens.clone()
    names = {"uid": np.array(uids, dtype=object)}
    return verl.DataProto.from_dict(tensors=tensors, non_tensors=names)


def steps(tmp_path: Path) -> list[dict[str, Any]]:
    (spool,) = tmp_path.rglob("*.spool")
    return fade_client.read_run(spool)[1]


def test_verl_finds_the_estimator_by_its_name(verl: Any) -> None:
    assert verl.core.get_adv_estimator_fn("fade") is verl.plugin.install()


def test_advantages_come_through_verls_own_function(
    verl: Any, tracking: Any, tmp_path: Path
) -> None:
    done = verl.ray.compute_advantage(
        batch(verl, REWARDS, UIDS), adv_estimator="fade", config={"use_kl_in_reward": False}
    )
    for token in (0, 1):
        assert done.batch["advantages"][:, token].tolist() == pytest.approx(WEIGHTS)
    assert done.batch["advantages"][:, 2].tolist() == [0.0] * 8
    tracking.log({"actor/entropy": 0.6, "actor/grad_norm": 2.0, "actor/kl_loss": 0.01}, step=1)
    tracking.finish()
    (step,) = steps(tmp_path)
    assert (step["entropy"], step["grad_norm"], step["kl_k3"]) == (0.6, 2.0, 0.01)
    assert (step["alpha"], step["delta"]) == (FIRST.alpha, FIRST.delta)


def test_padding_rows_are_of_no_group(verl: Any, tracking: Any, tmp_path: Path) -> None:
    rows = batch(verl, [*REWARDS, 0.0, 0.0], [*UIDS, "pad0f", "pad1e"])
    done = verl.ray.compute_advantage(rows, adv_estimator="fade", config={})
    assert done.batch["advantages"][:, 0].tolist() == pytest.approx([*WEIGHTS, 0.0, 0.0])
    tracking.finish()
    assert steps(tmp_path)[0]["accuracy"] == 0.5


def test_of_a_session_with_several_outputs_the_last_counts(
    verl: Any, tracking: Any, tmp_path: Path
) -> None:
    keys, uids, rewards = [], [], []
    for row, (uid, reward) in enumerate(zip(UIDS, REWARDS, strict=True)):
        # An intermediate turn without a reward, then the outcome.
        keys += [f"{uid}_{row}_0", f"{uid}_{row}_1"]
        uids += [uid, uid]
        rewards += [0.0, reward]
    done = verl.base.compute_advantage_for_multi_trajectories(
        batch(verl, rewards, uids), batch_keys=keys, adv_estimator="fade", config={}
    )
    both = [weight for weight in WEIGHTS for _ in range(2)]
    assert done.batch["advantages"][:, 0].tolist() == pytest.approx(both)
    tracking.finish()
    assert steps(tmp_path)[0]["rewards"].shape == (2, 4)


def test_kl_in_the_reward_leaves_the_solve_rate_alone(verl: Any, tracking: Any) -> None:
    rows = batch(verl, REWARDS, UIDS)
    rows.batch["token_level_rewards"] = rows.batch["token_level_rewards"] - 0.01
    config = {"use_kl_in_reward": True}
    keys = [f"{uid}_{row}_0" for row, uid in enumerate(UIDS)]
    done = verl.base.compute_advantage_for_multi_trajectories(
        rows, batch_keys=keys, adv_estimator="fade", config=config
    )
    # The same KL everywhere changes no centred reward.
    assert done.batch["advantages"][:, 0].tolist() == pytest.approx(WEIGHTS, abs=1e-6)
    with pytest.raises(ConfigError, match="mixes KL into the solve rate"):
        verl.ray.compute_advantage(rows, adv_estimator="fade", config=config)


def test_the_entropy_of_the_same_batch_is_recorded(
    verl: Any, tracking: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_verl(_self: Any, data: Any, _metrics: Any) -> Any:
        return verl.ray.compute_advantage(data, adv_estimator="fade", config={})

    monkeypatch.setattr(verl.base.PPOTrainer, "_compute_advantage", of_verl)
    verl.plugin._wrap_step(verl.base.PPOTrainer, verl.plugin.install())
    for entropy in (0.9, 0.7):
        verl.base.PPOTrainer._compute_advantage(
            None, batch(verl, REWARDS, UIDS), {"actor/entropy": entropy}
        )
    tracking.log({"actor/entropy": 0.8}, step=1)  # verl's mean over both batches of the step
    tracking.finish()
    assert [step["entropy"] for step in steps(tmp_path)] == [0.9, 0.7]


def test_another_estimator_is_watched(verl: Any, tracking: Any, tmp_path: Path) -> None:
    keys = [f"{uid}_{row}_0" for row, uid in enumerate(UIDS)]
    done = verl.base.compute_advantage_for_multi_trajectories(
        batch(verl, REWARDS, UIDS), batch_keys=keys, adv_estimator="grpo", config={}
    )
    tracking.finish()
    (step,) = steps(tmp_path)
    grpo = done.batch["advantages"][:, 0].tolist()
    assert step["advantages"].reshape(-1).tolist() == pytest.approx(grpo)
    assert "alpha" not in step


def train_and_save(verl: Any, tracker: Any, checkpoints: Path, global_step: int) -> None:
    """Do what verl's loop does in one step: advantages, checkpoint, log."""
    verl.ray.compute_advantage(batch(verl, REWARDS, UIDS), adv_estimator="fade", config={})
    section = SimpleNamespace(default_local_dir=str(checkpoints))
    trainer = SimpleNamespace(config=SimpleNamespace(trainer=section), global_steps=global_step)
    verl.base.PPOTrainer._save_checkpoint(trainer)
    tracker.log({"actor/entropy": 0.6}, step=global_step)


def test_a_resumed_run_continues_the_schedule_of_the_checkpoint(
    verl: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = tmp_path / "checkpoints"

    def of_verl(self: Any) -> None:
        folder = checkpoints / f"global_step_{self.global_steps}"
        folder.mkdir(parents=True)
        (checkpoints / "latest_checkpointed_iteration.txt").write_text(str(self.global_steps))

    monkeypatch.setattr(verl.base.PPOTrainer, "_save_checkpoint", of_verl)
    verl.plugin._wrap_saving(verl.base.PPOTrainer, verl.plugin.install())
    asked = {"mode": "local", "dir": str(tmp_path), "scheduler": {"ema_weight_new": 0.5}}
    place = {"resume_mode": "auto", "default_local_dir": str(checkpoints)}
    config = {"fadewatch": asked, "trainer": place}
    first = verl.Tracking("p", "e", ["fade"], config)
    for global_step in (1, 2):
        train_and_save(verl, first, checkpoints, global_step)
    before = first.logger["fade"].controller.run
    expected = before.recommendation
    first.finish()

    resumed = verl.Tracking("p", "e", ["fade"], config)
    run = resumed.logger["fade"].controller.run
    assert run.id == before.id
    assert run.recommendation == expected
    assert expected.version == 2
    train_and_save(verl, resumed, checkpoints, 3)
    resumed.finish()
    numbers = [
        step["step"] for spool in sorted(tmp_path.rglob("*.spool"))
        for step in fade_client.read_run(spool)[1]
    ]  # fmt: skip
    assert numbers == [0, 1, 2]


def test_a_checkpoint_without_a_state_starts_the_schedule_anew(
    verl: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "global_step_4").mkdir()
    place = {"resume_mode": "resume_path", "resume_from_path": str(tmp_path / "global_step_4")}
    asked = {"mode": "local", "dir": str(tmp_path)}
    tracker = verl.Tracking("p", "e", ["fade"], {"fadewatch": asked, "trainer": place})
    tracker.finish()
    assert "the schedule starts anew, for the checkpoint has no state of it" in caplog.text


def test_what_is_missing_is_said(verl: Any, tmp_path: Path) -> None:
    rows = batch(verl, REWARDS, UIDS)
    with pytest.raises(ConfigError, match="add fade to the trackers"):
        verl.ray.compute_advantage(rows, adv_estimator="fade", config={})
    asked = {"mode": "local", "dir": str(tmp_path)}
    tracker = verl.Tracking("p", "e", ["fade"], {"fadewatch": asked})
    with pytest.raises(RewardError, match="needs a solve rate"):
        verl.ray.compute_advantage(
            batch(verl, [-reward for reward in REWARDS], UIDS), adv_estimator="fade", config={}
        )
    tracker.finish()
