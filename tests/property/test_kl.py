"""What holds of the KL family for any input."""

import math
from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fade_core.kl import Clamp, dead_zone, estimate, full_kl, slope
from fade_core.kl_audit.audit import audit_config
from fade_core.kl_audit.detect import READERS
from fade_core.kl_configurations import CONFIGURATIONS
from fade_core.kl_monitor import kl_statistics
from fade_core.kl_placement import credit
from fade_core.kl_table import Penalty, combined, judge
from fade_core.torch.kl import Batch, penalty_loss

UNTIMED = settings(deadline=None)
"""A machine that pauses fails no property."""

ratios = arrays.arrays(np.float64, st.integers(1, 30), elements=st.floats(-8.0, 8.0))
estimators = st.sampled_from(["k1", "k2", "k3", "abs"])
limits = st.floats(0.1, 50.0)
logps = arrays.arrays(np.float64, (3, 4), elements=st.floats(-8.0, -0.01))


@UNTIMED
@given(ratios)
def test_k3_less_k1_is_the_ratio_less_one(d: Any) -> None:
    assert np.allclose(estimate(d, "k3") - estimate(d, "k1"), np.exp(-d) - 1.0, atol=1e-9)


@UNTIMED
@given(ratios)
def test_k2_k3_and_abs_are_never_negative(d: Any) -> None:
    assert all((estimate(d, name) >= 0.0).all() for name in ("k2", "k3", "abs"))


@UNTIMED
@given(st.floats(-6.0, 6.0), estimators)
def test_the_slope_is_the_derivative(d: float, name: Any) -> None:
    step = 1e-6
    if name == "abs" and abs(d) < step:
        return
    finite = float(estimate(d + step, name) - estimate(d - step, name)) / (2 * step)
    assert math.isclose(float(slope(d, name)), finite, rel_tol=1e-5, abs_tol=1e-5)


@UNTIMED
@given(st.floats(-60.0, 60.0), estimators, limits, limits)
def test_the_slope_is_zero_exactly_in_the_dead_zone(
    d: float, name: Any, first: float, second: float
) -> None:
    clamp = Clamp(log_ratio=first, estimate=second)
    low, high = dead_zone(name, clamp)
    # At a bound itself rounding decides; d = 0 has a slope of 0 without any clamp.
    if min(abs(d - low), abs(d - high), abs(d)) > 1e-6:
        assert (float(slope(d, name, clamp)) == 0.0) == (not low < d < high)


@UNTIMED
@given(arrays.arrays(np.float64, (2, 5), elements=st.floats(-5.0, 5.0)))
def test_a_divergence_is_positive_and_zero_of_itself(logits: Any) -> None:
    pi, ref = (row - np.log(np.exp(row).sum()) for row in logits)
    assert full_kl(pi, ref) >= -1e-12
    assert full_kl(pi, ref, forward=True) >= -1e-12
    assert full_kl(pi, pi) == 0.0


@UNTIMED
@given(logps)
def test_charging_to_go_starts_with_the_sum(penalty: Any) -> None:
    mask = np.ones_like(penalty)
    first = credit(penalty, mask, "togo")[:, 0]
    assert np.allclose(first, credit(penalty, mask, "sum")[:, 0])


@UNTIMED
@given(logps, logps, logps)
def test_rho_k3_and_detached_rho_k2_have_one_gradient(logp: Any, ref: Any, old: Any) -> None:
    gradients: list[torch.Tensor] = []
    for penalty in (
        Penalty("k3", "loss", weight="token"),
        Penalty("k2", "loss", weight="token", detached=True),
    ):
        x = torch.tensor(logp, requires_grad=True)
        batch = Batch(x, torch.tensor(ref), torch.ones(3, 4), torch.tensor(old))
        gradients.extend(torch.autograd.grad(penalty_loss(penalty, batch).sum(), x))
    scale = float(gradients[0].abs().max()) + 1.0
    assert float((gradients[0] - gradients[1]).abs().max()) <= 1e-9 * scale * math.exp(8)


@UNTIMED
@given(logps, logps, logps)
def test_every_penalty_ignores_what_is_masked(logp: Any, ref: Any, old: Any) -> None:
    mask = torch.ones(3, 4)
    mask[:, -1] = 0
    for known in CONFIGURATIONS.values():
        for _, penalty in known.terms:
            if penalty.estimator in ("full", "full-forward"):
                continue
            losses: list[torch.Tensor] = []
            for shift in (0.0, 1.0):
                moved = torch.tensor(logp)
                moved[:, -1] -= shift
                batch = Batch(moved, torch.tensor(ref), mask, torch.tensor(old))
                losses.append(penalty_loss(penalty, batch))
            assert torch.allclose(losses[0], losses[1])


@UNTIMED
@given(logps, logps)
def test_the_statistics_keep_the_identity_and_their_ranges(logp: Any, ref: Any) -> None:
    seen = kl_statistics(logp, ref, np.ones((3, 4)), ref)
    gap = seen.k3_per_token - seen.k1_per_token
    assert math.isclose(seen.ratio_excess_per_token, gap, rel_tol=1e-9, abs_tol=1e-9)
    assert math.isclose(seen.k1_per_sequence, 4 * seen.k1_per_token, rel_tol=1e-9, abs_tol=1e-9)
    assert seen.k3_per_token >= 0.0
    assert seen.drift_k3_per_token >= 0.0
    assert 0.0 < seen.drift_ess <= 1.0 + 1e-12


@UNTIMED
@given(st.sampled_from(sorted(CONFIGURATIONS)), st.floats(0.01, 100.0))
def test_a_scale_changes_no_verdict(name: str, scale: float) -> None:
    mix = CONFIGURATIONS[name].on_policy
    assert judge(combined([(scale, mix)])) == judge(mix)


keys = st.sampled_from(
    ["beta", "use_kl_loss", "kl_loss_coef", "kl_loss_type", "kl_coef", "kl_estimator", "kl_ctl",
     "kl_in_reward", "advantage_estimator", "algorithm.use_kl_in_reward", "actor.use_kl_loss",
     "algo.kl.estimator", "reference_policy_kl_type", "use_bias_correction_kl", "kl_tau"]
)  # fmt: skip
values = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.text("ab1.$-", max_size=6),
    st.sampled_from(["k1", "k3", "grpo"]),
)


@UNTIMED
@given(
    st.dictionaries(keys, values, max_size=6),
    st.one_of(st.none(), st.sampled_from(sorted(READERS))),
    st.one_of(st.none(), st.sampled_from(["0.5.0", "1.10.0", "main", ""])),
)
def test_any_configuration_gets_an_answer(
    mapping: dict[str, Any], trainer: str | None, version: str | None
) -> None:
    audit = audit_config(mapping, trainer, version)
    assert audit.reason
    assert audit.change
