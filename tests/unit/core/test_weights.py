"""The summary of a batch: hand-computed values, and what is undefined stays undefined."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fade_core import weights
from fade_core.errors import ShapeError
from fade_core.gradient_mass import GradientMass, batch_mass
from fade_core.records import DIFFICULTY_BINS, FIELDS, VECTORS, problem_with

FINITE = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 6), st.integers(2, 9)), elements=st.floats(-10, 10)
)


def test_rewards_are_summarised_by_group() -> None:
    summary = weights.summarise_rewards([[1, 1], [0, 0], [1, 0], [0, 1]])
    assert summary["accuracy"] == 0.5
    assert summary["reward_std"] == 0.5
    assert summary["zero_variance_fraction"] == 0.5
    assert (summary["all_solved_fraction"], summary["none_solved_fraction"]) == (0.25, 0.25)
    assert summary["difficulty_histogram"] == [0.25, 0, 0, 0, 0, 0.5, 0, 0, 0, 0.25]


def test_rewards_outside_the_unit_interval_have_no_accuracy() -> None:
    summary = weights.summarise_rewards([[2.0, -1.0]])
    assert summary["reward_mean"] == 0.5
    assert "accuracy" not in summary
    assert "mass_by_difficulty" not in weights.summarise_weights([[2.0, -1.0]], [[1.0, -1.0]])


def test_weights_are_summarised_with_masses_and_tails() -> None:
    rewards = [[1, 0, 0, 0], [0, 0, 0, 0]]
    advantages = [[0.75, -0.25, -0.25, -0.25], [0.0, 0.0, 0.0, 0.0]]
    summary = weights.summarise_weights(rewards, advantages)
    assert (summary["mass_success"], summary["mass_failure"]) == (0.09375, 0.09375)
    assert (summary["adv_min"], summary["adv_max"], summary["adv_mean"]) == (-0.25, 0.75, 0.0)
    assert summary["adv_top1_share"] == 0.5
    assert summary["prompt_ess"] == 0.5
    assert summary["mass_by_difficulty"] == [0, 0, 0.1875, 0, 0, 0, 0, 0, 0, 0]


@given(FINITE)
def test_every_summary_value_is_inside_the_range_its_field_declares(values: np.ndarray) -> None:
    summary = weights.summarise_weights(values > 0, values) | weights.summarise_rewards(values > 0)
    for name, value in summary.items():
        assert name in FIELDS
        for item in value if isinstance(value, list) else [value]:
            assert problem_with(name, item) is None


@given(FINITE)
def test_the_masses_by_difficulty_add_up_to_the_mean_size(values: np.ndarray) -> None:
    summary = weights.summarise_weights(values > 0, values)
    by_bin = summary["mass_by_difficulty"]
    assert isinstance(by_bin, list)
    assert sum(by_bin) == pytest.approx(np.abs(values).mean(), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0], [0.3, 0.3, 0.3], [0.1 + 0.2, 0.3, 0.3]])
def test_the_kurtosis_of_equal_weights_is_undefined(values: list[float]) -> None:
    assert math.isnan(weights.excess_kurtosis(np.array(values)))


def test_two_values_in_equal_shares_have_the_smallest_kurtosis() -> None:
    assert weights.excess_kurtosis(np.array([1.0, -1.0])) == -2.0


def test_measures_of_no_mass_at_all_are_undefined() -> None:
    zeros = np.zeros(4)
    assert math.isnan(weights.gini(zeros))
    assert math.isnan(weights.top_share(zeros, 0.01))
    assert math.isnan(weights.effective_fraction(zeros))


def test_one_rollout_that_holds_everything_is_the_extreme_of_each_measure() -> None:
    single = np.array([0.0, 0.0, 0.0, 5.0])
    assert weights.gini(single) == 0.75
    assert weights.top_share(single, 0.01) == 1.0
    assert weights.effective_fraction(single) == 0.25


def test_a_nan_weight_stays_a_nan_in_the_summary() -> None:
    summary = weights.summarise_weights([[1, 0]], [[math.nan, -1.0]])
    assert math.isnan(float(str(summary["adv_mean"])))
    assert math.isnan(batch_mass([[1, 0]], [[math.nan, -1.0]]).success)


@pytest.mark.parametrize("shape", [(3,), (0, 4), (2, 2, 2)])
def test_a_batch_that_is_not_grouped_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"must be \[P, G\] and not empty"):
        weights.summarise_rewards(np.zeros(shape))


def test_masses_need_one_weight_a_rollout() -> None:
    with pytest.raises(ShapeError, match="one a rollout"):
        batch_mass([[1, 0]], [[1.0, 0.0, 0.0]])


def test_an_empty_batch_has_no_mass_to_speak_of() -> None:
    assert math.isnan(batch_mass(np.zeros((0, 4)), np.zeros((0, 4))).success)


def test_fractional_rewards_are_split_by_the_sign_of_the_weight() -> None:
    mass = batch_mass([[0.2, 0.5, 0.9, 0.4]], [[-0.3, 0.0, 0.4, -0.1]])
    assert (mass.success, mass.failure) == (pytest.approx(0.1), pytest.approx(0.1))


@pytest.mark.parametrize(
    ("success", "failure", "ratio"),
    [(0.2, 0.4, 0.5), (0.2, 0.0, math.inf), (-0.2, 0.0, -math.inf), (0.0, 0.4, 0.0)],
)
def test_the_sign_ratio_is_success_over_failure(
    success: float, failure: float, ratio: float
) -> None:
    assert GradientMass(success, failure).sign_ratio == ratio
    assert math.isnan(GradientMass(0.0, 0.0).sign_ratio)


def test_vectors_declare_their_length() -> None:
    lengths = {name: FIELDS[name].length for name in VECTORS}
    assert lengths == {
        "adv_quantiles": 9,
        "mass_by_difficulty": DIFFICULTY_BINS,
        "difficulty_histogram": DIFFICULTY_BINS,
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.5])
def test_a_non_finite_value_is_a_finding_and_not_refused(value: float) -> None:
    assert problem_with("accuracy", value) is None
