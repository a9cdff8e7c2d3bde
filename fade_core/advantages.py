"""Advantage functions as weights over a group of rewards (numpy).

Shapes: ``P`` prompts, ``G`` rollouts of each prompt. Every function maps rewards ``[P, G]`` to
weights ``[P, G]`` in float64. ``fade_core.torch.advantages`` is the same family on tensors.
"""

import difflib
import inspect
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fade_core.errors import RewardError, SettingError, ShapeError, UnknownMethodError

Weights = NDArray[np.float64]
F = TypeVar("F")


def reinforce(rewards_PG: ArrayLike) -> Weights:
    """Weigh each rollout by its reward, without a baseline.

        A[p, g] = r[p, g]

    Has positive mass only, which is what collapses entropy.

    Source: Williams 1992, "Simple statistical gradient-following algorithms", REINFORCE.

    Args:
        rewards_PG: ``[P, G]`` floats, any units.

    Returns:
        ``[P, G]``, units of the reward.

    Raises:
        ShapeError: The array is not ``[P, G]``.
    """
    return _grouped(rewards_PG, min_group=1).copy()


def reinforce_signed(rewards_PG: ArrayLike) -> Weights:
    """Weigh successes by +1 and failures by -1, without a baseline.

        A[p, g] = 2 r[p, g] - 1

    Like ``reinforce`` on rewards in {-1, +1}: masses p and q, so hard prompts push down.

    Source: Williams 1992; the row "REINFORCE, r in {-1, +1}" of the FADE paper.

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1].

    Returns:
        ``[P, G]`` in [-1, 1].

    Raises:
        ShapeError: The array is not ``[P, G]``.
        RewardError: A reward is outside [0, 1].
    """
    weights: Weights = 2.0 * _unit_interval(_grouped(rewards_PG, min_group=1)) - 1.0
    return weights


def grpo(rewards_PG: ArrayLike) -> Weights:
    """Subtract from each reward the mean reward of its group (GRPO without division by std).

        A[p, g] = r[p, g] - rbar[p],   rbar[p] = (1 / G) * sum_k r[p, k]

    Equal positive and negative mass, p q (1 - 1/G), largest at solve rate 1/2.

    Source: Liu et al. 2025, "Understanding R1-Zero-Like Training", arXiv:2503.20783
    (the Dr. GRPO advantage).

    Args:
        rewards_PG: ``[P, G]`` floats, any units; ``G >= 2``.

    Returns:
        ``[P, G]``, units of the reward. Each row sums to zero up to rounding.

    Raises:
        ShapeError: The array is not ``[P, G]``, or a group has fewer than two rollouts.
    """
    rewards = _grouped(rewards_PG)
    weights: Weights = rewards - rewards.mean(axis=1, keepdims=True)
    return weights


def grpo_std(rewards_PG: ArrayLike, ddof: int = 1, eps: float = 1e-6) -> Weights:
    """Standardise each reward within its group.

        A[p, g] = (r[p, g] - rbar[p]) / (std[p] + eps)

    Like ``grpo``, but the scale follows sqrt(p q), so easy and hard prompts weigh more.

    Source: Shao et al. 2024, "DeepSeekMath", arXiv:2402.03300. ``ddof = 1`` and ``eps = 1e-6``
    are verl's choice.

    Args:
        rewards_PG: ``[P, G]`` floats, any units; ``G >= 2``.
        ddof: 1 for the sample, 0 for the population standard deviation.
        eps: Added to the standard deviation, > 0.

    Returns:
        ``[P, G]``, dimensionless; 0 for a group whose rewards are all equal.

    Raises:
        ShapeError: The array is not ``[P, G]``, or a group has fewer than two rollouts.
        SettingError: ``ddof`` is not 0 or 1, or ``eps`` is not positive.
    """
    if ddof not in (0, 1):
        raise SettingError(f"ddof must be 0 (population) or 1 (sample), got {ddof}")
    if not eps > 0:
        raise SettingError(f"eps must be > 0, got {eps}")
    rewards = _grouped(rewards_PG)
    weights: Weights = grpo(rewards) / (rewards.std(axis=1, ddof=ddof, keepdims=True) + eps)
    return weights


