"""Trainers that need a GPU to be installed: their calls, repeated as their sources make them.

OpenRLHF 0.11.2 ``experience_maker.py``, slime of August 2026 ``ray/rollout.py``, ms-swift 4.6.0
``grpo_trainer.py``.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import fade_client.adapters.openrlhf
import fade_client.adapters.slime as slime
import fade_client.adapters.swift as swift
from fade_client.adapters.coverage import Coverage
from fade_client.adapters.signals import SWIFT
from fade_client.adapters.trl.attachment import Attachment
from fade_client.errors import ConfigError
from fade_core.advantages import fade
from fade_core.scheduler import initial
from tests.unit.client.adapters.helpers import recorded

FIRST = initial()
REWARDS = [1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]
WEIGHTS = fade([REWARDS[:4], REWARDS[4:]], FIRST.alpha, FIRST.delta).reshape(-1).tolist()


class Maker:
    """Computes as OpenRLHF does with ``dr_grpo``: centred rewards, less KL, by token."""

    KL = 0.25

    def __init__(self, estimator: str) -> None:
        algo = SimpleNamespace(advantage=SimpleNamespace(estimator=estimator))
        rollout = SimpleNamespace(n_samples_per_prompt=4)
        self.strategy = SimpleNamespace(args=SimpleNamespace(algo=algo, rollout=rollout))

    def compute_advantages_and_returns(self, experiences: list[Any]) -> list[Any]:
        raw = torch.cat([one.rewards for one in experiences])
        indices = torch.tensor([index for one in experiences for index in one.index])
        rewards = torch.empty_like(raw)
        rewards[indices] = raw
        grouped = rewards.view(-1, 4)
        centred = (grouped - grouped.mean(-1, keepdim=True)).reshape(-1)[indices]
        for one, mine in zip(experiences, torch.split(centred, 4), strict=True):
            one.advantages = (mine.unsqueeze(-1) - self.KL) * one.action_mask
            one.returns = one.advantages.clone()
        return experiences


def experiences() -> list[Any]:
    order = [5, 0, 3, 6, 1, 2, 7, 4]  # OpenRLHF shuffles; ``index`` says where each belongs
    mask = torch.tensor([[1.0, 1.0, 0.0]] * 4)
    return [
        SimpleNamespace(
            index=order[start : start + 4],
            rewards=torch.tensor([REWARDS[row] for row in order[start : start + 4]]),
            action_mask=mask,
            info={},
        )
        for start in (0, 4)
    ]


def test_openrlhf_gets_fades_weights_and_keeps_its_kl(tmp_path: Path) -> None:
    maker = type("RemoteExperienceMaker", (Maker,), {})
    controller = fade_client.adapters.openrlhf.wrap(maker, "p", mode="local", dir=tmp_path)
    for one in maker("dr_grpo").compute_advantages_and_returns(experiences()):
        expected = torch.tensor([WEIGHTS[row] for row in one.index]) - Maker.KL
        assert one.advantages[:, 0].tolist() == pytest.approx(expected.tolist())
        assert one.advantages[:, 2].tolist() == [0.0] * 4
        assert one.returns.tolist() == one.advantages.tolist()
    controller.report({"entropy_loss": 0.7, "actor_grad_norm": 1.0, "truncated": 0.1})
    (step,) = recorded(controller.run)
    assert step["entropy"] == 0.7
    assert step["accuracy"] == 0.5
    with pytest.raises(ConfigError, match=r"use --algo\.advantage\.estimator dr_grpo"):
        maker("gae").compute_advantages_and_returns(experiences())
    controller.finish()


@pytest.fixture
def slime_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("FADEWATCH_DIR", str(tmp_path))
    monkeypatch.setenv("FADEWATCH_MODE", "local")
    yield tmp_path
    slime.finish()


def samples(**fields: Any) -> list[Any]:
    def sample(reward: float) -> Any:
        return SimpleNamespace(get_reward_value=lambda _args: reward, **fields)

    return [sample(reward) for reward in REWARDS]


def test_slime_gets_raw_rewards_and_weights(slime_run: Path) -> None:
    args = SimpleNamespace(n_samples_per_prompt=4, normalize_advantages=False)
    raw, weights = slime.post_process_rewards(args, samples())
    assert raw == REWARDS
    assert weights == pytest.approx(WEIGHTS)
    assert slime.log_rollout(0, args, samples(), {"rollout/truncated_ratio": 0.25}, 1.0) is False
    slime.add_metrics({"train/entropy_loss": 0.9})
    slime.finish()
    (spool,) = slime_run.rglob("*.spool")
    (step,) = fade_client.read_run(spool)[1]
    assert (step["truncated_fraction"], step["entropy"]) == (0.25, 0.9)


def test_slime_must_not_rescale_the_weights(slime_run: Path) -> None:
    args = SimpleNamespace(n_samples_per_prompt=4, normalize_advantages=True)
    with pytest.raises(ConfigError, match="--normalize-advantages off"):
        slime.post_process_rewards(args, samples())


class SwiftTrainer:
    """As much of ms-swift's GRPO trainer as its ``_compute_advantages`` needs."""

    def __init__(self) -> None:
        self.model = SimpleNamespace(training=True)
        self.num_generations, self.num_iterations, self._step = 4, 1, 1
        self.reward_weights = torch.ones(1)
        self.reward_func_names = ["accuracy"]
        self.args = SimpleNamespace(
            steps_per_generation=1, gradient_accumulation_steps=1, beta=0.0, logging_steps=1
        )
        self.accelerator = SimpleNamespace(device="cpu", process_index=0)
        self._metrics: dict[str, Any] = {"train": defaultdict(list)}

    def _compute_advantages(self, _samples: Any, rewards: Any, _batches: Any) -> Any:
        self._metrics["train"]["entropy/mean"].append(0.8)
        grouped = rewards.nansum(1).view(-1, 4)
        scaled = (grouped - grouped.mean(1, keepdim=True)) / (grouped.std(1, keepdim=True) + 1e-4)
        return scaled.view(-1)


@pytest.mark.parametrize("mode", ["local", "observe"])
def test_swift_returns_the_advantages_of_all_ranks(tmp_path: Path, mode: Any) -> None:
    trainer = SwiftTrainer()
    own = trainer._compute_advantages(None, torch.tensor(REWARDS).unsqueeze(1), None)
    opening = {"project": "p", "mode": mode, "dir": tmp_path, "run_id": None}
    opening |= {"server": "http://127.0.0.1:9"}
    attachment = swift.SwiftAttachment(trainer, opening, 0, Coverage("ms-swift", (), {}))
    swift.wrap(trainer, attachment)
    attachment.train_began(None)
    run = attachment.run
    assert run is not None
    used = trainer._compute_advantages([], torch.tensor(REWARDS).unsqueeze(1), [])
    assert used.tolist() == pytest.approx(WEIGHTS if mode == "local" else own.tolist())
    attachment.step_ended(will_log=False)
    (step,) = recorded(run)
    assert step["entropy"] == 0.8
    assert step["advantages"].reshape(-1).tolist() == pytest.approx(used.tolist())
    assert ("alpha" in step) == (mode == "local")
    attachment.train_ended()


def test_swift_is_not_confused_with_trl() -> None:
    assert issubclass(swift.SwiftAttachment, Attachment)
    assert swift.SwiftAttachment.vocabulary is SWIFT
    with pytest.raises(ConfigError, match="varying size"):
        swift.attach(SimpleNamespace(dynamic_num_samples=True), project="p")
    with pytest.raises(ConfigError, match="is it ms-swift"):
        swift.wrap(SimpleNamespace(), None)
