"""Policy losses with explicit masks and aggregation (torch).

Shapes: ``N`` sequences, ``T`` token positions. A log-prob is of the sampled token, in nats. The
masked positions may hold anything. ``check=False`` skips the look at the values, which
synchronises an accelerator; shapes and settings are always checked.
"""

import torch
from torch import Tensor

from fade_core.errors import LogProbError, SettingError, ShapeError
from fade_core.kl import NO_CLAMP, Clamp
from fade_core.kl_checks import check_coefficient, check_same_shape
from fade_core.kl_table import Penalty
from fade_core.losses import check_temperature
from fade_core.torch.aggregation import Aggregation, aggregate
from fade_core.torch.kl import Batch, checked_log_probs, checked_mask, token_penalty


def ppo_clip(
    logp_NT: Tensor,
    rollout_logp_NT: Tensor,
    advantages_NT: Tensor,
    mask_NT: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    how: Aggregation = "token-mean",
    constant: float | None = None,
    check: bool = True,
) -> Tensor:
    """Return PPO's clipped surrogate as a loss.

        L_t = -min(rho_t A_t, clip(rho_t, 1 - clip_low, 1 + clip_high) A_t)

    Source: Schulman et al. 2017, arXiv:1707.06347; two bounds as in DAPO, arXiv:2503.14476.

    Args:
        logp_NT: ``[N, T]`` under pi, with gradient.
        rollout_logp_NT: ``[N, T]`` under the policy that sampled.
        advantages_NT: ``[N, T]``, or ``[N, 1]`` for one a sequence; any units.
        mask_NT: ``[N, T]``, 1 on response tokens.
        clip_low: In [0, 1].
        clip_high: >= 0.
        how: See ``aggregate``.
        constant: See ``aggregate``.
        check: Look at the values too.

    Returns:
        Scalar, units of the advantage; to be minimised.

    Raises:
        ShapeError: Shapes differ or every token is masked.
        LogProbError: A log-prob is no log-probability.
        SettingError: A clip is out of its range.
    """
    if not 0.0 <= clip_low <= 1.0 or not clip_high >= 0.0:
        raise SettingError(
            f"clip_low must be in [0, 1] and clip_high >= 0, got {clip_low} and {clip_high}"
        )
    mask, logp, rollout = _ready(mask_NT, check, logp_NT=logp_NT, rollout_logp_NT=rollout_logp_NT)
    advantages = _advantages(advantages_NT, mask, check)
    rho = (logp - rollout).exp()
    clipped = rho.clamp(1.0 - clip_low, 1.0 + clip_high)
    loss = -torch.minimum(rho * advantages, clipped * advantages)
    return aggregate(loss, mask, how, constant)


def grpo(
    batch: Batch,
    advantages_N1: Tensor,
    *,
    beta: float = 0.0,
    penalty: Penalty | None = None,
    clamp: Clamp = NO_CLAMP,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    how: Aggregation = "token-mean",
    constant: float | None = None,
    check: bool = True,
) -> Tensor:
    """Return GRPO's surrogate: ``ppo_clip`` with an advantage a sequence, plus beta KL.

        L_t = -min(rho_t A, clip(rho_t) A) + beta KL_t

    The KL as published is K3 in the loss, which optimises the *forward* KL; the default here is
    rho K3, the same value with the reverse KL's gradient.

    Source: Shao et al. 2024, arXiv:2402.03300; DeepSeek-V3.2, arXiv:2512.02556, for rho K3.

    Args:
        batch: Log-probs; ``rollout_logp_NT`` None means that pi itself sampled.
        advantages_N1: ``[N, 1]`` or ``[N, T]``.
        beta: Coefficient of the KL, >= 0.
        penalty: A penalty placed in the loss; rho K3 where None.
        clamp: Limits of the estimate.
        clip_low: See ``ppo_clip``.
        clip_high: See ``ppo_clip``.
        how: See ``aggregate``; of both terms.
        constant: See ``aggregate``.
        check: Look at the values too.

    Returns:
        Scalar; to be minimised.

    Raises:
        ShapeError: Shapes differ or every token is masked.
        LogProbError: A log-prob is no log-probability.
        SettingError: ``beta`` is negative, the penalty is one for the reward, or as ``ppo_clip``.
    """
    check_coefficient("beta", beta)
    chosen = penalty or Penalty("k3", "loss", weight="token")
    if chosen.placement != "loss":
        raise SettingError("a penalty in the reward belongs in the advantages, not in this loss")
    clean = batch.checked() if check else batch
    rollout = clean.rollout_logp_NT
    surrogate = ppo_clip(
        clean.logp_NT,
        clean.logp_NT.detach() if rollout is None else rollout,
        advantages_N1,
        clean.mask_NT,
        clip_low=clip_low,
        clip_high=clip_high,
        how=how,
        constant=constant,
        check=check,
    )
    if beta == 0.0:
        return surrogate
    return surrogate + beta * aggregate(
        token_penalty(chosen, clean, clamp), clean.mask_NT, how, constant
    )


