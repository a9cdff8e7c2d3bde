"""What has to hold for every group of rewards: balance, invariances, identities, limits."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fade_core import advantages
from fade_core.advantages import METHODS
from fade_core.gradient_mass import (
    batch_mass,
    clipped_mass,
    exact_mass,
    limit_mass,
    mass_by_difficulty,
    token_weighted_mass,
)
from fade_core.torch import advantages as torch_advantages

SHAPE = st.tuples(st.integers(1, 6), st.integers(2, 9))
BINARY = hnp.arrays(np.float64, SHAPE, elements=st.sampled_from([0.0, 1.0]))
UNIT = hnp.arrays(np.float64, SHAPE, elements=st.floats(0, 1))
ANY_UNITS = ["grpo", "grpo_std", "rloo", "dapo", "reinforce_pp", "reinforce_pp_baseline",
             "unique_best", "log_mean_exp", "qae", "gdpo", "opo"]  # fmt: skip
SCALE_FREE = ["grpo_std", "dapo", "reinforce_pp", "reinforce_pp_baseline", "gdpo", "maxrl"]
BALANCED = ["grpo", "grpo_std", "rloo", "dapo", "reinforce_pp_baseline", "pkpo_loo",
            "passk_training", "maxrl", "log_mean_exp", "f_grpo", "power", "gdpo", "gpg",
            "opo"]  # fmt: skip
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


def params_of(method: str) -> dict[str, float]:
    return {"alpha": 2.25, "delta": 0.7} if method == "fade" else {}


def weigh(rewards: np.ndarray, method: str, **arrays: object) -> np.ndarray:
    return advantages.advantages(rewards, method, **params_of(method), **arrays)  # type: ignore[arg-type]


@given(BINARY, st.sampled_from(BALANCED))
def test_centred_methods_have_equal_masses_in_every_group(rewards: np.ndarray, method: str) -> None:
    weights = weigh(rewards, method)
    assert weights.sum(axis=1) == pytest.approx(0, abs=1e-9)
    mass = batch_mass(rewards, weights)
    assert mass.success == pytest.approx(mass.failure, abs=1e-9)


@given(UNIT, st.sampled_from(sorted(METHODS)), st.integers(0, 99))
def test_neither_the_order_of_prompts_nor_that_of_rollouts_matters(
    rewards: np.ndarray, method: str, seed: int
) -> None:
    random = np.random.default_rng(seed)
    rows, columns = (random.permutation(n) for n in rewards.shape)
    got = weigh(rewards[rows][:, columns], method)
    expected = weigh(rewards, method)[rows][:, columns]
    np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-9)


@given(BINARY, st.sampled_from(ANY_UNITS), st.integers(-8, 8))
def test_a_constant_shift_of_the_reward_changes_nothing(
    rewards: np.ndarray, method: str, shift: int
) -> None:
    np.testing.assert_allclose(
        weigh(rewards + shift, method), weigh(rewards, method), rtol=1e-9, atol=1e-9
    )


@given(BINARY, st.sampled_from(SCALE_FREE))
def test_a_standardised_reward_has_no_unit(rewards: np.ndarray, method: str) -> None:
    got = weigh(rewards / 4, method)
    np.testing.assert_allclose(got, weigh(rewards, method), rtol=1e-5, atol=1e-9)


@given(BINARY, st.sampled_from(["grpo", "rloo", "opo", "unique_best", "qae", "reinforce"]))
def test_a_centred_reward_keeps_its_unit(rewards: np.ndarray, method: str) -> None:
    np.testing.assert_allclose(weigh(3 * rewards, method), 3 * weigh(rewards, method), atol=1e-12)


@given(UNIT, st.sampled_from(sorted(METHODS)))
def test_ragged_groups_of_one_size_are_rows(rewards: np.ndarray, method: str) -> None:
    labels = np.repeat(np.arange(len(rewards)), rewards.shape[1])
    expected = weigh(rewards, method).ravel()
    got = weigh(rewards.ravel(), method, groups=labels)
    np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-9)


@given(
    st.lists(st.lists(st.floats(0, 1), min_size=2, max_size=6), min_size=1, max_size=5),
    st.sampled_from(sorted(METHODS)),
    st.integers(0, 99),
)
def test_ragged_groups_of_other_sizes_stay_apart(
    groups: list[list[float]], method: str, seed: int
) -> None:
    labels = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    rewards = np.concatenate([np.array(group) for group in groups])
    order = np.random.default_rng(seed).permutation(len(rewards))
    got = np.empty_like(rewards)
    got[order] = weigh(rewards[order], method, groups=7 - labels[order])
    if method not in ("reinforce_pp", "reinforce_pp_baseline", "gdpo", "gpg", "a_grae"):
        alone = [weigh(np.array([group]), method)[0] for group in groups]
        np.testing.assert_allclose(got, np.concatenate(alone), rtol=1e-8, atol=1e-9)
    tensors = torch_advantages.advantages(
        torch.from_numpy(rewards), method, groups=torch.from_numpy(labels), **params_of(method)
    )
    np.testing.assert_allclose(tensors.numpy(), got, rtol=1e-8, atol=1e-9)


@given(BINARY, st.sampled_from(sorted(METHODS)), st.sampled_from(DTYPES))
def test_torch_equals_numpy_within_the_rounding_of_the_dtype(
    rewards: np.ndarray, method: str, dtype: torch.dtype
) -> None:
    expected = weigh(rewards, method)
    tensor = torch.from_numpy(rewards).to(dtype)
    got = torch_advantages.advantages(tensor, method, **params_of(method))
    assert got.dtype == dtype
    rounding = 8 * max(torch.finfo(dtype).eps / 8, 2e-7 if dtype != torch.float64 else 1e-14)
    np.testing.assert_allclose(
        got.double().numpy(), expected, rtol=rounding, atol=rounding * np.abs(expected).max()
    )


@given(BINARY, st.sampled_from(sorted(METHODS)))
def test_torch_accepts_whole_numbers_and_booleans(rewards: np.ndarray, method: str) -> None:
    expected = torch_advantages.advantages(
        torch.from_numpy(rewards).float(), method, **params_of(method)
    )
    for dtype in (torch.int64, torch.uint8, torch.bool):
        tensor = torch.from_numpy(rewards).to(dtype)
        assert torch.equal(
            torch_advantages.advantages(tensor, method, **params_of(method)), expected
        )


FINITE_32 = hnp.arrays(
    np.float32, SHAPE, elements=st.floats(width=32, allow_nan=False, allow_infinity=False)
)


@settings(max_examples=300)
@given(FINITE_32, st.sampled_from(sorted(METHODS)), st.sampled_from(DTYPES), st.booleans())
def test_torch_never_makes_nan_of_finite_rewards(
    rewards: np.ndarray, method: str, dtype: torch.dtype, flat: bool
) -> None:
    tensor = torch.from_numpy(rewards).to(dtype)
    tensor = torch.where(tensor.isfinite(), tensor, torch.zeros_like(tensor))
    got = torch_advantages.advantages(tensor, method, **params_of(method))
    assert not got.isnan().any()
    labels = torch.arange(tensor.numel()) // (3 if flat else 1)
    got = torch_advantages.advantages(tensor.flatten(), method, groups=labels, **params_of(method))
    assert not got.isnan().any()


@given(st.floats(0.02, 0.98), st.integers(2, 6))
def test_the_baselined_pass_at_k_gradient_is_k_times_power_k(p: float, k: int) -> None:
    baselined = k * (1 - p) ** (k - 1) * p * (1 - p)
    assert k * limit_mass("power", p, alpha=k).success == pytest.approx(baselined, rel=1e-12)
    assert limit_mass("pkpo_loo", p, k=k).success == pytest.approx(baselined / k, rel=1e-12)


@given(st.floats(0.05, 0.95))
def test_log_mean_exp_goes_from_grpo_to_maxrl(p: float) -> None:
    small, large = 1e-8, 2000.0
    for size in (2, 7):
        grpo, maxrl = exact_mass("grpo", p, size), exact_mass("maxrl", p, size)
        cold = exact_mass("log_mean_exp", p, size, beta=small)
        hot = exact_mass("log_mean_exp", p, size, beta=large)
        assert cold.success == pytest.approx(grpo.success, rel=1e-7)
        assert large * hot.success == pytest.approx(maxrl.success, rel=1e-7)
    assert limit_mass("log_mean_exp", p, beta=small).success == pytest.approx(
        limit_mass("grpo", p).success, rel=1e-7
    )


@given(BINARY)
def test_methods_coincide_where_their_formulas_do(rewards: np.ndarray) -> None:
    size = rewards.shape[1]
    pairs = [
        (advantages.power(rewards, 1), advantages.grpo(rewards)),
        (advantages.opo(rewards), advantages.grpo(rewards)),
        (advantages.rloo(rewards), size / (size - 1) * advantages.grpo(rewards)),
        (advantages.pkpo_loo(rewards, 1), advantages.rloo(rewards)),
        (advantages.passk_training(rewards, 1), advantages.dapo(rewards, 0)),
        (advantages.f_grpo(rewards, 0), advantages.dapo(rewards, 0)),
        (advantages.asym_grpo_gu(rewards, 0.5, 0.5), advantages.dapo(rewards, 0)),
        (advantages.asym_grpo_gu(rewards, 0, 0), advantages.reinforce_signed(rewards)),
        (advantages.w_reinforce(rewards, 0), advantages.nsr(rewards)),
        (advantages.psr(rewards) + advantages.nsr(rewards), advantages.reinforce_signed(rewards)),
        (advantages.passk_success(rewards, size) / size, advantages.unique_best(rewards)),
        (
            advantages.dapo(rewards, 1),
            math.sqrt((size - 1) / size) * advantages.dapo(rewards, 0),
        ),
    ]
    for got, expected in pairs:
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


@given(BINARY, st.floats(1, 3), st.floats(0.3, 1))
def test_the_masses_by_difficulty_add_up_to_the_batch(
    rewards: np.ndarray, alpha: float, delta: float
) -> None:
    weights = advantages.fade(rewards, alpha, delta)
    whole, bins = batch_mass(rewards, weights), mass_by_difficulty(rewards, weights)
    assert sum(bins.success) == pytest.approx(whole.success, abs=1e-12)
    assert sum(bins.failure) == pytest.approx(whole.failure, abs=1e-12)
    assert sum(bins.prompts) == len(rewards)
    labels = np.repeat(np.arange(len(rewards)), rewards.shape[1])
    assert mass_by_difficulty(rewards.ravel(), weights.ravel(), groups=labels) == bins


@given(BINARY)
def test_equal_lengths_and_ratios_of_one_leave_the_masses_alone(rewards: np.ndarray) -> None:
    weights = advantages.grpo(rewards)
    whole = batch_mass(rewards, weights)
    by_token = token_weighted_mass(rewards, weights, np.full_like(rewards, 7))
    unclipped = clipped_mass(rewards, weights, np.ones((*rewards.shape, 3)))
    for mass in (by_token, unclipped):
        assert mass.success == pytest.approx(whole.success, abs=1e-12)
        assert mass.failure == pytest.approx(whole.failure, abs=1e-12)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_monte_carlo_agrees_with_the_exact_sum(method: str) -> None:
    random, p, size, groups = np.random.default_rng(17), 0.3, 8, 40_000
    rewards = (random.random((groups, size)) < p).astype(np.float64)
    weights = weigh(rewards, method)
    if method == "dapo":
        kept = (rewards != rewards[:, :1]).any(axis=1)
        rewards, weights = rewards[kept], weights[kept]
    exact = exact_mass(method, p, size, **params_of(method))
    for mass, side in ((exact.success, 1.0), (-exact.failure, 0.0)):
        by_group = np.where(rewards == side, weights, 0.0).mean(axis=1)
        error = by_group.std() / math.sqrt(len(by_group))
        # The batch's own statistics add a little to the error of the batch methods.
        assert by_group.mean() == pytest.approx(mass, abs=6 * error + 2e-3 * abs(mass) + 1e-12)
