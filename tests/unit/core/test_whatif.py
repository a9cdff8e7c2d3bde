"""What-if on recorded rewards, ragged summaries, tails and diversity."""

import math

import numpy as np
import pytest

from fade_core import scheduler, weights
from fade_core.diversity import (
    answer_entropy,
    distinct_share,
    zero_variance_expected,
    zero_variance_uniform,
)
from fade_core.errors import SettingError, ShapeError, UnknownMethodError
from fade_core.passk import pass_at_k
from fade_core.whatif import (
    MethodSpec,
    RewardStep,
    parse_methods,
    parse_params,
    parse_spec,
    ragged,
    what_if,
    what_if_masses,
)

GROUPS = [[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 1.0]]


def test_each_method_has_its_weights_summary_at_each_step() -> None:
    found = what_if([RewardStep(3, GROUPS)], [MethodSpec("grpo"), parse_spec("power:alpha=2")])
    assert [outcome.label for outcome in found[0].outcomes] == ["grpo", "power:alpha=2"]
    assert found[0].step == 3
    assert found[0].rewards["accuracy"] == 0.5
    expected = weights.summarise_weights(GROUPS, np.array(GROUPS) - [[0.25], [0.75]])
    assert found[0].outcomes[0].summary == expected


def test_fade_without_parameters_follows_the_scheduler_over_what_was_recorded() -> None:
    steps = [RewardStep(step, GROUPS, entropy=1.0 / (step + 1)) for step in range(4)]
    found = what_if(steps, [MethodSpec("fade")])
    plan = scheduler.replay([(s.step, 0.5, s.entropy) for s in steps])
    for result, schedule in zip(found, plan, strict=False):
        params = result.outcomes[0].params
        assert params == {"alpha": schedule.alpha, "delta": schedule.delta}


def test_fade_takes_the_pair_that_the_run_recorded() -> None:
    found = what_if([RewardStep(0, GROUPS, alpha=2.0, delta=0.5)], [MethodSpec("fade")])
    assert found[0].outcomes[0].params == {"alpha": 2.0, "delta": 0.5}
    summary = found[0].outcomes[0].summary
    assert summary["mass_success"] == pytest.approx(0.5 * float(str(summary["mass_failure"])))


def test_ragged_groups_are_weighed_group_by_group() -> None:
    found = what_if([RewardStep(0, [[1, 0], [1, 0, 0, 0]])], [MethodSpec("grpo")])
    summary = found[0].outcomes[0].summary
    assert summary["mass_success"] == pytest.approx((0.5 + 0.75) / 6)
    assert found[0].rewards["zero_variance_fraction"] == 0.0


def test_a_method_that_is_not_defined_says_so_and_the_others_go_on() -> None:
    found = what_if([RewardStep(0, [[2.0, -1.0]])], [MethodSpec("maxrl"), MethodSpec("grpo")])
    undefined, fine = found[0].outcomes
    assert "rewards must be in [0, 1]" in undefined.error
    assert not undefined.summary
    assert fine.summary["adv_max"] == 1.5


@pytest.mark.parametrize("rewards", [[], 3.0, [1.0, 0.0], [["x"]], [[[1.0]]], [[]]])
def test_rewards_without_groups_are_an_error_of_that_step(rewards: object) -> None:
    found = what_if([RewardStep(0, rewards), RewardStep(1, GROUPS)], [MethodSpec("grpo")])  # type: ignore[arg-type]
    assert found[0].outcomes[0].error
    assert not found[0].rewards
    assert not found[1].outcomes[0].error


def test_a_method_is_checked_before_any_step_is_read() -> None:
    with pytest.raises(UnknownMethodError, match="did you mean 'grpo'"):
        what_if([], [MethodSpec("grop")])
    with pytest.raises(SettingError, match="missing: delta"):
        parse_spec("fade:alpha=2")


@pytest.mark.parametrize("text", ["alpha", "alpha=", "=2", "alpha=two"])
def test_a_parameter_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"must be NAME=NUMBER, such as alpha=2"):
        parse_params([text])


def test_equal_groups_become_rows_and_others_labels() -> None:
    rows, none = ragged(GROUPS)
    assert rows.shape == (2, 4)
    assert none is None
    values, labels = ragged([[1], [0, 1]])
    assert values.tolist() == [1, 0, 1]
    assert labels is not None
    assert labels.tolist() == [0, 1, 1]
    with pytest.raises(ShapeError, match="one list of numbers a prompt"):
        ragged([])


def test_a_ragged_summary_of_equal_groups_is_that_of_the_rows() -> None:
    rewards = np.array(GROUPS)
    advantages = rewards - rewards.mean(axis=1, keepdims=True)
    labels = np.repeat([4, 2], 4)
    for rows, flat in (
        (weights.summarise_rewards(rewards), (rewards,)),
        (weights.summarise_weights(rewards, advantages), (rewards, advantages)),
    ):
        summarise = weights.summarise_rewards if len(flat) == 1 else weights.summarise_weights
        ragged_summary = summarise(*(array.ravel() for array in flat), groups=labels)
        for name, value in rows.items():
            assert ragged_summary[name] == pytest.approx(value), name