def apa(
    logp_NT: Tensor,
    init_logp_NT: Tensor,
    advantages_NT: Tensor,
    mask_NT: Tensor,
    *,
    temperature: float,
    how: Aggregation = "token-mean",
    constant: float | None = None,
    check: bool = True,
) -> Tensor:
    """Return the squared loss of advantage-induced policy alignment.

        L_t = (log pi_t - log pi_init_t - A_t / lambda)^2

    Regresses the log-ratio to the *initial* policy on the advantage; no ratio to the rollout
    policy and no clip. On-policy its gradient is (2 / lambda) (policy gradient + lambda K2 in
    loss): beta is lambda, and the learning rate is in effect multiplied by 2 / lambda.

    Source: Zhu et al. 2023, arXiv:2306.02231.

    Args:
        logp_NT: ``[N, T]`` under pi, with gradient.
        init_logp_NT: ``[N, T]`` under the initial policy, not the rollout policy.
        advantages_NT: ``[N, T]`` or ``[N, 1]``; whitened as published (``aggregation.whiten``).
        mask_NT: ``[N, T]``, 1 on response tokens.
        temperature: lambda > 0, units of the advantage a nat; 0.1 as published.
        how: See ``aggregate``.
        constant: See ``aggregate``.
        check: Look at the values too.

    Returns:
        Scalar, nats squared, >= 0.

    Raises:
        ShapeError: Shapes differ or every token is masked.
        LogProbError: A log-prob is no log-probability.
        SettingError: ``temperature`` is not > 0.
    """
    check_temperature(temperature)
    mask, logp, init = _ready(mask_NT, check, logp_NT=logp_NT, init_logp_NT=init_logp_NT)
    residual = logp - init - _advantages(advantages_NT, mask, check) / temperature
    return aggregate(residual.square(), mask, how, constant)


def awr(
    logp_NT: Tensor,
    advantages_NT: Tensor,
    mask_NT: Tensor,
    *,
    temperature: float,
    max_weight: float | None = None,
    how: Aggregation = "token-mean",
    constant: float | None = None,
    check: bool = True,
) -> Tensor:
    """Return the loss of advantage-weighted regression.

        L_t = -exp(A_t / lambda) log pi_t

    Unlike ``apa`` there is no anchor but the policy that sampled, so online the deviation adds
    up; and at small lambda a few tokens carry all the weight.

    Source: Peng et al. 2019, arXiv:1910.00177; as the baseline of arXiv:2306.02231.

    Args:
        logp_NT: ``[N, T]`` under pi, with gradient.
        advantages_NT: ``[N, T]`` or ``[N, 1]``.
        mask_NT: ``[N, T]``, 1 on response tokens.
        temperature: lambda > 0.
        max_weight: Largest weight, > 0; None does not cut.
        how: See ``aggregate``.
        constant: See ``aggregate``.
        check: Look at the values too.

    Returns:
        Scalar; to be minimised.

    Raises:
        ShapeError: Shapes differ or every token is masked.
        LogProbError: A log-prob is no log-probability.
        SettingError: ``temperature`` or ``max_weight`` is not > 0.
    """
    check_temperature(temperature)
    if max_weight is not None and not max_weight > 0:
        raise SettingError(f"max_weight must be > 0 or None, got {max_weight}")
    mask, logp = _ready(mask_NT, check, logp_NT=logp_NT)
    weight = (_advantages(advantages_NT, mask, check) / temperature).exp().detach()
    if max_weight is not None:
        weight = weight.clamp(max=max_weight)
    return aggregate(-weight * logp, mask, how, constant)


def _ready(mask_NT: Tensor, check: bool, **log_probs: Tensor) -> list[Tensor]:
    first = next(iter(log_probs.values()))
    for name, part in log_probs.items():
        check_same_shape(name, tuple(part.shape), "mask_NT", tuple(mask_NT.shape))
    if not check:
        mask = mask_NT.bool()
        return [mask, *(torch.where(mask, part, 0.0) for part in log_probs.values())]
    mask = checked_mask(mask_NT, first)
    return [mask, *(checked_log_probs(name, part, mask) for name, part in log_probs.items())]


def _advantages(advantages_NT: Tensor, mask: Tensor, check: bool) -> Tensor:
    if advantages_NT.ndim != 2 or advantages_NT.shape[1] not in (1, mask.shape[1]):
        raise ShapeError(
            f"advantages must be [N, T] or [N, 1] beside log-probs {list(mask.shape)}, got "
            f"{list(advantages_NT.shape)}"
        )
    check_same_shape("advantages", (len(advantages_NT),), "log-probs", (len(mask),))
    values = torch.where(mask, advantages_NT.expand(mask.shape), 0.0)
    if check and not bool(torch.isfinite(values).all()):
        raise LogProbError(
            "an advantage is nan or infinite; look at the rewards and the critic of this batch"
        )
    return values
