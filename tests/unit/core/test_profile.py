"""``profile`` tells what an advantage function is; masses of real batches."""

import functools
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fade_core import advantages
from fade_core.advantages import METHODS
from fade_core.errors import RewardError, SettingError, ShapeError, UnknownMethodError
from fade_core.gradient_mass import (
    GradientMass,
    axes,
    clipped_mass,
    exact_mass,
    limit_mass,
    mass_by_difficulty,
    mass_curve,
    mass_function,
    profile,
    token_weighted_mass,
)
from fade_core.gradient_mass.fit import candidates
from fade_core.torch import advantages as torch_advantages

Array = NDArray[np.float64]
FADE = {"alpha": 2.25, "delta": 0.7}


def bare(methods: dict[str, Callable[..., Any]], name: str) -> Callable[..., Any]:
    return functools.partial(methods[name], **FADE) if name == "fade" else methods[name]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("methods", [METHODS, torch_advantages.METHODS], ids=["numpy", "torch"])
def test_each_shipped_method_is_known_from_its_bare_callable(
    methods: dict[str, Callable[..., Any]], name: str
) -> None:
    found = profile(bare(methods, name), solve_rates=[0.5])
    assert name in [match.method for match in found.equals]
    assert found.relation == "equals"
    assert found.nearest is not None
    assert found.nearest.distance < 1e-9


@pytest.mark.parametrize(
    ("method", "params"),
    [("log_mean_exp", {"beta": 0.7}), ("f_grpo", {"gamma": 2.5}), ("qae", {"K": 0.37}),
     ("qae", {"K": 0.5, "interpolate": 0}), ("asym_grpo_gu", {"beta_pos": 0.3, "beta_neg": 0.8}),
     ("grpo_std", {"ddof": 0, "eps": 1e-3}), ("w_reinforce", {"lambda": 0.35}),
     ("a_grae", {"ceiling": 0.6}), ("passk_training", {"k": 3}), ("power", {"alpha": 1.7}),
     ("asym_grpo", {"delta": 0.4}), ("fade", {"alpha": 2.9, "delta": 0.31}),
     ("dapo", {"ddof": 0})],
)  # fmt: skip
def test_the_parameters_are_recovered(method: str, params: dict[str, float]) -> None:
    found = profile(lambda rewards: advantages.advantages(rewards, method, **params), 10)
    fitted = [match.params for match in found.equals if match.method == method]
    assert any({name: match[name] for name in params} == pytest.approx(params) for match in fitted)


SETTINGS: dict[str, list[dict[str, float]]] = {
    "w_reinforce": [{"lambda": 0.02}, {"lambda": 0.7}],
    "grpo_std": [{"ddof": 0, "eps": 1e-4}, {"ddof": 1, "eps": 1e-2}],
    "dapo": [{"ddof": 0}, {"ddof": 1}],
    **{name: [{"k": 2}, {"k": 3}, {"k": 4}] for name in ("passk_success", "pkpo", "pkpo_loo")},
    "passk_training": [{"k": 2}, {"k": 3}],
    "log_mean_exp": [{"beta": 0.5}, {"beta": 4.0}],
    "f_grpo": [{"gamma": 0.5}, {"gamma": 2.0}],
    "power": [{"alpha": 1.2}, {"alpha": 3.0}],
    "asym_grpo": [{"delta": 0.3}, {"delta": 0.8}],
    "asym_grpo_gu": [{"beta_pos": 0.5, "beta_neg": 0.2}, {"beta_pos": 1.0, "beta_neg": 1.0}],
    "qae": [{"K": 0.3, "interpolate": 0}, {"K": 0.55}],
    "a_grae": [{"ceiling": 0.8}],
    "fade": [{"alpha": 1.5, "delta": 0.4}, {"alpha": 3.0, "delta": 0.9}],
}  # fmt: skip
"""Several settings of every method that has one; the others have their bare selves."""


@pytest.mark.parametrize("size", [4, 8, 16])
@pytest.mark.parametrize("name", METHODS)
def test_each_method_is_known_at_several_settings_and_group_sizes(name: str, size: int) -> None:
    assert (name in SETTINGS) == bool(
        set(advantages.parameters(METHODS[name])) - {"batch_mean", "batch_std"}
    )
    for params in SETTINGS.get(name, [{}]):
        method = functools.partial(advantages.advantages, method=name, **params)
        found = profile(lambda rewards, weigh=method: weigh(rewards), size, solve_rates=[0.5])
        assert found.relation == "equals", params
        assert name in [match.method for match in found.equals], params


