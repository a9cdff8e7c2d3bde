"""What the sampled log-probs of one step say about the KL and about who sampled (numpy).

Shapes: ``N`` sequences, ``T`` token positions. Every statistic has its unit in its name:
``per_token`` is a mean over tokens, ``per_sequence`` over sequences of a sum; 6 nats a sequence
over 600 tokens are 0.01 a token. Never compare one with the other.
"""

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fade_core.kl import NO_CLAMP, Clamp, dead_zone, estimate
from fade_core.kl_checks import check_log_probs, check_same_shape, checked_mask
from fade_core.losses import clustered_mean
from fade_core.weights import top_share

Floats = NDArray[np.float64]

TOP_SHARE_OF_TOKENS = 0.001
"""The part of the tokens whose share of k3 tells a heavy tail."""
TRIM = 0.01
"""The part of the tokens that the trimmed mean leaves out at each end."""


@dataclass(frozen=True, slots=True)
class KLStatistics:
    """One step's KL to the reference, in nats; errors are standard errors by sequence.

    Attributes:
        k1_per_token: Mean of d; may be negative by noise, not persistently.
        k1_per_token_stderr: Its standard error; ``nan`` for a single sequence.
        k3_per_token: Mean of exp(-d) - 1 + d, >= 0.
        k3_per_token_stderr: Its standard error.
        k1_per_sequence: Mean over sequences of the sum of d.
        k1_per_sequence_stderr: Its standard error.
        k3_per_sequence: Mean over sequences of the sum of k3.
        k3_per_sequence_stderr: Its standard error.
        ratio_excess_per_token: mean(ref/pi) - 1 = k3 - k1; 0 where pi itself sampled.
        ratio_excess_stderr: Its standard error.
        ratio_excess_z: The two divided: the sampling test.
        k3_median_per_token: Median of k3.
        k3_trimmed_per_token: Mean of k3 without the lowest and highest 1 %.
        k3_top_share: Share of the sum of k3 in the largest 0.1 % of tokens: the heavy tail.
        k1_clamped_share: Share of tokens where a clamped k1 has no gradient.
        k2_clamped_share: The same for k2.
        k3_clamped_share: The same for k3.
        drift_k1_per_token: KL(rollout || pi) by k1, where rollout log-probs were given.
        drift_k3_per_token: The same by k3; >= 0.
        drift_ess: Effective share of tokens under the ratios pi/rollout, in (0, 1].
        drift_chi2: mean(rho^2) - 1 of the token ratios.
        tokens: Unmasked tokens.
        sequences: Sequences with any.
    """

    k1_per_token: float
    k1_per_token_stderr: float
    k3_per_token: float
    k3_per_token_stderr: float
    k1_per_sequence: float
    k1_per_sequence_stderr: float
    k3_per_sequence: float
    k3_per_sequence_stderr: float
    ratio_excess_per_token: float
    ratio_excess_stderr: float
    ratio_excess_z: float
    k3_median_per_token: float
    k3_trimmed_per_token: float
    k3_top_share: float
    k1_clamped_share: float
    k2_clamped_share: float
    k3_clamped_share: float
    drift_k1_per_token: float
    drift_k3_per_token: float
    drift_ess: float
    drift_chi2: float
    tokens: int
    sequences: int

    def as_extra(self) -> dict[str, float]:
        """Return the statistics as extra fields of a step record, ``kl_`` before each name.

        ``nan`` here is a statistic that was not measured, so it is left out; the names are in
        ``fade_core.records.EXTRAS``.
        """
        named = {f"kl_{name}": float(number) for name, number in asdict(self).items()}
        return {name: number for name, number in named.items() if not math.isnan(number)}


