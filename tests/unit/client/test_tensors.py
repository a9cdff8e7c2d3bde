"""Tensors given to the hook, and that training with it is the training without it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import fade_client
from fade_client.run import Run
from tests.unit.client.fakes import FakeNetwork, open_run


def train(run: Run | None) -> tuple[list[float], torch.Tensor]:
    """A small policy-gradient loop; returns its losses and the final random state."""
    torch.manual_seed(0)
    policy = torch.nn.Linear(4, 3)
    optimizer = torch.optim.SGD(policy.parameters(), lr=0.1)
    losses = []
    for _ in range(20):
        log_p = policy(torch.randn(8, 4)).log_softmax(dim=1)
        actions = torch.multinomial(log_p.exp().detach(), 5, replacement=True)
        rewards = (actions == 1).float()
        advantages = rewards - rewards.mean(dim=1, keepdim=True)
        loss = -(advantages * log_p.gather(1, actions)).mean()
        entropy = -(log_p.exp() * log_p).sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if run:
            advantages = run.schedule.advantages(rewards)
            run.log_step(rewards=rewards, advantages=advantages, entropy=entropy, loss=loss)
        losses.append(loss.item())
    return losses, torch.get_rng_state()


def test_observing_leaves_the_training_bit_for_bit_as_it_was(tmp_path: Path) -> None:
    network = FakeNetwork()
    without, random_state = train(None)
    run = open_run(tmp_path, network)
    watched, watched_random_state = train(run)
    assert run.finish().stats.confirmed == 20
    assert watched == without
    assert torch.equal(watched_random_state, random_state)


def test_the_tensors_that_were_logged_are_as_they_were(tmp_path: Path) -> None:
    rewards = torch.tensor([[1.0, 0.0]], requires_grad=True)
    before, version = rewards.detach().clone(), rewards._version
    run = open_run(tmp_path, FakeNetwork(), mode="local")
    run.log_step(rewards=rewards, advantages=rewards, entropy=rewards.sum())
    run.finish()
    assert torch.equal(rewards, before)
    assert (rewards._version, rewards.requires_grad, rewards.grad) == (version, True, None)


def test_a_tensor_that_changes_after_the_call_was_recorded_as_it_was(tmp_path: Path) -> None:
    rewards = torch.tensor([[1.0, 0.0]])
    run = open_run(tmp_path, FakeNetwork(), mode="local")
    run.log_step(rewards=rewards, advantages=rewards)
    rewards.fill_(7.0)
    run.finish()
    assert run.path is not None
    (row,) = fade_client.read_run(run.path)[1]
    assert row["rewards"].tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16, torch.int64])
def test_tensors_of_every_dtype_are_taken(tmp_path: Path, dtype: torch.dtype) -> None:
    run = open_run(tmp_path, FakeNetwork(), mode="local")
    run.log_step(
        rewards=torch.tensor([[1, 0, 1, 1]], dtype=dtype),
        entropy=torch.tensor(2, dtype=dtype),
        adv_quantiles=torch.arange(9, dtype=dtype),
    )
    run.finish()
    assert run.path is not None
    (row,) = fade_client.read_run(run.path)[1]
    assert (row["accuracy"], row["entropy"]) == (0.75, 2.0)
    assert row["adv_quantiles"] == [float(index) for index in range(9)]


@pytest.mark.parametrize("bad", [torch.zeros(3), torch.zeros(1, 2, 3), torch.zeros(2, 0)])
def test_tensors_of_another_shape_are_left_out(tmp_path: Path, bad: Any) -> None:
    run = open_run(tmp_path, FakeNetwork(), mode="local")
    run.log_step(rewards=bad, entropy=torch.zeros(2), loss=1.0)
    run.finish()
    assert run.stats.dropped == {"rewards": 1, "entropy": 1}


@pytest.fixture
def second_rank() -> Iterator[None]:
    from torch import distributed
    from torch.testing._internal.distributed.fake_pg import FakeStore

    distributed.init_process_group("fake", rank=1, world_size=2, store=FakeStore())
    yield
    distributed.destroy_process_group()


def test_only_rank_0_records(
    tmp_path: Path, second_rank: None, caplog: pytest.LogCaptureFixture
) -> None:
    network = FakeNetwork()
    run = open_run(tmp_path, network, mode="control")
    before = run.schedule
    run.log_step(accuracy=0.1, entropy=1.0)
    report = run.finish()
    assert run.schedule.version == before.version + 1
    assert (run.path, report.path, report.stats.lost, network.requests) == (None, None, {}, [])
    assert list(tmp_path.iterdir()) == []
    assert "only rank 0 records; this is rank 1" in caplog.text