def power(rewards_PG: ArrayLike, alpha: float = 2.0) -> Weights:
    """Move the weight to hard prompts by a power of the failure rate.

        A[p, g] = (1 - rbar[p])^(alpha - 1) * (r[p, g] - rbar[p])

    ``fade`` with delta = 1; ``grpo`` at alpha = 1; 1/k of the pass@k gradient at alpha = k.

    Source: FADE, arXiv:2607.01490, "Power alpha".

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1]; ``G >= 2``.
        alpha: Difficulty focus, >= 1.

    Returns:
        ``[P, G]`` in [-1, 1]. Each row sums to zero up to rounding.

    Raises:
        ShapeError: The array is not ``[P, G]``, or a group has fewer than two rollouts.
        RewardError: A reward is outside [0, 1].
        SettingError: ``alpha`` is not a finite number >= 1.
    """
    return fade(rewards_PG, alpha=alpha, delta=1.0)


def asym_grpo(rewards_PG: ArrayLike, delta: float = 0.5) -> Weights:
    """Divide the negative weights of ``grpo`` by ``delta``.

        A[p, g] = (r[p, g] - rbar[p]) * (1 if r[p, g] >= rbar[p] else 1 / delta)

    ``fade`` with alpha = 1. Not the method of the same name of arXiv:2604.04894.

    Source: FADE, arXiv:2607.01490, "AsymGRPO delta".

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1]; ``G >= 2``.
        delta: Sign balance m_S / m_F, > 0.

    Returns:
        ``[P, G]``.

    Raises:
        ShapeError: The array is not ``[P, G]``, or a group has fewer than two rollouts.
        RewardError: A reward is outside [0, 1].
        SettingError: ``delta`` is not a finite number > 0.
    """
    return fade(rewards_PG, alpha=1.0, delta=delta)


def fade(rewards_PG: ArrayLike, alpha: float, delta: float) -> Weights:
    """Weigh a group by FADE's difficulty focus ``alpha`` and sign balance ``delta``.

        lead[p] = (1 - rbar[p])^(alpha - 1)
        A[p, g] = lead[p] * (r[p, g] - rbar[p])           where r[p, g] >= rbar[p]
        A[p, g] = lead[p] * (r[p, g] - rbar[p]) / delta   where r[p, g] <  rbar[p]

    Positive mass p q^alpha, largest at solve rate 1 / (1 + alpha); negative mass that over
    ``delta``, in every group of 0/1 rewards. No division by the standard deviation.

    Source: FADE, arXiv:2607.01490, section 8.

    Args:
        rewards_PG: ``[P, G]`` floats in [0, 1]; ``G >= 2``.
        alpha: Difficulty focus, >= 1; the scheduler keeps it in [1, 3].
        delta: Sign balance m_S / m_F, > 0; the scheduler keeps it in [0.3, 1].

    Returns:
        ``[P, G]``; 0 for a group whose rewards are all equal.

    Raises:
        ShapeError: The array is not ``[P, G]``, or a group has fewer than two rollouts.
        RewardError: A reward is outside [0, 1].
        SettingError: ``alpha`` is not a finite number >= 1, or ``delta`` not one > 0.

    >>> fade([[1, 0, 0, 0]], alpha=2.0, delta=0.5).tolist()
    [[0.5625, -0.375, -0.375, -0.375]]
    """
    check_alpha_delta(alpha, delta)
    rewards = _unit_interval(_grouped(rewards_PG))
    rbar_P1 = rewards.mean(axis=1, keepdims=True)
    # The mean of equal rewards may round to just above 1, whose fractional power is NaN.
    lead_P1 = np.clip(1.0 - rbar_P1, 0.0, None) ** (alpha - 1.0)
    centred = rewards - rbar_P1
    weights: Weights = lead_P1 * np.where(centred >= 0.0, centred, centred / delta)
    return weights