def kl_statistics(
    logp_NT: ArrayLike,
    ref_logp_NT: ArrayLike,
    mask_NT: ArrayLike,
    rollout_logp_NT: ArrayLike | None = None,
    clamp: Clamp = NO_CLAMP,
) -> KLStatistics:
    """Summarise the KL of one step.

    ``mean(k3) - mean(k1) = mean(ref/pi) - 1`` exactly, and its expectation is 0 where the tokens
    were drawn from pi as it is scored. Away from 0 it says temperature, top-p or top-k, a stale
    or a mismatched engine; beta cannot cure it.

    Source: Schulman 2020, "Approximating KL divergence"; the sampling test is derived and
    checked by enumeration.

    Args:
        logp_NT: ``[N, T]`` log-probs of the sampled tokens under pi, nats.
        ref_logp_NT: The same tokens under the reference.
        mask_NT: ``[N, T]``, 1 on response tokens.
        rollout_logp_NT: The same tokens as the sampler scored them, for the drift.
        clamp: The trainer's limits, for the shares of clamped tokens.

    Returns:
        All statistics; those of the drift are ``nan`` without rollout log-probs.

    Raises:
        ShapeError: Shapes differ or every token is masked.
        LogProbError: An unmasked log-prob is ``nan``, infinite or above 0.
    """
    logp = np.asarray(logp_NT, dtype=np.float64)
    mask = checked_mask(mask_NT, logp.shape)
    ref = _checked("ref_logp", ref_logp_NT, logp, mask)
    check_log_probs("logp", logp, mask)
    d = np.where(mask, logp - np.where(mask, ref, 0.0), 0.0)
    k1, k3 = estimate(d, "k1"), estimate(d, "k3")
    excess, excess_stderr = clustered_mean(np.expm1(-d), mask)
    token_k1, token_k3 = clustered_mean(k1, mask), clustered_mean(k3, mask)
    used = mask.any(axis=1)
    sequence_k1, sequence_k3 = _mean(k1.sum(axis=1)[used]), _mean(k3.sum(axis=1)[used])
    drift = _drift(logp, rollout_logp_NT, mask)
    k3_N = np.sort(k3[mask])
    cut = int(TRIM * len(k3_N))
    return KLStatistics(
        k1_per_token=token_k1[0],
        k1_per_token_stderr=token_k1[1],
        k3_per_token=token_k3[0],
        k3_per_token_stderr=token_k3[1],
        k1_per_sequence=sequence_k1[0],
        k1_per_sequence_stderr=sequence_k1[1],
        k3_per_sequence=sequence_k3[0],
        k3_per_sequence_stderr=sequence_k3[1],
        ratio_excess_per_token=excess,
        ratio_excess_stderr=excess_stderr,
        ratio_excess_z=excess / excess_stderr if excess_stderr > 0.0 else math.nan,
        k3_median_per_token=float(np.median(k3_N)),
        k3_trimmed_per_token=float(k3_N[cut : len(k3_N) - cut].mean()),
        k3_top_share=top_share(k3_N, TOP_SHARE_OF_TOKENS),
        k1_clamped_share=_beyond(d[mask], dead_zone("k1", clamp)),
        k2_clamped_share=_beyond(d[mask], dead_zone("k2", clamp)),
        k3_clamped_share=_beyond(d[mask], dead_zone("k3", clamp)),
        drift_k1_per_token=drift[0],
        drift_k3_per_token=drift[1],
        drift_ess=drift[2],
        drift_chi2=drift[3],
        tokens=int(mask.sum()),
        sequences=int(used.sum()),
    )


def _checked(name: str, log_probs: ArrayLike, like: Floats, mask: NDArray[np.bool_]) -> Floats:
    part = np.asarray(log_probs, dtype=np.float64)
    check_same_shape(name, part.shape, "logp", like.shape)
    check_log_probs(name, part, mask)
    return part


def _mean(values_N: Floats) -> tuple[float, float]:
    count = len(values_N)
    spread = float(values_N.std(ddof=1)) / math.sqrt(count) if count > 1 else math.nan
    return float(values_N.mean()), spread


def _beyond(d_N: Floats, zone: tuple[float, float]) -> float:
    return float(((d_N < zone[0]) | (d_N > zone[1])).mean())


def _drift(
    logp: Floats, rollout_logp_NT: ArrayLike | None, mask: NDArray[np.bool_]
) -> tuple[float, float, float, float]:
    if rollout_logp_NT is None:
        return (math.nan, math.nan, math.nan, math.nan)
    rollout = _checked("rollout_logp", rollout_logp_NT, logp, mask)
    gap_N = (rollout - np.where(mask, logp, 0.0))[mask]
    # Scaled by the largest first: the squares of large ratios would overflow.
    scaled_N = np.exp(-gap_N - float((-gap_N).max()))
    ess = float(scaled_N.sum()) ** 2 / (len(gap_N) * float((scaled_N**2).sum()))
    with np.errstate(over="ignore"):
        chi2 = float(np.expm1(-2.0 * gap_N).mean())
        k3 = float(estimate(gap_N, "k3").mean())
    return float(gap_N.mean()), k3, ess, chi2
