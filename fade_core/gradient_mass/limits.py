"""The masses of each method in the limit of large groups, in closed form.

Each takes the solve rate p in (0, 1) and the method's parameters, and returns (m_S, m_F). A
statistic of the batch that is not given is that of a batch of prompts of the same solve rate.
Source: derived from each method's definition; the table is in docs/method.md.
"""

import math
from collections.abc import Callable

from fade_core.advantages import METHODS, check_params, find_method
from fade_core.advantages.registry import bind
from fade_core.gradient_mass.batch import GradientMass
from fade_core.gradient_mass.exact import check_solve_rate

Pair = tuple[float, float]


def limit_mass(method: str, solve_rate: float, **params: float) -> GradientMass:
    """Return both masses of a method for groups of unlimited size.

    Args:
        method: A key of ``advantages.METHODS``.
        solve_rate: p in [0, 1].
        **params: The method's own parameters.

    Returns:
        m_S and m_F a rollout; 0 and 0 at p of 0 or 1 for methods that centre in the group.

    Raises:
        UnknownMethodError: No method has that id.
        SettingError: A parameter is unknown, missing or out of its range, or p is.

    >>> limit_mass("fade", 0.25, alpha=2.0, delta=0.5)
    GradientMass(success=0.140625, failure=0.28125)
    """
    function = find_method(method, METHODS)
    check_params(function, method, params)
    bound = bind(function, params)
    check_solve_rate(solve_rate)
    # The method itself refuses parameters that are out of range, given a group that holds k.
    k = params.get("k", 1)
    size = max(64, int(k)) if math.isfinite(k) else 64
    function([[0.0] * size], **bound)
    success, failure = LIMITS[method](solve_rate, **bound)
    return GradientMass(float(success), float(failure))


def _centred(p: float) -> Pair:
    return p * (1.0 - p), p * (1.0 - p)


def _root(p: float) -> Pair:
    return (p * (1.0 - p)) ** 0.5, (p * (1.0 - p)) ** 0.5


def _both(mass: float) -> Pair:
    return mass, mass


def _over(pair: Pair, divisor: float) -> Pair:
    return (pair[0] / divisor, pair[1] / divisor) if divisor else (0.0, 0.0)


def _grpo_std(p: float, ddof: int = 1, eps: float = 1e-6) -> Pair:
    del ddof  # (G - 1) / G is 1 in the limit
    return _over(_centred(p), _root(p)[0] + eps)


def _reinforce_pp(
    p: float, batch_mean: float | None = None, batch_std: float | None = None
) -> Pair:
    mean = p if batch_mean is None else batch_mean
    std = _root(p)[0] if batch_std is None else batch_std
    return _over((p * (1.0 - mean), (1.0 - p) * mean), std)


def _reinforce_pp_baseline(p: float, batch_std: float | None = None) -> Pair:
    return _over(_centred(p), _root(p)[0] if batch_std is None else batch_std)


def _pkpo(p: float, k: int = 2) -> Pair:
    q = 1.0 - p
    return k * p, -k * q * (1.0 - q ** (k - 1))


def _passk_training(p: float, k: int = 2) -> Pair:
    q = 1.0 - p
    return _both(_over((p * q ** (k / 2.0), 0.0), max(1.0 - q**k, 0.0) ** 0.5)[0])


def _maxrl(p: float) -> Pair:
    return _both(1.0 - p if p else 0.0)


def _log_mean_exp(p: float, beta: float = 2.0) -> Pair:
    # Numerator and denominator times e^-beta, which keeps a large beta finite.
    gain = -math.expm1(-beta)
    return _both(p * (1.0 - p) * gain / (beta * ((1.0 - p) * math.exp(-beta) + p)) if p else 0.0)


def _asym_grpo_gu(p: float, beta_pos: float = 0.9, beta_neg: float = 0.4) -> Pair:
    q = 1.0 - p
    up = p * (q / p) ** beta_pos if p else 0.0
    return up, (q * (p / q) ** beta_neg if q else 0.0)


def _qae(p: float, K: float = 0.4, interpolate: int = 1) -> Pair:
    del interpolate  # between ranks only, which lie dense in the limit
    return (p, 0.0) if p <= 1.0 - K else (0.0, 1.0 - p)


def _a_grae(p: float, batch_mean: float | None = None, ceiling: float = 1.0) -> Pair:
    if p in (0.0, 1.0):
        return 0.0, 0.0
    mu, root = p if batch_mean is None else batch_mean, p**0.5
    mass = _root(p)[0] * (mu * 0.5 / root + (1.0 - mu) * 0.5 / (1.0 - root))
    return mass * min(1.0, mu / ceiling), mass


def _gdpo(p: float, batch_std: float | None = None) -> Pair:
    return _over(_root(p), 1.0 if batch_std is None else batch_std)


def _gpg(p: float, batch_mean: float | None = None) -> Pair:
    return _over(_centred(p), p if batch_mean is None else batch_mean)


def _fade(p: float, alpha: float, delta: float) -> Pair:
    mass = p * (1.0 - p) ** alpha
    return mass, mass / delta


LIMITS: dict[str, Callable[..., Pair]] = {
    "reinforce": lambda p: (p, 0.0),
    "reinforce_signed": lambda p: (p, 1.0 - p),
    "psr": lambda p: (p, 0.0),
    "nsr": lambda p: (0.0, 1.0 - p),
    "w_reinforce": lambda p, lambda_=0.1: (lambda_ * p, 1.0 - p),
    "grpo": _centred,
    "grpo_std": _grpo_std,
    "rloo": _centred,
    "dapo": lambda p, **_ddof: _root(p),
    "reinforce_pp": _reinforce_pp,
    "reinforce_pp_baseline": _reinforce_pp_baseline,
    "passk_success": lambda p, k=2: (k * p * (1.0 - p) ** (k - 1), 0.0),
    "pkpo": _pkpo,
    "pkpo_loo": lambda p, k=2: _both(p * (1.0 - p) ** k),
    "passk_training": _passk_training,
    "unique_best": lambda _p: (0.0, 0.0),
    "maxrl": _maxrl,
    "log_mean_exp": _log_mean_exp,
    "f_grpo": lambda p, gamma=1.0: _both(_root(p)[0] * (1.0 - p) ** gamma),
    "power": lambda p, alpha=2.0: _fade(p, alpha, 1.0),
    "asym_grpo": lambda p, delta=0.5: _fade(p, 1.0, delta),
    "asym_grpo_gu": _asym_grpo_gu,
    "qae": _qae,
    "a_grae": _a_grae,
    "gdpo": _gdpo,
    "gpg": _gpg,
    "opo": _centred,
    "fade": _fade,
}
"""(m_S, m_F) by the method's id; ``k`` and the like by the method's own parameter names."""
