"""RunSchedule: the same type out as in, the same numbers as fade_core."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import DTypeLike

from fade_client.schedule import MAX_BACKLOG, LocalScheduler, RunSchedule, applied, neutral
from fade_core import advantages, scheduler
from fade_core.errors import RewardError, ShapeError
from fade_core.torch import advantages as tensor_advantages

REWARDS = [[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 1.0]]


def pair(alpha: float = 2.0, delta: float = 0.5) -> RunSchedule:
    return RunSchedule(1, 1, alpha, delta, 0.5, 1.0, 1.0, "a reason")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_an_array_comes_back_as_an_array_of_its_dtype(dtype: DTypeLike) -> None:
    weights = pair().advantages(np.array(REWARDS, dtype=dtype))
    assert weights.dtype == dtype
    np.testing.assert_array_equal(weights, advantages.fade(REWARDS, 2.0, 0.5).astype(dtype))


@pytest.mark.parametrize("rewards", [REWARDS, [[1, 0, 0, 0], [1, 1, 0, 1]], np.array([[1, 0]])])
def test_lists_and_integers_come_back_as_float64(rewards: Any) -> None:
    weights = pair().advantages(rewards)
    assert isinstance(weights, np.ndarray)
    assert weights.dtype == np.float64


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_tensor_comes_back_as_a_tensor_of_its_dtype(dtype: torch.dtype) -> None:
    rewards = torch.tensor(REWARDS, dtype=dtype)
    weights = pair().advantages(rewards)
    assert isinstance(weights, torch.Tensor)
    assert weights.dtype == dtype
    assert torch.equal(weights, tensor_advantages.fade(rewards, 2.0, 0.5))


@pytest.mark.parametrize("rewards", [np.array([[-1.0, 1.0]]), torch.tensor([[-1.0, 1.0]])])
def test_rewards_outside_0_and_1_are_refused_with_a_way_out(rewards: Any) -> None:
    with pytest.raises(RewardError, match=r"must be in \[0, 1\].*map \{-1, \+1\} to \{0, 1\}"):
        pair().advantages(rewards)


def test_not_a_number_in_a_tensor_is_refused() -> None:
    with pytest.raises(RewardError, match="finite"):
        pair().advantages(torch.tensor([[float("nan"), 1.0]]))


@pytest.mark.parametrize("rewards", [[1.0, 0.0], np.zeros((2, 1)), torch.zeros(3)])
def test_rewards_that_are_not_groups_are_refused(rewards: Any) -> None:
    with pytest.raises(ShapeError):
        pair().advantages(rewards)


@pytest.mark.parametrize("rewards", [[[-1.0, 3.0]], torch.tensor([[-1.0, 3.0]])])
def test_the_neutral_pair_is_grpo_on_rewards_of_any_range(rewards: Any) -> None:
    weights = neutral(scheduler.initial(), "observe").advantages(rewards)
    assert weights.tolist() == [[-2.0, 2.0]]


def test_a_schedule_nobody_reads_is_still_computed_in_time() -> None:
    config = scheduler.SchedulerConfig()
    local = LocalScheduler(config)
    observed = [(step, (step % 10) / 10.0, 1.0) for step in range(2 * MAX_BACKLOG + 7)]
    for one in observed:
        local.observe(one)
        local.bound()
    assert local.current() == scheduler.replay(observed)[-1]


def test_an_applied_schedule_has_every_field_of_the_schedule() -> None:
    schedule = scheduler.replay([(0, 0.25, 1.0)])[-1]
    names = scheduler.Schedule.__dataclass_fields__
    run_schedule = applied(schedule)
    assert [getattr(run_schedule, n) for n in names] == [getattr(schedule, n) for n in names]
