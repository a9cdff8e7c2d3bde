"""Statistics of a policy update from per-token tensors: covariance, ratios, clipping, mismatch.

Every function takes per-token tensors of one shape, written ``[...]`` (mostly ``[B, T]``), and
an optional mask of that shape, and returns 0-dimensional tensors on the same device: no value is
read back, so nothing synchronises an accelerator, and no gradient flows. Sums are float32
(float64 for float64 input). What the mask leaves out may hold anything, ``nan`` included. Where
it leaves out everything, each statistic is ``nan``: of no tokens nothing is known. Finite
log-probabilities and advantages never give ``nan`` otherwise, only an infinity where a ratio
overflows.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fade_core.errors import SettingError, ShapeError


@dataclass(frozen=True, slots=True)
class TokenCovariance:
    """How log-probability and advantage go together.

    Attributes:
        mean: Covariance over the tokens, nats times the unit of the advantage.
        top_share: Part of the positive contributions that the top tokens hold, in [0, 1]; 0
            where no token contributes positively.
    """

    mean: Tensor
    top_share: Tensor


@dataclass(frozen=True, slots=True)
class ClipFractions:
    """Share of tokens whose gradient the PPO clip removes, by side.

    Attributes:
        high: In [0, 1]; advantage > 0 and ratio above the range. Lowers entropy.
        low: In [0, 1]; advantage < 0 and ratio below the range. Raises entropy.
    """

    high: Tensor
    low: Tensor


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Distance between the trainer's and the sampler's probabilities of the same tokens.

    Attributes:
        k1: Mean of ``-d``, nats: the plain estimate of KL(sampler, trainer); any sign.
        k3: Mean of ``exp(d) - d - 1``, nats, >= 0: the same with less variance.
        chi2: Mean of ``exp(2 d)`` minus 1, > -1: how far importance weights would spread.
        mean_abs: Mean of ``|d|``, nats, >= 0.
    """

    k1: Tensor
    k3: Tensor
    chi2: Tensor
    mean_abs: Tensor


