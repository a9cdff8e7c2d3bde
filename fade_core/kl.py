"""Estimators of the KL divergence to a reference policy, from the tokens that were sampled (numpy).

Shapes: ``N`` sequences, ``T`` token positions, ``V`` vocabulary. Throughout, ``d`` is
``log pi - log ref`` of the sampled token, in nats. ``fade_core.torch.kl`` is the same on tensors
with gradients; ``fade_core.kl_table`` says what each placement of each estimator regularises.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fade_core.errors import SettingError
from fade_core.kl_checks import check_same_shape

Floats = NDArray[np.float64]
Formula = Callable[[Floats], Floats]
Estimator = Literal["k1", "k2", "k3", "abs"]

ESTIMATORS: tuple[Estimator, ...] = ("k1", "k2", "k3", "abs")


@dataclass(frozen=True, slots=True)
class Clamp:
    """Where a trainer cuts the log-ratio before, and the estimate after, the estimator.

    Attributes:
        log_ratio: d is cut to [-log_ratio, log_ratio], nats, > 0; None does not cut.
        estimate: The estimate is cut to [-estimate, estimate], nats, > 0; None does not cut.
    """

    log_ratio: float | None = None
    estimate: float | None = None

    def __post_init__(self) -> None:
        for name, limit in (("log_ratio", self.log_ratio), ("estimate", self.estimate)):
            if limit is not None and not limit > 0:
                raise SettingError(f"the {name} clamp must be > 0 nats or None, got {limit}")


NO_CLAMP = Clamp()


def estimate(log_ratio: ArrayLike, estimator: Estimator, clamp: Clamp = NO_CLAMP) -> Floats:
    """Estimate KL(pi || ref) from the log-ratio of each sampled token.

        k1 = d     k2 = d^2 / 2     k3 = exp(-d) - 1 + d     abs = |d|

    ``k1`` and ``k3`` have the right mean where the tokens were drawn from pi; ``k3`` is never
    negative, and less noisy only near the reference. ``k2`` and ``abs`` are biased. A right mean
    says nothing about the gradient: see ``fade_core.kl_table``.

    Source: Schulman 2020, "Approximating KL divergence"; Shah et al., arXiv:2512.21852.

    Args:
        log_ratio: Any shape; d in nats.
        estimator: ``k1``, ``k2``, ``k3`` or ``abs``.
        clamp: The trainer's limits.

    Returns:
        The shape of ``log_ratio``, nats.

    Raises:
        SettingError: There is no such estimator.

    >>> estimate([0.0, 1.0], "k2").tolist()
    [0.0, 0.5]
    """
    d = _limited(np.asarray(log_ratio, dtype=np.float64), clamp.log_ratio)
    return _limited(_FORMULAS[_known(estimator)](d), clamp.estimate)


def slope(log_ratio: ArrayLike, estimator: Estimator, clamp: Clamp = NO_CLAMP) -> Floats:
    """Return the derivative of ``estimate`` by log pi: what back-propagation sees in a loss.

        k1: 1     k2: d     k3: 1 - exp(-d)     abs: sign(d)

    Beyond a clamp it is 0: the restoring force is gone exactly where the policy is farthest.

    Source: derived; the clamps as in the trainers' code.

    Args:
        log_ratio: Any shape; d in nats.
        estimator: ``k1``, ``k2``, ``k3`` or ``abs``.
        clamp: The trainer's limits.

    Returns:
        The shape of ``log_ratio``, without unit.

    Raises:
        SettingError: There is no such estimator.

    >>> slope([-2.7, -2.5], "k3", Clamp(estimate=10.0)).round(3).tolist()
    [0.0, -11.182]
    """
    raw = np.asarray(log_ratio, dtype=np.float64)
    d = _limited(raw, clamp.log_ratio)
    inside = np.ones(d.shape, dtype=bool)
    if clamp.log_ratio is not None:
        inside &= np.abs(raw) <= clamp.log_ratio
    if clamp.estimate is not None:
        inside &= np.abs(_FORMULAS[_known(estimator)](d)) <= clamp.estimate
    return np.where(inside, _SLOPES[_known(estimator)](d), 0.0)


def dead_zone(estimator: Estimator, clamp: Clamp) -> tuple[float, float]:
    """Return the log-ratios below and above which a clamped estimate has no gradient.

    Source: derived; for ``k3`` cut at 10 the bounds are -2.6109 (ref/pi above 13.61) and 11.

    Args:
        estimator: ``k1``, ``k2``, ``k3`` or ``abs``.
        clamp: The trainer's limits.

    Returns:
        (low, high) in nats; infinite where there is no limit.

    Raises:
        SettingError: There is no such estimator.

    >>> [round(bound, 4) for bound in dead_zone("k3", Clamp(estimate=10.0))]
    [-2.6109, 11.0]
    """
    formula = _FORMULAS[_known(estimator)]
    reach = math.inf if clamp.log_ratio is None else clamp.log_ratio
    if clamp.estimate is None:
        return (-reach, reach)
    limit = clamp.estimate
    # Each estimate is monotone on either side of 0 and at least d - 1 in size: this brackets.
    farthest = limit + 1.0 + math.sqrt(2.0 * limit)
    low, high = (_crossing(formula, sign, limit, farthest) for sign in (-1.0, 1.0))
    return (max(low, -reach), min(high, reach))


def full_kl(log_probs: ArrayLike, ref_log_probs: ArrayLike, *, forward: bool = False) -> Floats:
    """Return the KL divergence at each position from whole distributions.

        reverse: sum_v pi(v) (log pi(v) - log ref(v))
        forward: sum_v ref(v) (log ref(v) - log pi(v))

    Source: standard definition.

    Args:
        log_probs: ``[..., V]`` normalised log-probabilities of pi; ``-inf`` where forbidden.
        ref_log_probs: ``[..., V]`` of the reference.
        forward: KL(ref || pi) instead of KL(pi || ref).

    Returns:
        ``[...]`` nats, >= 0; infinite where the second distribution lacks what the first has.

    Raises:
        ShapeError: The two differ in shape.

    >>> float(full_kl(np.log([0.5, 0.5]), np.log([0.5, 0.5])))
    0.0
    """
    pi = np.asarray(log_probs, dtype=np.float64)
    ref = np.asarray(ref_log_probs, dtype=np.float64)
    check_same_shape("log_probs", pi.shape, "ref_log_probs", ref.shape)
    first, second = (ref, pi) if forward else (pi, ref)
    seen = first > -np.inf
    gap = np.subtract(first, second, out=np.zeros_like(first), where=seen)
    total: Floats = (np.exp(first) * gap).sum(axis=-1)
    return total


def _known(estimator: Estimator) -> Estimator:
    if estimator not in ESTIMATORS:
        raise SettingError(
            f"estimator must be one of {', '.join(ESTIMATORS)}, got {estimator!r}; "
            "whole distributions go to full_kl"
        )
    return estimator


def _limited(values: Floats, limit: float | None) -> Floats:
    return values if limit is None else np.clip(values, -limit, limit)


def _crossing(formula: Formula, sign: float, limit: float, farthest: float) -> float:
    near, far = 0.0, farthest
    for _ in range(200):
        middle = 0.5 * (near + far)
        inside = abs(float(formula(np.asarray(sign * middle)))) <= limit
        near, far = (middle, far) if inside else (near, middle)
    return sign * near


_FORMULAS: dict[str, Formula] = {
    "k1": lambda d: d,
    "k2": lambda d: 0.5 * d * d,
    "k3": lambda d: np.expm1(-d) + d,
    "abs": lambda d: np.abs(d),
}
_SLOPES: dict[str, Formula] = {
    "k1": lambda d: np.ones_like(d),
    "k2": lambda d: d,
    "k3": lambda d: -np.expm1(-d),
    "abs": lambda d: np.sign(d),
}
