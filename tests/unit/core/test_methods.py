"""The family's examples by hand, and what each refusal says."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from fade_core import advantages
from fade_core.advantages import METHODS, parameters
from fade_core.errors import RewardError, SettingError, ShapeError, UnknownMethodError
from fade_core.torch import advantages as torch_advantages

FADE = {"alpha": 2.0, "delta": 0.5}


def test_the_ids_are_those_of_the_command_line() -> None:
    assert sorted(METHODS) == sorted(torch_advantages.METHODS)
    ids = (
        "reinforce reinforce_signed psr nsr w_reinforce grpo grpo_std rloo dapo reinforce_pp "
        "reinforce_pp_baseline passk_success pkpo pkpo_loo passk_training unique_best maxrl "
        "log_mean_exp f_grpo power asym_grpo asym_grpo_gu qae a_grae gdpo gpg opo fade"
    )
    assert " ".join(METHODS) == ids


@pytest.mark.parametrize(
    ("method", "names"),
    [("w_reinforce", "lambda"), ("grpo_std", "ddof eps"), ("dapo", "ddof"), ("pkpo", "k"),
     ("log_mean_exp", "beta"), ("f_grpo", "gamma"), ("power", "alpha"), ("asym_grpo", "delta"),
     ("asym_grpo_gu", "beta_pos beta_neg"), ("qae", "K interpolate"), ("fade", "alpha delta"),
     ("opo", "")],
)  # fmt: skip
def test_parameters_have_the_names_of_the_command_line(method: str, names: str) -> None:
    assert list(parameters(METHODS[method])) == names.split()
    assert list(parameters(torch_advantages.METHODS[method])) == names.split()


def test_lambda_is_taken_by_its_own_name_and_by_pythons() -> None:
    expected = [[0.3, -1.0]]
    assert advantages.w_reinforce([[1, 0]], lambda_=0.3).tolist() == expected
    assert advantages.advantages([[1, 0]], "w_reinforce", **{"lambda": 0.3}).tolist() == expected
    assert advantages.advantages([[1, 0]], "w_reinforce", lambda_=0.3).tolist() == expected


def test_a_lone_success_in_a_group_of_four_by_hand() -> None:
    group = [[1.0, 0.0, 0.0, 0.0]]
    by_hand: dict[str, tuple[float, float, dict[str, float]]] = {
        "rloo": (1, -1 / 3, {}),
        "dapo": (math.sqrt(3), -1 / math.sqrt(3), {"ddof": 0}),
        "maxrl": (3, -1, {}),
        "passk_success": (2, 0, {"k": 2}),  # 2 C(3, 1) / C(3, 1)
        "pkpo": (2, 2 / 3, {"k": 2}),  # 2 (1 - C(2, 1) / C(3, 1))
        "pkpo_loo": (1, -1 / 3, {"k": 2}),
        "passk_training": (1, -1 / 3, {"k": 2}),  # rho = sigma = 1/2
        "unique_best": (1, 0, {}),
        "f_grpo": (0.75 * math.sqrt(3), -0.75 / math.sqrt(3), {}),
        "asym_grpo_gu": (3, -1 / 3, {"beta_pos": 1, "beta_neg": 1}),
        "qae": (1, 0, {}),
        "gpg": (3, -1, {}),
        "reinforce_pp": (math.sqrt(3), -1 / math.sqrt(3), {}),
        "log_mean_exp": (
            0.75 * (math.e**2 - 1) / (2 * (0.75 + 0.25 * math.e**2)),
            -0.25 * (math.e**2 - 1) / (2 * (0.75 + 0.25 * math.e**2)),
            {},
        ),
    }
    for method, (success, failure, params) in by_hand.items():
        got = advantages.advantages(group, method, **params)[0]
        assert (got[0], got[1]) == pytest.approx((success, failure), rel=1e-12), method


def test_lengths_weigh_the_baselines_that_know_them_and_no_other() -> None:
    rewards, lengths = [[1.0, 0.0]], [[30, 10]]
    weigh = advantages.advantages
    assert weigh(rewards, "opo", lengths=lengths).tolist() == [[0.25, -0.75]]
    assert weigh(rewards, "grpo", lengths=lengths).tolist() == [[0.5, -0.5]]
    whitened = weigh(rewards, "reinforce_pp", lengths=lengths)
    assert whitened.ravel() == pytest.approx([0.25 / math.sqrt(3 / 16), -0.75 / math.sqrt(3 / 16)])
    baseline = weigh(rewards, "reinforce_pp_baseline", lengths=lengths)
    assert baseline.ravel() == pytest.approx(whitened.ravel())
    for method in ("opo", "reinforce_pp", "reinforce_pp_baseline"):
        tensors = torch_advantages.advantages(
            torch.tensor(rewards), method, lengths=torch.tensor(lengths)
        )
        assert tensors.numpy() == pytest.approx(weigh(rewards, method, lengths=lengths), rel=1e-6)


def test_statistics_of_the_batch_can_be_given() -> None:
    rewards, tensor = [[1.0, 0.0]], torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    cases: list[tuple[str, dict[str, float], list[float]]] = [
        ("reinforce_pp", {"batch_mean": 0.4, "batch_std": 0.5}, [1.2, -0.8]),
        ("reinforce_pp", {"batch_mean": 0.5}, [1.0, -1.0]),
        ("reinforce_pp_baseline", {"batch_std": 0.25}, [2.0, -2.0]),
        ("reinforce_pp_baseline", {"batch_std": 0.0}, [0.0, 0.0]),
        ("gdpo", {"batch_std": 0.5}, [2.0, -2.0]),
        ("gpg", {"batch_mean": 0.25}, [2.0, -2.0]),
        ("gpg", {"batch_mean": 0.0}, [0.0, 0.0]),
        ("a_grae", {"batch_mean": 1.0}, [0.5, -0.5]),
    ]
    for method, params, expected in cases:
        assert advantages.advantages(rewards, method, **params)[0] == pytest.approx(expected)
        got = torch_advantages.advantages(tensor, method, **params)[0]
        assert got.numpy() == pytest.approx(expected)


def test_an_empty_batch_gives_empty_weights() -> None:
    for method in METHODS:
        params = FADE if method == "fade" else {}
        assert advantages.advantages(np.zeros((0, 4)), method, **params).shape == (0, 4)
        got = torch_advantages.advantages(torch.zeros((0, 4)), method, **params)
        assert got.shape == (0, 4)


def test_near_equal_and_tiny_rewards_keep_their_digits() -> None:
    near: list[list[float]] = [[1.0, 1.0, 1.0 - 2.0**-52, 1.0 - 2.0**-52]]
    tiny = [[1e-300, 1e-300, 0.0, 0.0]]
    for rewards in (near, tiny):
        for method in ("dapo", "gdpo", "reinforce_pp", "reinforce_pp_baseline"):
            params = {"ddof": 0} if method == "dapo" else {}
            got = advantages.advantages(rewards, method, **params)
            assert got.tolist() == [[1.0, 1.0, -1.0, -1.0]]
            tensor = torch.tensor(rewards, dtype=torch.float64)
            assert torch_advantages.advantages(tensor, method, **params).tolist() == got.tolist()


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_whole_group_of_nan_is_refused_with_what_to_do(method: str) -> None:
    params = FADE if method == "fade" else {}
    with pytest.raises(RewardError, match=r"rewards must be .*got nan"):
        advantages.advantages([[1.0, 0.0], [math.nan, math.nan]], method, **params)


def test_a_reward_that_is_not_finite_is_refused_by_its_place() -> None:
    with pytest.raises(RewardError, match=r"got nan in a whole group \(first at \[1, 0\]\); drop"):
        advantages.grpo([[1.0, 0.0], [math.nan, math.nan]])
    with pytest.raises(RewardError, match=r"got inf in a group \(first at \[0, 1\]\)"):
        advantages.grpo([[1, math.inf]])
    with pytest.raises(RewardError, match=r"first at \[3\]"):
        advantages.grpo([1, 0, 1, math.nan], groups=[0, 0, 1, 1])


UNIT = [name for name in METHODS if name not in (
    "reinforce", "grpo", "grpo_std", "rloo", "dapo", "reinforce_pp", "reinforce_pp_baseline",
    "unique_best", "log_mean_exp", "qae", "gdpo", "gpg", "opo")]  # fmt: skip


@pytest.mark.parametrize("method", UNIT)
def test_methods_of_a_solve_rate_refuse_rewards_outside_the_unit_interval(method: str) -> None:
    params = FADE if method == "fade" else {}
    with pytest.raises(RewardError, match=r"in \[0, 1\] and finite, got -1.0 to 1.0; map"):
        advantages.advantages([[1, -1]], method, **params)


@pytest.mark.parametrize("method", sorted(set(METHODS) - {
    "reinforce", "reinforce_signed", "psr", "nsr", "w_reinforce", "reinforce_pp"}))  # fmt: skip
def test_groups_of_one_are_refused(method: str) -> None:
    params = FADE if method == "fade" else {}
    with pytest.raises(ShapeError, match="a group of one rollout has no baseline"):
        advantages.advantages([[1], [0]], method, **params)
    with pytest.raises(ShapeError, match="a group of one rollout has no baseline"):
        torch_advantages.advantages(torch.zeros(2, 1), method, **params)
    with pytest.raises(ShapeError, match="got 1 with label 5; a group of one"):
        advantages.advantages([1, 0, 1], method, groups=[3, 3, 5], **params)


@pytest.mark.parametrize(
    ("rewards", "groups"), [([[1, 0]], [[0, 0]]), ([1, 0], [0]), ([1, 0], [0.0, 0.0])]
)
def test_mismatched_groups_are_refused(rewards: Any, groups: Any) -> None:
    with pytest.raises(ShapeError, match=r"rewards must be \[N\] and groups \[N\] integers"):
        advantages.grpo(rewards, groups=groups)
    with pytest.raises(ShapeError, match=r"rewards must be \[N\] and groups \[N\] integers"):
        torch_advantages.grpo(torch.tensor(rewards), groups=torch.tensor(groups))


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("w_reinforce", {"lambda": -0.1}, "lambda must be a finite number >= 0, got -0.1"),
        ("w_reinforce", {"lamda": 1}, r"takes the parameters \(lambda\); unknown: lamda"),
        ("grpo_std", {"eps": 0}, "eps must be a finite number > 0"),
        ("dapo", {"ddof": 2}, "ddof must be 0"),
        ("f_grpo", {"gamma": math.inf}, "gamma must be"),
        ("log_mean_exp", {"beta": 0}, "beta must be"),
        ("asym_grpo_gu", {"beta_pos": -1}, "beta_pos must be"),
        ("asym_grpo_gu", {"beta_neg": math.nan}, "beta_neg must be"),
        ("qae", {"K": 1.1}, r"K must be in \[0, 1\]"),
        ("qae", {"interpolate": 2}, "interpolate must be 0"),
        ("a_grae", {"ceiling": 0}, "ceiling must be"),
        ("pkpo", {"k": 5}, r"k must be a whole number in \[1, 4\] .*got 5"),
        ("pkpo_loo", {"k": 0}, "k must be"),
        ("passk_training", {"k": 1.5}, "k must be"),
        ("passk_success", {"k": math.nan}, "k must be"),
        ("passk_success", {"k": math.inf}, "k must be"),
        ("grpo", {"alpha": 1}, r"takes the parameters \(none\); unknown: alpha"),
    ],
)
def test_a_parameter_out_of_range_is_refused_by_name(
    method: str, params: dict[str, float], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        advantages.advantages([[1, 0, 0, 1]], method, **params)
    with pytest.raises(SettingError, match=message):
        torch_advantages.advantages(torch.tensor([[1.0, 0, 0, 1]]), method, **params)


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("gpg", {"batch_mean": 2}, "batch_mean must be in"),
        ("a_grae", {"batch_mean": -1}, "batch_mean must be in"),
        ("gdpo", {"batch_std": -1}, "batch_std must be"),
        ("reinforce_pp", {"batch_std": math.nan}, "batch_std must be"),
    ],
)
def test_an_impossible_statistic_is_refused(
    method: str, params: dict[str, float], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        advantages.advantages([[1, 0]], method, **params)


def test_lengths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match="one number of generated tokens a rollout"):
        advantages.opo([[1, 0]], lengths=[1, 2])
    with pytest.raises(ShapeError, match="one number of generated tokens a rollout"):
        torch_advantages.opo(torch.tensor([[1.0, 0.0]]), lengths=torch.tensor([1, 2]))
    with pytest.raises(SettingError, match="lengths must be finite and > 0"):
        advantages.opo([[1, 0]], lengths=[[1, 0]])


@pytest.mark.parametrize(("typo", "meant"), [("gropo", "grpo"), ("max_rl", "maxrl"),
                                             ("pass_k_training", "passk_training")])  # fmt: skip
def test_an_unknown_method_is_answered_with_a_near_miss(typo: str, meant: str) -> None:
    with pytest.raises(UnknownMethodError, match=f"did you mean '{meant}'"):
        advantages.advantages([[1, 0]], typo)


def test_torch_takes_any_k_of_a_ragged_group_and_stays_finite() -> None:
    rewards, labels = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0]), torch.tensor([0, 0, 1, 1, 4])
    for method in ("passk_success", "pkpo", "pkpo_loo", "passk_training"):
        got = torch_advantages.advantages(rewards, method, groups=labels, k=4)
        assert got.isfinite().all()
    assert torch_advantages.passk_success(rewards, 4, groups=labels).tolist() == [0.0] * 5


def test_ragged_qae_gates_each_group_by_its_own_size() -> None:
    rewards, labels = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0], [0, 0, 0, 1, 1, 1, 1]
    for gate in (0, 1):
        by_group = [
            advantages.qae([rewards[:3]], 0.4, gate)[0], advantages.qae([rewards[3:]], 0.4, gate)[0]
        ]  # fmt: skip
        got = advantages.qae(rewards, 0.4, gate, groups=labels)
        assert got == pytest.approx(np.concatenate(by_group))
        tensors = torch_advantages.qae(
            torch.tensor(rewards), 0.4, gate, groups=torch.tensor(labels)
        )
        assert tensors.numpy() == pytest.approx(got, abs=1e-6)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_torch_reads_nothing_back_from_the_device(method: str) -> None:
    # A meta tensor has no values at all: whatever asks for one, such as .item(), a branch or an
    # index of unknown length, fails on it as it would synchronise an accelerator.
    params = FADE if method == "fade" else {}
    dense = torch.empty(6, 4, device="meta", dtype=torch.bfloat16)
    got = torch_advantages.advantages(dense, method, **params)
    assert (got.shape, got.device.type, got.dtype) == (dense.shape, "meta", torch.bfloat16)
    labels = torch.empty(24, device="meta", dtype=torch.int64)
    ragged = torch_advantages.advantages(dense.flatten(), method, groups=labels, **params)
    assert (ragged.shape, ragged.device.type) == ((24,), "meta")


OF_OUTCOMES = {"psr", "nsr", "w_reinforce", "passk_success", "pkpo", "pkpo_loo", "passk_training",
               "asym_grpo_gu"}  # fmt: skip
OF_THE_BATCH = {"reinforce_pp", "reinforce_pp_baseline", "gdpo", "a_grae"}


@pytest.mark.parametrize("method", sorted(METHODS))
def test_on_tensors_a_reward_of_nan_is_no_success_or_shows(method: str) -> None:
    params = FADE if method == "fade" else {}
    torn, failed = (
        torch_advantages.advantages(
            torch.tensor([[1.0, reward, 0.0], [1.0, 1.0, 0.0]]), method, **params
        )
        for reward in (math.nan, 0.0)
    )
    if method in OF_OUTCOMES:
        assert torch.equal(torn, failed)
    else:
        assert torn[0, 1].isnan()
        assert bool(torn[1].isnan().all()) == (method in OF_THE_BATCH)


@pytest.mark.parametrize("method", ["passk_success", "pkpo", "pkpo_loo", "passk_training"])
@pytest.mark.parametrize("k", [1, 3, 7, 150])
def test_the_table_of_a_groups_weights_is_its_formula(method: str, k: int) -> None:
    size = max(8, k + 3)
    rewards = (np.arange(size) < np.arange(size + 1)[:, None]).astype(np.float64)
    expected = advantages.advantages(rewards, method, k=k)
    with torch.inference_mode():
        inside = torch_advantages.advantages(torch.tensor(rewards), method, k=k)
    outside = torch_advantages.advantages(torch.tensor(rewards), method, k=k)
    np.testing.assert_allclose(inside.numpy(), expected, rtol=1e-12, atol=1e-13)
    log_prob = torch.ones(rewards.shape, requires_grad=True)
    torch.autograd.grad((outside * log_prob).sum(), log_prob)
    np.testing.assert_array_equal(outside.numpy(), inside.numpy())


@pytest.mark.parametrize("method", sorted(METHODS))
def test_weights_leave_the_rewards_alone_and_give_them_no_gradient(method: str) -> None:
    params = FADE if method == "fade" else {}
    before = torch.tensor([[1.0, 0.25, 0.0], [0.5, 0.5, 0.5]])
    for rewards in (before.clone(), before.clone().requires_grad_()):
        weights = torch_advantages.advantages(rewards, method, **params)
        assert not weights.requires_grad
        assert torch.equal(rewards.detach(), before)
        assert weights.data_ptr() != rewards.data_ptr()
