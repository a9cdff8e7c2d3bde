"""The method behind recorded weights: found again from the weights alone."""

import numpy as np
import pytest

from fade_core.advantages import advantages
from fade_core.gradient_mass import RecordedStep, recorded_profile


def recorded(method: str, seed: int = 0, **params: float) -> RecordedStep:
    generator = np.random.default_rng(seed)
    rates = generator.uniform(0.05, 0.95, size=(64, 1))
    rewards = (generator.uniform(size=(64, 8)) < rates).astype(np.float64)
    weights = advantages(rewards, method, **params).astype(np.float32)
    return RecordedStep(rewards, weights.astype(np.float64))


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("grpo", {}),
        ("grpo_std", {"eps": 1e-4, "ddof": 1}),
        ("rloo", {}),
        ("maxrl", {}),
        ("power", {"alpha": 2.0}),
        ("fade", {"alpha": 1.7, "delta": 0.6}),
        ("w_reinforce", {"lambda": 0.1}),
        ("pkpo", {"k": 4}),
    ],
)
def test_a_method_is_found_again_with_its_parameters(method: str, params: dict[str, float]) -> None:
    found = recorded_profile([recorded(method, seed, **params) for seed in range(3)])
    assert found is not None
    assert found.nearest is not None
    assert found.relation in ("equals", "proportional"), found.verdict
    again = advantages(_rewards(), found.nearest.method, **found.nearest.params)
    expected = advantages(_rewards(), method, **params)
    np.testing.assert_allclose(found.nearest.factor * again, expected, rtol=1e-5, atol=1e-7)


def test_a_schedule_that_moves_is_recognised_by_the_recorded_pair() -> None:
    pairs = [(1.2, 0.9), (1.6, 0.8), (2.0, 0.7)]
    steps = []
    for seed, (alpha, delta) in enumerate(pairs):
        one = recorded("fade", seed, alpha=alpha, delta=delta)
        steps.append(RecordedStep(one.rewards, one.advantages, alpha, delta))
    found = recorded_profile(steps)
    assert found is not None
    assert found.relation == "equals"
    assert found.nearest is not None
    assert (found.nearest.method, found.nearest.params) == ("fade", {"alpha": 2.0, "delta": 0.7})


def test_a_factor_is_told() -> None:
    one = recorded("maxrl")
    found = recorded_profile([RecordedStep(one.rewards, 3.0 * one.advantages)])
    assert found is not None
    assert (found.relation, found.verdict) == ("proportional", "3 times maxrl")


def test_the_table_is_of_the_groups_of_one_size_and_of_whole_successes() -> None:
    many, fewer = recorded("f_grpo"), recorded("f_grpo", 1)
    halves = RecordedStep(many.rewards / 2, advantages(many.rewards / 2, "f_grpo"))
    narrow = RecordedStep(fewer.rewards[:, :6], advantages(fewer.rewards[:, :6], "f_grpo"))
    found = recorded_profile([many, halves, narrow])
    assert found is not None
    assert found.verdict == "equals f_grpo(gamma=1)"


def test_weights_of_no_known_method_are_not_given_a_name() -> None:
    one = recorded("grpo")
    odd = RecordedStep(one.rewards, np.sin(17.0 * np.arange(one.rewards.size)).reshape(-1, 8))
    found = recorded_profile([odd])
    assert found is not None
    assert found.relation == "none of these"
    assert "none of these" in found.verdict


def test_weights_that_are_not_finite_are_left_out() -> None:
    one = recorded("grpo")
    broken = RecordedStep(one.rewards, np.full_like(one.rewards, np.nan))
    assert recorded_profile([broken]) is None
    found = recorded_profile([one, broken])
    assert found is not None
    assert found.verdict.startswith("equals grpo")


def test_a_run_that_weighs_nothing_has_no_method() -> None:
    one = recorded("grpo")
    found = recorded_profile([RecordedStep(one.rewards, np.zeros_like(one.rewards))])
    assert found is not None
    assert found.nearest is None
    assert found.verdict == "every weight is 0"


def _rewards() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array([[float(i < solved) for i in range(8)] for solved in range(9)])