METHODS: dict[str, Callable[..., Weights]] = {
    "reinforce": reinforce,
    "reinforce_signed": reinforce_signed,
    "grpo": grpo,
    "grpo_std": grpo_std,
    "power": power,
    "asym_grpo": asym_grpo,
    "fade": fade,
}
"""Every method by its id, as used in code, configuration and on the command line."""


def advantages(rewards_PG: ArrayLike, method: str, **params: float) -> Weights:
    """Apply the method with this id.

    Args:
        rewards_PG: ``[P, G]`` floats.
        method: A key of ``METHODS``.
        **params: The method's own parameters, such as ``alpha=2``.

    Returns:
        ``[P, G]`` weights.

    Raises:
        UnknownMethodError: No method has that id.
        SettingError: The method has no parameter of that name, or it needs one more.
        ShapeError, RewardError: As the method raises them.

    >>> advantages([[1, 0]], "grpo").tolist()
    [[0.5, -0.5]]
    """
    function = find_method(method, METHODS)
    check_params(function, method, params)
    return function(rewards_PG, **params)


def find_method(method: str, methods: dict[str, F]) -> F:
    """Return the function with this id.

    Args:
        method: The id to look up.
        methods: Functions by id.

    Returns:
        The function.

    Raises:
        UnknownMethodError: No method has that id; the message names the nearest one.
    """
    if method in methods:
        return methods[method]
    near = difflib.get_close_matches(method, methods, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    raise UnknownMethodError(
        f"no advantage method is called '{method}'; {hint}known: {', '.join(sorted(methods))}"
    )


def check_params(function: Callable[..., object], method: str, params: dict[str, float]) -> None:
    """Refuse parameters that ``function`` does not take, and name what it misses.

    Args:
        function: A method; its first argument is the rewards.
        method: Its id, for the message.
        params: The parameters to be passed.

    Raises:
        SettingError: A parameter is unknown or missing.
    """
    accepted = list(inspect.signature(function).parameters.values())[1:]
    names = [parameter.name for parameter in accepted]
    unknown = sorted(set(params) - set(names))
    missing = [p.name for p in accepted if p.default is p.empty and p.name not in params]
    if unknown or missing:
        wanted = ", ".join(names) or "none"
        problem = f"unknown: {', '.join(unknown)}" if unknown else f"missing: {', '.join(missing)}"
        raise SettingError(f"'{method}' takes the parameters ({wanted}); {problem}")


def check_alpha_delta(alpha: float, delta: float) -> None:
    """Refuse an ``alpha`` or ``delta`` for which FADE's weights are undefined.

    Args:
        alpha: Must be finite and >= 1: below 1 a solved group would be 0 to a negative power.
        delta: Must be finite and > 0: it is divided by.

    Raises:
        SettingError: One of them is out of its range.
    """
    if not (np.isfinite(alpha) and alpha >= 1.0):
        raise SettingError(f"alpha must be a finite number >= 1, got {alpha}")
    if not (np.isfinite(delta) and delta > 0.0):
        raise SettingError(f"delta must be a finite number > 0, got {delta}")


def _grouped(rewards_PG: ArrayLike, min_group: int = 2) -> Weights:
    rewards = np.asarray(rewards_PG, dtype=np.float64)
    if rewards.ndim != 2 or rewards.shape[1] < min_group:
        raise ShapeError(
            f"rewards must be [P, G] with G >= {min_group}, got {list(rewards.shape)}; "
            "a group of one rollout has no baseline"
        )
    return rewards


def _unit_interval(rewards: Weights) -> Weights:
    if rewards.size and not (rewards.min() >= 0.0 and rewards.max() <= 1.0):
        raise RewardError(
            f"rewards must be in [0, 1] and finite, got {rewards.min()} to {rewards.max()}; "
            "map {-1, +1} to {0, 1}, or pass the accuracy reward alone instead of a sum"
        )
    return rewards
