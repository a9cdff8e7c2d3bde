"""Policy statistics: golden values, float64 references, masks, extremes."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fade_core.errors import SettingError, ShapeError
from fade_core.torch.statistics import (
    clip_fractions,
    masked_mean,
    ratio_ess,
    token_covariance,
    train_infer_mismatch,
)
from tests.unit.core_torch.memory import Allocations

NAN, INF = math.nan, math.inf

# Golden file, "mismatch": d = log pi_train - log pi_rollout of four tokens. The inputs are not
# in the file; these are the only ones on a grid of 0.1 that give its k3.
TRAIN = torch.tensor([-1.0, -1.9, -3.1, -5.0], dtype=torch.float64)
ROLLOUT = torch.tensor([-1.0, -2.0, -3.0, -4.0], dtype=torch.float64)


def every_number(log_prob: Tensor, old: Tensor, advantage: Tensor, mask: Tensor | None) -> Any:
    """All statistics of a batch by name, so that one property covers them together."""
    covariance = token_covariance(log_prob, advantage, mask, top_fraction=0.1)
    clipped = clip_fractions(log_prob, old, advantage, mask, low=0.2, high=0.3)
    mismatch = train_infer_mismatch(log_prob, old, mask)
    return {
        "mean": masked_mean(log_prob, mask),
        "cov": covariance.mean,
        "top": covariance.top_share,
        "ess": ratio_ess(log_prob, old, mask),
        "ess2": ratio_ess(log_prob, old, mask, clamp=2.0),
        "high": clipped.high,
        "low": clipped.low,
        "k1": mismatch.k1,
        "k3": mismatch.k3,
        "chi2": mismatch.chi2,
        "abs": mismatch.mean_abs,
    }


def reference(log_prob: Tensor, old: Tensor, advantage: Tensor, mask: Tensor) -> Any:
    """The same in NumPy, on the selected tokens alone."""
    own, before, weight = (x.double().numpy()[mask.numpy()] for x in (log_prob, old, advantage))
    d, ratio = own - before, np.exp(own - before)
    clamped = np.clip(ratio, 0.5, 2.0)
    cov = (own - own.mean()) * (weight - weight.mean())
    gain = np.sort(np.maximum(cov, 0.0))[::-1]
    top = gain[: max(1, math.ceil(0.1 * len(gain)))].sum()
    return {
        "mean": own.mean(),
        "cov": cov.mean(),
        "top": top / gain.sum() if gain.sum() > 0 else 0.0,
        "ess": ratio.mean() ** 2 / (ratio**2).mean(),
        "ess2": clamped.mean() ** 2 / (clamped**2).mean(),
        "high": ((weight > 0) & (ratio > 1.3)).mean(),
        "low": ((weight < 0) & (ratio < 0.8)).mean(),
        "k1": -d.mean(),
        "k3": (np.exp(d) - d - 1).mean(),
        "chi2": (ratio**2).mean() - 1,
        "abs": np.abs(d).mean(),
    }


def batch(seed: int, shape: list[int], dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    old = -3.0 * torch.rand(shape, generator=generator, dtype=dtype)
    log_prob = old + 0.3 * torch.randn(shape, generator=generator, dtype=dtype)
    return log_prob, old, torch.randn(shape, generator=generator, dtype=dtype)


def test_the_golden_mismatch_holds() -> None:
    result = train_infer_mismatch(TRAIN, ROLLOUT)
    assert result.k1.item() == pytest.approx(0.25, rel=1e-12)
    assert result.k3.item() == pytest.approx(0.0944719443208, rel=1e-11)
    assert result.chi2.item() == pytest.approx(-0.206132801381, rel=1e-11)
    assert result.mean_abs.item() == pytest.approx(0.3, rel=1e-12)
    assert ratio_ess(TRAIN, ROLLOUT, clamp=2.0).item() == pytest.approx(0.936144268727, rel=1e-11)


def test_the_golden_token_covariances_hold() -> None:
    # Golden file, "token_cov". The inputs are not in the file; these, recovered by factoring
    # its products, give all five, of which the function returns the mean and the top.
    advantage = torch.tensor([1.0, 1.0, -1.0, -1.0, 0.5], dtype=torch.float64)
    log_prob = torch.tensor([-0.1, -2.0, -0.2, -3.0, -0.5], dtype=torch.float64)
    golden = [0.954, -0.756, -1.056, 2.024, 0.264]
    result = token_covariance(log_prob, advantage)
    assert result.mean.item() == pytest.approx(sum(golden) / 5, rel=1e-12)
    assert result.top_share.item() == pytest.approx(2.024 / (0.954 + 2.024 + 0.264), rel=1e-12)
    both = token_covariance(log_prob, advantage, top_fraction=0.4)
    assert both.top_share.item() == pytest.approx((0.954 + 2.024) / 3.242, rel=1e-12)
    products = (advantage - advantage.mean()) * (log_prob - log_prob.mean())
    assert products.tolist() == pytest.approx(golden, rel=1e-12)


@given(
    seed=st.integers(0, 500),
    shape=st.lists(st.integers(1, 12), min_size=1, max_size=3),
    dtype=st.sampled_from([torch.float64, torch.float32]),
    masked=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_every_statistic_equals_its_reference(
    seed: int, shape: list[int], dtype: torch.dtype, masked: bool
) -> None:
    log_prob, old, advantage = batch(seed, shape, dtype)
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.6
    mask = mask if masked else torch.ones_like(mask)
    mask.view(-1)[0] = True
    wanted = reference(log_prob, old, advantage, mask)
    # What is left out may hold anything.
    spoiled = [x.masked_fill(~mask, NAN) for x in (log_prob, old, advantage)]
    got = every_number(spoiled[0], spoiled[1], spoiled[2], mask)
    error = 1e-9 if dtype == torch.float64 else 2e-5
    for name, value in got.items():
        assert value.item() == pytest.approx(wanted[name], rel=error, abs=error), name
    if not masked:
        bare = every_number(log_prob, old, advantage, None)
        assert {name: x.item() for name, x in bare.items()} == {k: x.item() for k, x in got.items()}


@given(
    rows=st.lists(
        st.tuples(
            st.floats(-1e5, 0.0, width=32),
            st.floats(-1e5, 0.0, width=32),
            st.floats(-1e6, 1e6, width=32),
        ),
        min_size=1,
        max_size=20,
    )
)
@settings(max_examples=100, deadline=None)
def test_finite_input_never_gives_nan(rows: list[tuple[float, float, float]]) -> None:
    log_prob, old, advantage = torch.tensor(rows).T
    for name, value in every_number(log_prob, old, advantage, None).items():
        assert not value.isnan(), name
    for name in ("top", "ess", "ess2", "high", "low"):
        value = every_number(log_prob, old, advantage, None)[name]
        assert 0.0 <= value <= 1.0, name


@pytest.mark.parametrize("shape", [(0,), (3, 4)])
def test_of_no_tokens_everything_is_nan(shape: tuple[int, ...]) -> None:
    nothing = torch.zeros(shape, dtype=torch.bool)
    x = torch.zeros(shape)
    assert all(value.isnan() for value in every_number(x, x, x, nothing).values())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_float32(dtype: torch.dtype) -> None:
    # 4,096 ones sum to 256 in bf16 and to 2,048 in fp16 when added one by one.
    values = torch.ones(4097, dtype=dtype)
    assert masked_mean(values).dtype == torch.float32
    assert masked_mean(values).item() == 1.0


def test_one_advantage_a_rollout_spreads_over_its_tokens() -> None:
    log_prob, old, advantage = batch(3, [4, 6], torch.float64)
    column = advantage[:, :1]
    mask = torch.ones(4, 6)
    spread = column.expand(4, 6)
    for got, wanted in (
        (token_covariance(log_prob, column, mask), token_covariance(log_prob, spread, mask)),
        (clip_fractions(log_prob, old, column), clip_fractions(log_prob, old, spread)),
    ):
        assert dataclasses.astuple(got) == dataclasses.astuple(wanted)


def test_equal_advantages_have_no_covariance_and_no_top() -> None:
    result = token_covariance(torch.tensor([-1.0, -2.0]), torch.tensor([0.5, 0.5]))
    assert (result.mean.item(), result.top_share.item()) == (0.0, 0.0)


def test_the_top_is_counted_over_the_tokens_that_count() -> None:
    # 10 of 1,000 tokens count: 20 % of them are 2, whatever the padding.
    advantage, log_prob = torch.zeros(1000), torch.zeros(1000)
    advantage[:10] = torch.arange(10.0)
    log_prob[:10] = torch.arange(10.0) - 10.0
    mask = torch.arange(1000) < 10
    got = token_covariance(log_prob, advantage, mask, top_fraction=0.2)
    alone = token_covariance(log_prob[:10], advantage[:10], top_fraction=0.2)
    assert got.top_share.item() == pytest.approx(alone.top_share.item(), rel=1e-6)
    assert got.top_share.item() == pytest.approx(2 * 4.5**2 / (2 * (20.25 + 12.25 + 6.25 + 2.5)))


def test_only_the_clip_that_removes_a_gradient_counts() -> None:
    ratio = torch.tensor([1.5, 1.5, 0.5, 0.5, 1.0])
    advantage = torch.tensor([1.0, -1.0, 1.0, -1.0, 0.0])
    result = clip_fractions(ratio.log(), torch.zeros(5), advantage)
    assert (result.high.item(), result.low.item()) == pytest.approx((0.2, 0.2))


def test_one_exploded_ratio_decides_the_plain_share_but_not_the_clamped() -> None:
    log_ratio = torch.zeros(10)
    log_ratio[0] = 500.0
    assert ratio_ess(log_ratio, torch.zeros(10)).item() == pytest.approx(0.1)
    clamped = ratio_ess(log_ratio, torch.zeros(10), clamp=2.0).item()
    assert clamped == pytest.approx(11**2 / (10 * 13))


def test_an_overflow_is_an_infinity() -> None:
    result = train_infer_mismatch(torch.tensor([0.0, 0.0]), torch.tensor([-1e4, 0.0]))
    assert (result.k3.item(), result.chi2.item()) == (INF, INF)
    assert (result.k1.item(), result.mean_abs.item()) == (-5000.0, 5000.0)


def test_no_gradient_flows() -> None:
    log_prob = torch.zeros(3, requires_grad=True)
    values = every_number(log_prob, torch.zeros(3), torch.ones(3), None)
    assert not any(value.requires_grad for value in values.values())


def test_no_value_is_read_back() -> None:
    # On a fake device a read would raise: there is nothing to read.
    x = torch.zeros(4, 5, device="meta")
    for mask in (None, torch.ones(4, 5, device="meta", dtype=torch.bool)):
        assert all(value.shape == () for value in every_number(x, x, x, mask).values())


def test_nothing_larger_than_the_batch_is_allocated() -> None:
    log_prob, old, advantage = batch(0, [64, 32], torch.float32)
    with Allocations() as seen:
        every_number(log_prob, old, advantage, torch.ones(64, 32, dtype=torch.bool))
    assert seen.largest <= 64 * 32 * 4


X = torch.zeros(4, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: masked_mean(X, torch.ones(4)), ShapeError, r"mask .* values, \[4, 3\], got \[4\]"),
        (lambda: ratio_ess(X, X[:2]), ShapeError, r"old_log_prob .*\[4, 3\], got \[2, 3\]"),
        (lambda: ratio_ess(X, X[:, :1]), ShapeError, r"old_log_prob .* got \[4, 1\]"),
        (lambda: token_covariance(X, X[:, 0]), ShapeError, r"advantage .* as \[B, 1\]"),
        (lambda: token_covariance(X, X[:, :2]), ShapeError, r"got \[4, 2\]"),
        (lambda: token_covariance(X, X, top_fraction=0.0), SettingError, r"\(0, 1\], got 0.0"),
        (lambda: ratio_ess(X, X, clamp=1.0), SettingError, "clamp must be .* > 1"),
        (lambda: ratio_ess(X, X, clamp=INF), SettingError, "got inf"),
        (lambda: clip_fractions(X, X, X, low=1.5), SettingError, r"low must be in \[0, 1\]"),
        (lambda: clip_fractions(X, X, X, high=-0.1), SettingError, "high must be"),
        (lambda: clip_fractions(X, X, X, high=NAN), SettingError, "got nan"),
    ],
)
def test_a_bad_argument_is_refused_with_what_was_wanted(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()
