"""The advantage functions: hand-computed examples, invariances, refusals."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fade_core import advantages
from fade_core.errors import RewardError, SettingError, ShapeError, UnknownMethodError
from fade_core.gradient_mass import batch_mass
from fade_core.torch import advantages as torch_advantages

BINARY = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 6), st.integers(2, 9)),
    elements=st.sampled_from([0.0, 1.0]),
)
UNIT = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 6), st.integers(2, 9)), elements=st.floats(0, 1)
)


def test_grpo_subtracts_the_mean_of_its_own_group() -> None:
    assert advantages.grpo([[1, 0, 0, 1], [2, 2, 2, 2]]).tolist() == [
        [0.5, -0.5, -0.5, 0.5],
        [0.0, 0.0, 0.0, 0.0],
    ]


def test_grpo_std_divides_by_the_standard_deviation_of_the_group() -> None:
    weights = advantages.grpo_std([[1, 0, 0, 1], [1, 1, 1, 1]], ddof=0, eps=1e-12)
    assert weights == pytest.approx(np.array([[1, -1, -1, 1], [0, 0, 0, 0]]))


def test_reinforce_keeps_the_reward_and_its_signed_form_punishes_failure() -> None:
    assert advantages.reinforce([[1, 0]]).tolist() == [[1, 0]]
    assert advantages.reinforce_signed([[1, 0]]).tolist() == [[1, -1]]


@given(UNIT)
def test_fade_at_one_one_is_grpo(rewards: np.ndarray) -> None:
    np.testing.assert_array_equal(advantages.fade(rewards, 1.0, 1.0), advantages.grpo(rewards))


@given(BINARY, st.floats(1, 3), st.floats(0.3, 1))
def test_fade_keeps_the_mass_ratio_at_delta_for_any_mix_of_prompts(
    rewards: np.ndarray, alpha: float, delta: float
) -> None:
    mass = batch_mass(rewards, advantages.fade(rewards, alpha, delta))
    assert mass.success == pytest.approx(delta * mass.failure, rel=1e-12, abs=1e-15)


@given(UNIT, st.sampled_from(sorted(advantages.METHODS)), st.randoms())
def test_the_order_of_rollouts_in_a_group_does_not_matter(
    rewards: np.ndarray, method: str, random: object
) -> None:
    params = {"alpha": 2.0, "delta": 0.5} if method == "fade" else {}
    order = np.random.default_rng(0).permutation(rewards.shape[1])
    np.testing.assert_allclose(
        advantages.advantages(rewards[:, order], method, **params),
        advantages.advantages(rewards, method, **params)[:, order],
        rtol=1e-9, atol=1e-9,
    )  # fmt: skip


@given(UNIT, st.sampled_from(sorted(advantages.METHODS)))
def test_torch_equals_numpy_and_finite_input_never_gives_nan(
    rewards: np.ndarray, method: str
) -> None:
    params = {"alpha": 2.5, "delta": 0.4} if method == "fade" else {}
    expected = advantages.advantages(rewards, method, **params)
    got = torch_advantages.advantages(torch.from_numpy(rewards), method, **params).numpy()
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", sorted(advantages.METHODS))
def test_subnormal_rewards_give_no_nan(method: str) -> None:
    params = {"alpha": 2.5, "delta": 0.4} if method == "fade" else {}
    rewards = torch.tensor([[0.0, 2.2e-309]], dtype=torch.float64)
    assert torch_advantages.advantages(rewards, method, **params).isfinite().all()


@pytest.mark.parametrize("method", ["fade", "power", "asym_grpo", "maxrl"])
def test_torch_takes_a_reward_outside_the_unit_for_the_nearer_end(method: str) -> None:
    params = {"alpha": 2.5, "delta": 0.4} if method == "fade" else {}
    outside, inside = torch.tensor([[-1.0, 0.5, 7.0]]), torch.tensor([[0.0, 0.5, 1.0]])
    got = torch_advantages.advantages(outside, method, **params)
    assert torch.equal(got, torch_advantages.advantages(inside, method, **params))


@pytest.mark.parametrize("method", sorted(advantages.METHODS))
def test_torch_leaves_the_rewards_as_they_were(method: str) -> None:
    params = {"alpha": 2.5, "delta": 0.4} if method == "fade" else {}
    rewards = torch.tensor([[0.0, 0.25, 1.0], [1.0, 1.0, 0.5]])
    before = rewards.clone()
    torch_advantages.advantages(rewards, method, **params)
    assert torch.equal(rewards, before)


def test_torch_divides_by_the_size_of_unusually_large_groups() -> None:
    rewards = torch.tensor([[1.0] * 50 + [0.0] * 150])
    assert torch_advantages.grpo(rewards)[0, [0, -1]].tolist() == [0.75, -0.25]


def test_torch_accepts_whole_number_rewards_and_keeps_half_precision() -> None:
    whole = torch.tensor([[1, 0], [1, 1]])
    assert torch_advantages.grpo(whole).tolist() == [[0.5, -0.5], [0.0, 0.0]]
    assert torch_advantages.fade(whole.bfloat16(), 2.0, 0.5).dtype == torch.bfloat16


@pytest.mark.parametrize("alpha", [1.0, 1.5, 3.0])
def test_a_group_of_equal_rewards_weighs_nothing(alpha: float) -> None:
    rewards = [[1.0] * 7, [0.0] * 7, [0.1] * 7]
    assert np.abs(advantages.fade(rewards, alpha, 0.3)).max() < 1e-15
    assert torch_advantages.fade(torch.tensor(rewards), alpha, 0.3).abs().max() < 1e-6


@pytest.mark.parametrize("shape", [(4,), (4, 1), (2, 2, 2)])
def test_a_wrong_shape_is_refused_by_what_was_wanted(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"\[P, G\] with G >= 2"):
        advantages.grpo(np.zeros(shape))
    with pytest.raises(ShapeError, match=r"\[P, G\] with G >= 2"):
        torch_advantages.grpo(torch.zeros(shape))


@pytest.mark.parametrize("bad", [-1.0, 1.5, math.nan, math.inf])
def test_rewards_outside_the_unit_interval_are_refused_with_the_fix(bad: float) -> None:
    with pytest.raises(RewardError, match=r"map \{-1, \+1\} to \{0, 1\}"):
        advantages.fade([[0.0, bad]], 2.0, 0.5)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"alpha": 0.5, "delta": 1.0}, "alpha must be"),
        ({"alpha": math.nan, "delta": 1.0}, "alpha must be"),
        ({"alpha": 1.0, "delta": 0.0}, "delta must be"),
        ({"alpha": 1.0, "delta": math.inf}, "delta must be"),
        ({"alpha": 1.0}, "missing: delta"),
        ({"alpha": 1.0, "delta": 1.0, "beta": 1.0}, "unknown: beta"),
    ],
)
def test_a_parameter_that_is_wrong_is_refused_by_name(
    params: dict[str, float], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        advantages.advantages([[1, 0]], "fade", **params)
    with pytest.raises(SettingError, match=message):
        torch_advantages.advantages(torch.tensor([[1.0, 0.0]]), "fade", **params)


@pytest.mark.parametrize(("ddof", "eps", "name"), [(2, 1e-6, "ddof"), (1, 0.0, "eps")])
def test_grpo_std_refuses_an_unknown_deviation(ddof: int, eps: float, name: str) -> None:
    with pytest.raises(SettingError, match=name):
        advantages.grpo_std([[1, 0]], ddof=ddof, eps=eps)
    with pytest.raises(SettingError, match=name):
        torch_advantages.grpo_std(torch.tensor([[1.0, 0.0]]), ddof=ddof, eps=eps)


def test_an_unknown_method_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(UnknownMethodError, match="did you mean 'grpo_std'"):
        advantages.advantages([[1, 0]], "grpo_sdt")
    with pytest.raises(UnknownMethodError, match="known: "):
        advantages.advantages([[1, 0]], "zzz")