@torch.no_grad()
def masked_mean(values: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the mean over the tokens that count.

        mean = sum_t mask_t x_t / sum_t mask_t

    Token-mean: long rollouts weigh more than short ones. Multiplying by the mask instead of
    selecting would turn a ``nan`` in the padding into the result.

    Source: standard definition.

    Args:
        values: ``[...]``, any unit.
        mask: ``[...]``, true (or non-zero) for the tokens that count; all of them where absent.

    Returns:
        0-dimensional, unit of the values; ``nan`` where nothing counts.

    Raises:
        ShapeError: The mask has another shape.
    """
    counts, (kept,) = _kept(mask, values=values)
    return kept.sum() / counts.sum()


@torch.no_grad()
def token_covariance(
    log_prob: Tensor,
    advantage: Tensor,
    mask: Tensor | None = None,
    *,
    top_fraction: float = 2e-4,
) -> TokenCovariance:
    """Return the covariance of log-probability and advantage, and who carries it.

        cov_t = (A_t - mean A) (log pi_t - mean log pi),   mean = (1 / N) sum_t cov_t
        top_share = sum of the ceil(top_fraction N) largest cov_t+ / sum_t cov_t+,
        x+ = max(x, 0)

    A positive mean lowers entropy: to first order dH = -eta Cov(A, log pi). The tokens with the
    largest contributions are those that Clip-Cov and KL-Cov hold back; the population form (no
    N - 1) is theirs.

    Source: Cui et al. 2025, "The Entropy Mechanism of Reinforcement Learning for Reasoning
    Language Models", arXiv:2505.22617; 2e-4 is the published ratio.

    Args:
        log_prob: ``[...]``, nats, of the sampled tokens.
        advantage: ``[...]``, or broadcast to it with the same number of dimensions: ``[B, 1]``
            beside ``[B, T]``.
        mask: ``[...]``, true (or non-zero) for the tokens that count; all of them where absent.
        top_fraction: In (0, 1]; at least one token counts as top.

    Returns:
        Mean and top share.

    Raises:
        ShapeError: The shapes do not fit.
        SettingError: ``top_fraction`` is outside (0, 1].
    """
    if not 0.0 < top_fraction <= 1.0:
        raise SettingError(f"top_fraction must be in (0, 1], got {top_fraction}")
    counts, (own, weight) = _kept(mask, log_prob=log_prob, advantage=advantage)
    total = counts.sum()
    centred = (own - own.sum() / total) * (weight - weight.sum() / total)
    cov_N = torch.where(counts, centred, 0.0).flatten()
    gain_N = cov_N.clamp(min=0.0)
    # How many tokens count is known only on the device: take as many as there could be, and
    # leave those beyond the real number out of the sum.
    most = min(gain_N.numel(), max(1, math.ceil(top_fraction * gain_N.numel())))
    top_K = gain_N.topk(most).values
    wanted = (total.double() * top_fraction).ceil().clamp(min=1.0)
    top = torch.where(torch.arange(most, device=top_K.device) < wanted, top_K, 0.0).sum()
    gain = gain_N.sum()
    share = torch.where(gain == 0.0, 0.0, top / gain).clamp(max=1.0)
    mean = cov_N.sum() / total
    return TokenCovariance(mean=mean, top_share=torch.where(mean.isnan(), mean, share))


@torch.no_grad()
def ratio_ess(
    log_prob: Tensor,
    old_log_prob: Tensor,
    mask: Tensor | None = None,
    *,
    clamp: float | None = None,
) -> Tensor:
    """Return the effective share of the tokens under their importance ratios.

        w_t = exp(log pi_t - log pi_old_t),   w_t <- min(max(w_t, 1 / clamp), clamp)
        ESS / N = (sum w)^2 / (N sum w^2) = 1 / mean((w / mean w)^2)

    Kish's effective sample size over N. Without ``clamp`` one exploded ratio decides it; verl
    logs it with ``clamp = 2``. Unlike ``weights.effective_fraction`` it is over tokens.

    Source: Kish 1965, "Survey Sampling"; verl, ``rollout_corr_helper``.

    Args:
        log_prob: ``[...]``, nats, under the policy that is trained.
        old_log_prob: ``[...]``, nats, under the policy that sampled.
        mask: ``[...]``, true (or non-zero) for the tokens that count; all of them where absent.
        clamp: Ratios are clamped to [1/clamp, clamp], > 1; not at all where absent.

    Returns:
        0-dimensional, in [1/N, 1]; ``nan`` where nothing counts.

    Raises:
        ShapeError: The shapes do not fit.
        SettingError: ``clamp`` is not a finite number > 1.
    """
    if clamp is not None and not (math.isfinite(clamp) and clamp > 1.0):
        raise SettingError(f"clamp must be a finite number > 1 or absent, got {clamp}")
    counts, (new, old) = _kept(mask, log_prob=log_prob, old_log_prob=old_log_prob)
    log_ratio = new - old
    if clamp is not None:
        log_ratio = log_ratio.clamp(-math.log(clamp), math.log(clamp))
    elif log_ratio.numel():
        # The share does not change when all ratios are scaled; the largest becomes 1.
        log_ratio = log_ratio - torch.where(counts, log_ratio, -math.inf).max()
    ratio = torch.where(counts, log_ratio.exp(), 0.0)
    share = ratio.sum().square() / (counts.sum() * ratio.square().sum())
    return share.clamp(max=1.0)


@torch.no_grad()
def clip_fractions(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantage: Tensor,
    mask: Tensor | None = None,
    *,
    low: float = 0.2,
    high: float = 0.2,
) -> ClipFractions:
    """Return the shares of tokens that PPO's clip stops on either side.

        high: A_t > 0 and exp(log pi_t - log pi_old_t) > 1 + high
        low:  A_t < 0 and exp(log pi_t - log pi_old_t) < 1 - low

    Only where the clip removes the gradient: a ratio outside the range with the other sign of
    the advantage is not clipped. One fraction for both sides would hide which one acts.

    Source: Schulman et al. 2017, "Proximal Policy Optimization Algorithms", arXiv:1707.06347;
    what each side does to entropy: arXiv:2509.26114.

    Args:
        log_prob: ``[...]``, nats, under the policy that is trained.
        old_log_prob: ``[...]``, nats, under the policy that sampled.
        advantage: ``[...]``, or broadcast to it with the same number of dimensions.
        mask: ``[...]``, true (or non-zero) for the tokens that count; all of them where absent.
        low: Lower clip range, in [0, 1].
        high: Upper clip range, >= 0.

    Returns:
        Both fractions.

    Raises:
        ShapeError: The shapes do not fit.
        SettingError: ``low`` or ``high`` is out of its range.
    """
    if not 0.0 <= low <= 1.0:
        raise SettingError(f"low must be in [0, 1], got {low}; the range begins at 1 - low")
    if not (math.isfinite(high) and high >= 0.0):
        raise SettingError(f"high must be a finite number >= 0, got {high}")
    counts, (new, old, weight) = _kept(
        mask, log_prob=log_prob, old_log_prob=old_log_prob, advantage=advantage
    )
    ratio = (new - old).exp()
    total = counts.sum().to(ratio.dtype)
    above = counts & (weight > 0.0) & (ratio > 1.0 + high)
    below = counts & (weight < 0.0) & (ratio < 1.0 - low)
    return ClipFractions(high=above.sum() / total, low=below.sum() / total)


@torch.no_grad()
def train_infer_mismatch(
    train_log_prob: Tensor, rollout_log_prob: Tensor, mask: Tensor | None = None
) -> Mismatch:
    """Return how far the trainer's probabilities are from those of the engine that sampled.

        d = log pi_train - log pi_rollout, on the same tokens and the same weights
        k1 = mean(-d)   k3 = mean(exp(d) - d - 1)   chi2 = mean(exp(2 d)) - 1   mean |d|

    With equal weights all four would be 0; what is left is numerics (kernels, precision,
    routing). The same estimators against a reference policy measure drift instead.

    Source: Schulman 2020, "Approximating KL Divergence" (k1, k3); verl,
    ``rollout_corr_helper`` (chi2).

    Args:
        train_log_prob: ``[...]``, nats, recomputed by the trainer.
        rollout_log_prob: ``[...]``, nats, as the inference engine reported them.
        mask: ``[...]``, true (or non-zero) for the tokens that count; all of them where absent.

    Returns:
        The four numbers.

    Raises:
        ShapeError: The shapes do not fit.
    """
    counts, (train, rollout) = _kept(
        mask, train_log_prob=train_log_prob, rollout_log_prob=rollout_log_prob
    )
    total = counts.sum()
    d = train - rollout
    return Mismatch(
        k1=-d.sum() / total,
        # Rounding may leave a tiny term below 0, where the exact one never is.
        k3=(d.expm1() - d).clamp(min=0.0).sum() / total,
        chi2=(2.0 * d).expm1().sum() / total,
        mean_abs=d.abs().sum() / total,
    )


def _kept(mask: Tensor | None, **tensors: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return the mask as booleans, and each tensor in the summing dtype, 0 where masked out."""
    first_name, first = next(iter(tensors.items()))
    shape = first.shape
    if mask is not None and mask.shape != shape:
        raise ShapeError(
            f"mask must have the shape of {first_name}, {list(shape)}, got {list(mask.shape)}"
        )
    counts = torch.ones_like(first, dtype=torch.bool) if mask is None else mask != 0
    wide = any(tensor.dtype == torch.float64 for tensor in tensors.values())
    dtype = torch.float64 if wide else torch.float32
    kept = []
    for name, tensor in tensors.items():
        fits = tensor.shape == shape or (
            name == "advantage"
            and tensor.ndim == len(shape)
            and all(size in (1, own) for size, own in zip(tensor.shape, shape, strict=True))
        )
        if not fits:
            raise ShapeError(
                f"{name} must have the shape of {first_name}, {list(shape)}, got "
                f"{list(tensor.shape)}; give one advantage a rollout as [B, 1]"
            )
        kept.append(torch.where(counts, tensor.detach().to(dtype), 0.0))
    return counts, kept
