"""The adapter through SkyRL's own registry and callbacks."""

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import fade_client
from fade_client.errors import ConfigError
from fade_core.advantages import fade
from fade_core.scheduler import initial

FIRST = initial()
REWARDS = [1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]
UIDS = ["a"] * 4 + ["b"] * 4
WEIGHTS = fade([REWARDS[:4], REWARDS[4:]], FIRST.alpha, FIRST.delta).reshape(-1).tolist()


@pytest.fixture
def algorithms() -> Any:
    pytest.importorskip("skyrl", reason="SkyRL is not installed")
    try:
        return importlib.import_module("skyrl.backends.skyrl_train.utils.ppo_utils")
    except (
        ImportError,
        RuntimeError,
    ) as error:  # pydantic refuses its TypedDict before Python 3.12
        pytest.skip(f"SkyRL does not import here: {error}")


def compute(algorithms: Any, config: Any) -> Any:
    tokens = torch.zeros(8, 3)
    tokens[:, 1] = torch.tensor(REWARDS)
    mask = torch.tensor([[1.0, 1.0, 0.0]] * 8)
    advantages, _ = algorithms.compute_advantages_and_returns(
        token_level_rewards=tokens, response_mask=mask, index=UIDS, adv_estimator="fade",
        config=config,
    )  # fmt: skip
    return advantages


def test_skyrl_computes_and_reports_through_its_own_interfaces(
    algorithms: Any, tmp_path: Path
) -> None:
    from skyrl.train.utils.callbacks import CallbackHandler, CallbackInput

    from fade_client.adapters import skyrl

    callback = skyrl.register("p", mode="local", dir=tmp_path)
    config = SimpleNamespace(advantage_batch_normalize=False)
    advantages = compute(algorithms, config)
    assert advantages[:, 0].tolist() == pytest.approx(WEIGHTS)
    assert advantages[:, 2].tolist() == [0.0] * 8

    logs = {"policy/policy_entropy": 0.5, "policy/grad_norm": 1.5}
    given = CallbackInput(global_step=1, epoch=0, total_steps=2, steps_per_epoch=2, logs=logs)
    handler = CallbackHandler([callback])
    handler.on_log(None, given, SimpleNamespace())
    assert logs["fade/next_alpha"] >= 1.0
    handler.on_train_end(None, given, SimpleNamespace())
    (spool,) = tmp_path.rglob("*.spool")
    (step,) = fade_client.read_run(spool)[1]
    assert (step["entropy"], step["grad_norm"], step["alpha"]) == (0.5, 1.5, FIRST.alpha)

    with pytest.raises(ConfigError, match="it undoes FADE"):
        compute(algorithms, SimpleNamespace(advantage_batch_normalize=True))