@pytest.mark.parametrize("size", [4, 8, 16])
def test_a_made_up_function_is_none_of_these_at_any_group_size(size: int) -> None:
    def made_up(rewards: Array) -> Array:
        rbar = rewards.mean(axis=1, keepdims=True)
        return np.asarray((rewards - rbar) * (1.0 + 0.5 * np.sin(7 * rbar)))

    assert profile(made_up, size).relation == "none of these"


def test_methods_that_coincide_are_all_named() -> None:
    found = profile(lambda rewards: rewards - rewards.mean(axis=1, keepdims=True))
    assert [match.method for match in found.equals] == ["grpo", "opo", "power", "asym_grpo", "fade"]
    assert found.verdict.startswith("equals grpo, opo, power(alpha=1), asym_grpo(delta=1)")
    assert next((m.method, m.factor) for m in found.proportional) == ("rloo", 0.875)
    assert not found.depends_on_batch


def test_a_factor_is_told() -> None:
    found = profile(lambda rewards: 3 * advantages.maxrl(rewards))
    assert found.relation == "proportional"
    assert found.verdict == "proportional: 3 times maxrl"


def test_a_method_by_id_is_itself_first() -> None:
    found = profile("opo")
    assert found.nearest is not None
    assert found.nearest.method == "opo"
    assert found.masses[3] == (0.5, GradientMass(0.21875, 0.21875))


def test_a_made_up_function_is_none_of_these_and_has_a_nearest() -> None:
    def made_up(rewards: Array) -> Array:
        rbar = rewards.mean(axis=1, keepdims=True)
        return np.asarray((rewards - rbar) * (1.0 + 0.1 * np.cos(9 * rbar)))

    found = profile(made_up)
    assert found.relation == "none of these"
    assert found.nearest is not None
    assert 0.01 < found.nearest.distance < 0.1
    assert found.verdict.startswith("none of these; nearest is ")


def test_a_function_without_any_weight_is_none_of_these() -> None:
    found = profile(lambda rewards: 0.0 * rewards)
    assert (found.relation, found.nearest) == ("none of these", None)
    assert found.verdict == "none of these: every weight is 0"
    assert math.isnan(found.axes.peak_solve_rate)


def test_a_function_that_reads_the_batch_is_told() -> None:
    assert profile(advantages.gpg).depends_on_batch
    assert profile(torch_advantages.reinforce_pp, group_size=5).depends_on_batch


def test_groups_of_two_have_a_profile_too() -> None:
    assert profile(advantages.grpo, group_size=2).relation == "equals"


def test_every_candidate_is_a_method_with_parameters_of_its_own() -> None:
    for method, params in candidates(profile("fade", 8, (0.5,), **FADE).table):
        assert set(params) <= set(advantages.parameters(METHODS[method]))


def test_a_callable_of_tensors_alone_is_called_with_tensors() -> None:
    def mine(rewards: torch.Tensor) -> torch.Tensor:
        return (rewards - rewards.mean(dim=1, keepdim=True)).requires_grad_()

    assert "grpo" in profile(mine).verdict


