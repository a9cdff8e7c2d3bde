"""What the TRL hook makes of the rewards of a batch, on tensors as TRL hands them over."""

import math
from typing import Any

import pytest
import torch

from fade_client.adapters.trl.rewards import Rewards
from fade_core.torch import advantages

NAN = math.nan


def rewards(rows_PG: list[list[float]], *others: list[list[float]]) -> Rewards:
    columns = [torch.tensor(each).reshape(-1) for each in (rows_PG, *others)]
    size = len(rows_PG[0])
    return Rewards.of(torch.stack(columns, dim=1), torch.ones(len(columns)), size, 0)


@pytest.mark.parametrize(("alpha", "delta"), [(1.0, 1.0), (2.5, 1.0), (1.0, 0.4), (1.7, 0.6)])
def test_the_advantages_are_fades(alpha: float, delta: float) -> None:
    generator = torch.Generator().manual_seed(3)
    solved = torch.rand(5, 7, generator=generator)
    ours = rewards(solved.tolist()).fade(alpha, delta)
    theirs = advantages.fade(solved, alpha, delta).reshape(-1).tolist()
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_the_neutral_pair_leaves_trls_centred_rewards_to_the_last_bit() -> None:
    solved = torch.rand(6, 7, generator=torch.Generator().manual_seed(4))
    centred = solved - torch.nanmean(solved, dim=1, keepdim=True)
    assert rewards(solved.tolist()).fade(1.0, 1.0) == centred.reshape(-1).tolist()


@pytest.mark.parametrize("size", range(2, 33))
def test_zeros_and_ones_leave_what_torch_makes_of_them_to_the_last_bit(size: int) -> None:
    solved = torch.tensor([[1.0] * wins + [0.0] * (size - wins) for wins in range(size + 1)])
    centred = solved - torch.nanmean(solved, dim=1, keepdim=True)
    batch = rewards(solved.tolist())
    assert batch.is_binary
    assert str(batch.fade(1.0, 1.0)) == str(centred.reshape(-1).tolist())
    general = rewards(solved.tolist())
    general.is_binary = False
    assert str(batch.fade(1.7, 0.6)) == str(general.fade(1.7, 0.6))
    assert batch.fields() == general.fields()
    ours, theirs = batch.arrays(batch.totals), general.arrays(general.totals)
    assert [one.values().tolist() for one in ours if one] == [
        one.values().tolist() for one in theirs if one
    ]


def test_a_rollout_without_a_reward_weighs_nothing_and_its_group_is_not_recorded() -> None:
    batch = rewards([[1.0, NAN, 0.0], [1.0, 1.0, 0.0]])
    used = batch.fade(2.0, 0.5)
    assert used[1] == 0.0
    assert used[:3] == pytest.approx([0.25, 0.0, -0.5])
    solved, weights = batch.arrays(used)
    assert solved is not None
    assert weights is not None
    assert solved.values().tolist() == [[1.0, 1.0, 0.0]]
    assert weights.values().reshape(-1).tolist() == pytest.approx(used[3:])
    fields: Any = batch.fields()
    assert fields["accuracy"] == fields["reward_mean"] == pytest.approx(3 / 5)
    assert fields["zero_variance_fraction"] == 0.0


def test_a_second_reward_is_told_from_the_accuracy() -> None:
    batch = rewards([[1.0, 0.0], [1.0, 1.0]], [[2.0, 0.0], [4.0, 4.0]])
    assert batch.fields() == {
        "accuracy": 0.75,
        "reward_mean": 3.25,
        "reward_std": pytest.approx(2.0463381929681126),
        "zero_variance_fraction": 0.5,
    }


def test_a_batch_without_any_accuracy_says_so() -> None:
    batch = rewards([[NAN, NAN]])
    assert batch.problem == "the accuracy reward is None for every completion"
    assert batch.fields() == {}
    assert batch.arrays([0.0, 0.0]) == (None, None)
