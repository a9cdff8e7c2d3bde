"""Weights and residuals of APA and AWR, and their running statistics (numpy).

Shapes: ``N`` sequences, ``T`` token positions. The losses with gradients are in
``fade_core.torch.losses``.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fade_core.errors import SettingError, ShapeError
from fade_core.kl_checks import check_log_probs, check_same_shape, checked_mask

Floats = NDArray[np.float64]

REACHABLE_NATS = 5.0
"""A target log-ratio beyond this is a direction, not a point that training gets to."""


@dataclass(frozen=True, slots=True)
class ApaStatistics:
    """How far the policy is from APA's target, over the unmasked tokens of a batch.

    Attributes:
        residual_rms: sqrt(mean (d - A/lambda)^2), nats; starts at std(A)/lambda and falls.
        residual_mean: mean (d - A/lambda), nats; tends to -log Z <= 0.
        residual_mean_stderr: Standard error of that mean, by sequence.
        slope: Of d regressed on A, nats a unit of advantage; rises toward 1/lambda.
        r_squared: Share of the variance of d that A explains, in [0, 1].
        unreachable_share: Share of tokens with |A|/lambda above 5 nats.
        tokens: How many tokens.
    """

    residual_rms: float
    residual_mean: float
    residual_mean_stderr: float
    slope: float
    r_squared: float
    unreachable_share: float
    tokens: int

    def as_extra(self) -> dict[str, float]:
        """Return the statistics as extra fields of a step record, ``apa_`` before each name.

        ``nan`` here is a statistic that was not measured, so it is left out; the names are in
        ``fade_core.records.EXTRAS``.
        """
        named = {f"apa_{name}": float(number) for name, number in asdict(self).items()}
        return {name: number for name, number in named.items() if not math.isnan(number)}


def apa_statistics(
    logp_NT: ArrayLike,
    init_logp_NT: ArrayLike,
    advantages_NT: ArrayLike,
    mask_NT: ArrayLike,
    temperature: float,
) -> ApaStatistics:
    """Return where an APA run stands.

    Source: Zhu et al. 2023, arXiv:2306.02231; the statistics are derived.

    Args:
        logp_NT: ``[N, T]`` log-probs of the sampled tokens under pi, nats.
        init_logp_NT: ``[N, T]`` under the initial policy.
        advantages_NT: ``[N, T]`` as the loss sees them.
        mask_NT: ``[N, T]``, 1 on response tokens.
        temperature: lambda > 0.

    Returns:
        ``nan`` for the slope where the advantages are all equal.

    Raises:
        ShapeError: Shapes differ or every token is masked.
        LogProbError: A log-prob is no log-probability.
        SettingError: ``temperature`` is not > 0.
    """
    check_temperature(temperature)
    logp, init = np.asarray(logp_NT, np.float64), np.asarray(init_logp_NT, np.float64)
    mask = checked_mask(mask_NT, logp.shape)
    wanted = np.asarray(advantages_NT, np.float64)
    check_same_shape("init_logp", init.shape, "logp", logp.shape)
    check_same_shape("advantages", wanted.shape, "logp", logp.shape)
    check_log_probs("logp", logp, mask)
    check_log_probs("init_logp", init, mask)
    gap = np.where(mask, logp - init, 0.0)
    residual = np.where(mask, gap - wanted / temperature, 0.0)
    mean, stderr = clustered_mean(residual, mask)
    slope, r_squared = _line(wanted[mask], gap[mask])
    return ApaStatistics(
        residual_rms=math.sqrt(float((residual[mask] ** 2).mean())),
        residual_mean=mean,
        residual_mean_stderr=stderr,
        slope=slope,
        r_squared=r_squared,
        unreachable_share=float((np.abs(wanted[mask]) / temperature > REACHABLE_NATS).mean()),
        tokens=int(mask.sum()),
    )


def awr_effective_fraction(
    advantages_NT: ArrayLike, mask_NT: ArrayLike, temperature: float
) -> float:
    """Return the share of tokens that AWR's weights exp(A/lambda) leave in effect.

        ESS / n = (sum w)^2 / (n sum w^2)

    For Gaussian whitened advantages it tends to exp(-1/lambda^2): 0.78 at 2, 0.37 at 1.

    Source: Kish 1965, "Survey Sampling"; Peng et al. 2019, arXiv:1910.00177.

    Args:
        advantages_NT: ``[N, T]``.
        mask_NT: ``[N, T]``, 1 on response tokens.
        temperature: lambda > 0.

    Returns:
        In [1/n, 1]; ``nan`` where an advantage is not finite.

    Raises:
        ShapeError: Shapes differ or every token is masked.
        SettingError: ``temperature`` is not > 0.

    >>> awr_effective_fraction([[1.0, 1.0]], [[1, 1]], 0.1)
    1.0
    """
    check_temperature(temperature)
    advantages = np.asarray(advantages_NT, np.float64)
    exponent = advantages[checked_mask(mask_NT, advantages.shape)] / temperature
    # Scaled by the largest first: exp of a large exponent would overflow.
    weight = np.exp(exponent - exponent.max())
    return float(weight.sum() ** 2 / (len(weight) * (weight**2).sum()))


def kl_slope(kl_history: Sequence[float]) -> tuple[float, float]:
    """Return the slope of the KL over the last steps, and its standard error.

    APA's claim is that the KL to the start levels off while the reward rises.

    Source: least squares.

    Args:
        kl_history: One KL a step, nats, at least three.

    Returns:
        Nats a step; ``nan`` twice for fewer than three steps.

    >>> kl_slope([0.0, 1.0, 2.0])[0]
    1.0
    """
    count = len(kl_history)
    if count < 3:
        return math.nan, math.nan
    centre, level = (count - 1) / 2, sum(kl_history) / count
    sxx = sum((i - centre) ** 2 for i in range(count))
    slope = sum((i - centre) * (kl - level) for i, kl in enumerate(kl_history)) / sxx
    left = sum((kl - level - slope * (i - centre)) ** 2 for i, kl in enumerate(kl_history))
    return slope, math.sqrt(left / (count - 2) / sxx)


def explained_variance(returns: ArrayLike, values: ArrayLike) -> float:
    """Return the share of the returns' variance that the critic explains.

        1 - Var(returns - values) / Var(returns)

    Source: standard definition.

    Args:
        returns: Any shape.
        values: The critic's estimates, of the same shape.

    Returns:
        At most 1; ``nan`` where the returns are all equal.

    Raises:
        ShapeError: The two differ in shape.

    >>> explained_variance([0.0, 1.0], [0.0, 1.0])
    1.0
    """
    wanted, got = np.asarray(returns, np.float64), np.asarray(values, np.float64)
    check_same_shape("returns", wanted.shape, "values", got.shape)
    spread = float(wanted.var())
    return 1.0 - float((wanted - got).var()) / spread if spread > 0.0 else math.nan


def clustered_mean(values_NT: Floats, mask_NT: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the mean over tokens and its standard error, sequences being independent.

        m = sum x / n,   se^2 = N / (N - 1) sum_i (sum_t (x_it - m))^2 / n^2

    Tokens of one sequence are correlated; a standard error over tokens would be far too small.

    Source: linearisation of a ratio estimator; Cochran 1977, "Sampling Techniques".

    Args:
        values_NT: ``[N, T]``.
        mask_NT: ``[N, T]`` booleans, at least one true.

    Returns:
        (mean, standard error); the second is ``nan`` where only one sequence has tokens.

    Raises:
        ShapeError: The two differ in shape.
    """
    if values_NT.shape != mask_NT.shape:
        raise ShapeError(f"values {list(values_NT.shape)} need a mask of the same shape")
    tokens = int(mask_NT.sum())
    values = np.where(mask_NT, values_NT, 0.0)
    mean = float(values.sum()) / tokens
    used = mask_NT.any(axis=1)
    count = int(used.sum())
    if count < 2:
        return mean, math.nan
    off_N = (values - np.where(mask_NT, mean, 0.0)).sum(axis=1)[used]
    return mean, math.sqrt(count / (count - 1) * float((off_N**2).sum())) / tokens


def check_temperature(temperature: float) -> None:
    """Raise ``SettingError`` unless lambda is finite and > 0."""
    if not (math.isfinite(temperature) and temperature > 0.0):
        raise SettingError(
            f"lambda (temperature) must be finite and > 0, got {temperature}; the loss divides "
            "the advantage by it: 0.1 to 1 for whitened advantages"
        )


def _line(x_N: Floats, y_N: Floats) -> tuple[float, float]:
    dx, dy = x_N - x_N.mean(), y_N - y_N.mean()
    sxx, syy, sxy = float(dx @ dx), float(dy @ dy), float(dx @ dy)
    if not sxx > 0.0:
        return math.nan, math.nan
    return sxy / sxx, (min(1.0, sxy**2 / (sxx * syy)) if syy > 0.0 else 0.0)