def test_an_error_of_the_callable_itself_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(rewards: Array) -> Array:
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        profile(broken)
    monkeypatch.delitem(sys.modules, "torch")
    with pytest.raises(TypeError, match="mine"):
        profile(broken)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda r: r.mean(axis=1), ShapeError, r"must return the rewards' shape \[1, 8\]"),
        (
            lambda r: (1 - r) * np.arange(8),
            SettingError,
            "give equal rewards of one group equal weights",
        ),
        (lambda r: r * r[:, :1], SettingError, "must not depend on the order"),
        (lambda r: r / (r.sum() - 8), SettingError, "must return finite weights, got inf"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_function_that_is_no_advantage_is_refused(
    function: Callable[..., Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        profile(function)


def test_arguments_out_of_range_are_refused() -> None:
    with pytest.raises(SettingError, match=r"solve_rate must be in \[0, 1\], got 1.5"):
        profile("grpo", solve_rates=[1.5])
    with pytest.raises(SettingError, match="group_size must be a whole number >= 2, got 1"):
        exact_mass("grpo", 0.5, 1)
    with pytest.raises(SettingError, match="points must be >= 2"):
        mass_curve("grpo", points=1)
    with pytest.raises(SettingError, match="pass a group_size"):
        mass_function(advantages.grpo, None)
    with pytest.raises(SettingError, match="missing: alpha, delta"):
        limit_mass("fade", 0.5)
    with pytest.raises(SettingError, match="k must be"):
        limit_mass("pkpo", 0.5, k=math.inf)
    with pytest.raises(SettingError, match=r"solve_rate must be"):
        limit_mass("grpo", -0.1)
    with pytest.raises(UnknownMethodError, match="did you mean 'maxrl'"):
        exact_mass("maxlr", 0.5)


def test_a_large_k_has_a_limit_too() -> None:
    assert limit_mass("passk_success", 0.01, k=100).success == pytest.approx(0.99**99)


def test_the_axes_tell_the_ends_of_the_family() -> None:
    assert axes("psr").peak_solve_rate == 1.0
    assert axes("nsr").peak_solve_rate == 0.0
    assert math.isnan(axes("reinforce_signed").peak_solve_rate)
    assert axes("psr").sign_ratio == math.inf
    assert axes("rloo", 4).scale == pytest.approx(4 / 3)
    assert axes("gpg").peak_solve_rate == pytest.approx(0, abs=1e-9)
    assert axes("dapo", 4, ddof=0).sign_ratio == pytest.approx(1)


def test_masses_by_difficulty_by_hand() -> None:
    rewards, weights = [[1, 0], [1, 1], [0, 0]], [[0.5, -0.5], [0.2, 0.2], [-0.1, -0.1]]
    found = mass_by_difficulty(rewards, weights, bins=2)
    assert found.edges == [0.0, 0.5, 1.0]
    assert found.prompts == [1, 2]
    assert found.success == pytest.approx([0.0, 0.9 / 6])
    assert found.failure == pytest.approx([0.2 / 6, 0.5 / 6])
    empty = mass_by_difficulty(np.zeros((0, 2)), np.zeros((0, 2)), bins=1)
    assert (empty.prompts, empty.success) == ([0], [0.0])


def test_masses_by_difficulty_refuse_what_has_no_solve_rate() -> None:
    with pytest.raises(SettingError, match="bins must be >= 1"):
        mass_by_difficulty([[1, 0]], [[1, 0]], bins=0)
    with pytest.raises(RewardError, match="to have a solve rate"):
        mass_by_difficulty([[2, 0]], [[1, 0]])
    with pytest.raises(ShapeError, match="same shape"):
        mass_by_difficulty([[1, 0]], [[1]])


def test_the_clip_takes_mass_on_the_side_it_cuts() -> None:
    rewards, weights = [[1, 0]], [[0.5, -0.5]]
    assert clipped_mass(rewards, weights, [[1.5, 1.5]]) == GradientMass(0.0, 0.375)
    assert clipped_mass(rewards, weights, [[0.5, 0.5]]) == GradientMass(0.125, 0.0)
    tokens = [[[1.0, 1.5], [0.5, 1.0]]]
    assert clipped_mass(rewards, weights, tokens) == GradientMass(0.125, 0.125)
    mask = [[[1, 0], [0, 1]]]
    assert clipped_mass(rewards, weights, tokens, mask=mask) == GradientMass(0.25, 0.25)
    higher = clipped_mass(rewards, weights, [[1.25, 1.0]], clip_high=0.28)
    assert higher == GradientMass(0.3125, 0.25)


def test_masses_of_nothing_are_undefined() -> None:
    nothing = np.zeros((0, 2))
    assert math.isnan(token_weighted_mass(nothing, nothing, nothing).success)
    assert math.isnan(clipped_mass(nothing, nothing, nothing).failure)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SettingError, match="clip_low must be"):
        clipped_mass([[1, 0]], [[1, 0]], [[1, 1]], clip_low=2)
    with pytest.raises(ShapeError, match="one more axis of tokens"):
        clipped_mass([[1, 0]], [[1, 0]], [[1, 1, 1]])
    with pytest.raises(ShapeError, match="same shape"):
        clipped_mass([[1]], [[1, 0]], [[1, 1]])
    with pytest.raises(ShapeError, match="one number of generated tokens"):
        token_weighted_mass([[1, 0]], [[1, 0]], [[1]])