def test_a_ragged_summary_refuses_shapes_that_do_not_fit() -> None:
    for rewards, labels in (([[1, 0]], [0, 0]), ([1, 0], [0]), ([], [])):
        with pytest.raises(ShapeError, match=r"must be \[N\] and not empty and groups \[N\]"):
            weights.summarise_rewards(rewards, groups=labels)


def test_tails_of_zeros_are_undefined_and_of_nothing_refused() -> None:
    found = weights.tails([0.0, 0.0])
    assert found.zero_share == 1.0
    assert math.isnan(found.max_over_mean)
    assert math.isnan(found.gini)
    with pytest.raises(ShapeError, match="at least one value"):
        weights.tails([])


def test_tails_by_construction_are_exact() -> None:
    psr = weights.tails_by_construction("psr", 9)
    assert (psr.zero_share, psr.max_over_mean, psr.excess_kurtosis) == (0.5, 2.0, -2.0)
    assert (psr.gini, psr.top1_share) == (0.5, 0.02)
    assert psr.kish_fraction == pytest.approx(0.5)
    with pytest.raises(ShapeError):
        weights.tails_by_construction("grpo", 1)


@pytest.mark.parametrize(
    ("values", "k", "reason"),
    [
        ([1.0, math.nan, 2.0], 1, "not finite"),
        ([1.0, 0.0, 0.0], 1, "fewer than 2 values are not 0"),
        ([1.0, 1.0, 1.0], 2, "1 distinct values among the 3 largest"),
    ],
)
def test_a_hill_index_that_means_nothing_says_why(values: list[float], k: int, reason: str) -> None:
    found = weights.hill_index(values, k)
    assert math.isnan(found.index)
    assert reason in found.reason


def test_a_hill_index_of_a_pareto_tail_is_its_exponent() -> None:
    quantile = (np.arange(100_000) + 0.5) / 100_000
    assert weights.hill_index(quantile ** (-1 / 1.7), 5000).index == pytest.approx(1.7, rel=2e-2)
    for k in (0, 3):
        with pytest.raises(SettingError, match=r"k must be in \[1, 2\]"):
            weights.hill_index([1, 2, 3], k)


def test_answers_that_differ_are_counted_and_weighed() -> None:
    assert distinct_share(["a", "b", None, None]) == 0.75
    assert answer_entropy(["a", "b", "a", "b"]) == pytest.approx(math.log(2))
    assert answer_entropy(["a", "b", "c", "d"]) == pytest.approx(math.log(4))
    assert math.copysign(1, answer_entropy(["a", "a"])) == 1.0
    for measure in (distinct_share, answer_entropy):
        with pytest.raises(ShapeError, match="at least one answer"):
            measure([])


def test_pass_at_k_refuses_more_samples_or_successes_than_drawn() -> None:
    assert pass_at_k(4, np.array([0, 4, 1]), 2).tolist() == [0.0, 1.0, 0.5]
    with pytest.raises(SettingError, match=r"k must be in \[1, 4\]"):
        pass_at_k(4, 1, 5)
    with pytest.raises(SettingError, match=r"num_correct must be in \[0, 4\]"):
        pass_at_k(4, 5, 2)


def test_zero_variance_refuses_what_is_no_rate_or_size() -> None:
    assert zero_variance_expected(1.0, 3) == 1.0
    with pytest.raises(SettingError, match="solve_rate"):
        zero_variance_expected(1.1, 3)
    with pytest.raises(SettingError, match="group_size"):
        zero_variance_uniform(0)


def test_a_list_of_methods_names_each_once_and_at_least_one() -> None:
    specs = parse_methods(["grpo, power:alpha=2", "grpo,"])
    assert [spec.label for spec in specs] == ["grpo", "power:alpha=2"]
    with pytest.raises(SettingError, match="name at least one method, such as --advantage fade"):
        parse_methods([" , "])


def test_the_masses_alone_are_those_of_the_whole_answer() -> None:
    steps = [RewardStep(0, GROUPS, alpha=2.0, delta=0.5), RewardStep(1, [[2.0, 0.0]])]
    methods = [MethodSpec("grpo"), MethodSpec("fade"), MethodSpec("maxrl")]
    masses, whole = what_if_masses(steps, methods), what_if(steps, methods)
    for i, spec in enumerate(methods):
        summary, first = whole[0].outcomes[i].summary, masses[spec.label][0]
        assert first is not None
        assert first.success == pytest.approx(float(str(summary["mass_success"])))
        assert first.failure == pytest.approx(float(str(summary["mass_failure"])))
    # A reward of 2 has no solve rate: defined for grpo only.
    assert [masses[spec.label][1] is None for spec in methods] == [False, True, True]
