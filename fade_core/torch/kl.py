"""KL penalties as losses with the stop-gradients that trainers put in them (torch).

Shapes: ``N`` sequences, ``T`` token positions, ``V`` vocabulary. The formulas are those of
``fade_core.kl``; here they carry gradients. Sums over tokens; divide afterwards by a constant,
never by each sequence's own length, which turns the direction of the gradient.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fade_core.errors import LogProbError, SettingError, ShapeError
from fade_core.kl import NO_CLAMP, Clamp
from fade_core.kl_checks import LOG_PROB_SLACK, check_coefficient, check_same_shape
from fade_core.kl_table import Configuration, Penalty


@dataclass(frozen=True, slots=True)
class Batch:
    """What a trainer has in hand for one batch of sequences.

    Attributes:
        logp_NT: Log-probs of the sampled tokens under pi, nats; carries the gradient.
        ref_logp_NT: The same tokens under the reference.
        mask_NT: 1 on response tokens, 0 elsewhere; what is masked may hold anything.
        rollout_logp_NT: The same tokens under the policy that sampled; None where that is pi.
        log_probs_NTV: Whole distributions of pi, only for ``full`` penalties; gradient.
        ref_log_probs_NTV: Whole distributions of the reference.
    """

    logp_NT: Tensor
    ref_logp_NT: Tensor
    mask_NT: Tensor
    rollout_logp_NT: Tensor | None = None
    log_probs_NTV: Tensor | None = None
    ref_log_probs_NTV: Tensor | None = None

    def checked(self) -> "Batch":
        """Return the batch with masked positions set to 0, or say what is wrong with it.

        Reads values back, so it synchronises an accelerator: call it once a batch.

        Raises:
            ShapeError: Shapes differ, are not ``[N, T]``, or no token is unmasked.
            LogProbError: An unmasked log-prob is ``nan``, infinite or above 0.
        """
        mask = checked_mask(self.mask_NT, self.logp_NT)
        parts = {"logp_NT": self.logp_NT, "ref_logp_NT": self.ref_logp_NT}
        if self.rollout_logp_NT is not None:
            parts["rollout_logp_NT"] = self.rollout_logp_NT
        clean = {name: checked_log_probs(name, part, mask) for name, part in parts.items()}
        return Batch(
            **clean,
            mask_NT=mask,
            log_probs_NTV=self.log_probs_NTV,
            ref_log_probs_NTV=self.ref_log_probs_NTV,
        )


def estimate(log_ratio: Tensor, estimator: str, clamp: Clamp = NO_CLAMP) -> Tensor:
    """Estimate KL(pi || ref) of each token, with gradient; see ``fade_core.kl.estimate``.

    Args:
        log_ratio: Any shape; log pi - log ref, nats.
        estimator: ``k1``, ``k2``, ``k3`` or ``abs``.
        clamp: The trainer's limits; beyond them the gradient is 0.

    Returns:
        The shape of ``log_ratio``, nats.

    Raises:
        SettingError: There is no such estimator.
    """
    d = _limited(log_ratio, clamp.log_ratio)
    if estimator == "k1":
        raw = d
    elif estimator == "k2":
        raw = 0.5 * d * d
    elif estimator == "k3":
        raw = torch.expm1(-d) + d
    elif estimator == "abs":
        raw = d.abs()
    else:
        raise SettingError(f"estimator must be k1, k2, k3 or abs, got {estimator!r}")
    return _limited(raw, clamp.estimate)


def penalty_loss(penalty: Penalty, batch: Batch, clamp: Clamp = NO_CLAMP) -> Tensor:
    """Write one penalty as a loss whose gradient is the one that the trainer takes.

        in loss:   sum_t w_t k(d_t)
        in reward: sum_t sg(c_t) log pi_t, with c the credited penalty; or c_t rho_t

    Source: Shah et al., arXiv:2512.21852; the trainers' code, as in ``docs/kl.md``.

    Args:
        penalty: Which one.
        batch: The log-probs; ``checked()`` first where they are not trusted.
        clamp: The trainer's limits.

    Returns:
        ``[N]`` nats, sums over unmasked tokens; to be minimised. Only the gradient of a reward
        penalty means something, not its value.

    Raises:
        ShapeError: A ``full`` penalty without whole distributions.
        SettingError: An estimator or a weight is not known.
    """
    if penalty.summed:
        mask = batch.mask_NT.to(batch.logp_NT.dtype)
        total = ((batch.logp_NT - batch.ref_logp_NT) * mask).sum(dim=-1)
        return estimate(total, penalty.estimator, clamp)
    return token_penalty(penalty, batch, clamp).sum(dim=-1)


def token_penalty(penalty: Penalty, batch: Batch, clamp: Clamp = NO_CLAMP) -> Tensor:
    """Write one penalty as a loss a token, for an aggregation of your own.

    Like ``penalty_loss`` before its sum over tokens.

    Source: as ``penalty_loss``.

    Args:
        penalty: Which one; not one of the summed log-ratio, which has no tokens.
        batch: The log-probs.
        clamp: The trainer's limits.

    Returns:
        ``[N, T]`` nats, 0 where masked.

    Raises:
        ShapeError: A ``full`` penalty without whole distributions.
        SettingError: The penalty is of the summed log-ratio, or a name in it is not known.
    """
    if penalty.summed:
        raise SettingError("a penalty of the summed log-ratio is one number a sequence")
    mask = batch.mask_NT.to(batch.logp_NT.dtype)
    if penalty.placement == "reward":
        return _in_reward(penalty, batch, clamp)
    if penalty.estimator in ("full", "full-forward"):
        return _full(batch, forward=penalty.estimator == "full-forward") * mask
    log_ratio = (batch.logp_NT - batch.ref_logp_NT) * mask
    kl = estimate(log_ratio, penalty.estimator, clamp)
    if penalty.shown is not None:
        kl = kl - kl.detach() + estimate(log_ratio, penalty.shown, clamp).detach()
    weight = _weight(penalty.weight, batch, mask)
    return (weight.detach() if penalty.detached else weight) * kl * mask


def configuration_loss(configuration: Configuration, batch: Batch) -> Tensor:
    """Add the penalties of a configuration with their coefficients.

    Args:
        configuration: An entry of ``fade_core.kl_configurations``.
        batch: The log-probs.

    Returns:
        ``[N]``; see ``penalty_loss``.

    Raises:
        SettingError: A coefficient is negative.
    """
    total = torch.zeros_like(batch.logp_NT[:, 0])
    for coefficient, penalty in configuration.terms:
        check_coefficient("the KL coefficient", coefficient)
        total = total + coefficient * penalty_loss(penalty, batch)
    return total


def _in_reward(penalty: Penalty, batch: Batch, clamp: Clamp) -> Tensor:
    mask = batch.mask_NT.to(batch.logp_NT.dtype)
    scored = _rollout(batch) if penalty.stale else batch.logp_NT
    kl = estimate((scored - batch.ref_logp_NT) * mask, penalty.estimator, clamp)
    charged = _credited((kl * mask).detach(), penalty.credit)
    if penalty.weight == "token":
        return charged * _weight("token", batch, mask) * mask
    if penalty.weight == "sequence":
        charged = charged * _weight("sequence", batch, mask).detach()
    return charged * batch.logp_NT * mask


def _credited(penalty_NT: Tensor, credit: str) -> Tensor:
    if credit == "sum":
        return penalty_NT.sum(dim=-1, keepdim=True).expand_as(penalty_NT)
    if credit == "togo":
        return penalty_NT.flip(-1).cumsum(dim=-1).flip(-1)
    if credit == "now":
        return penalty_NT
    raise SettingError(f"credit must be sum, togo or now, got {credit!r}")


def _weight(kind: str, batch: Batch, mask: Tensor) -> Tensor:
    if kind == "none":
        return torch.ones_like(batch.logp_NT)
    if kind == "self":
        return torch.exp(batch.logp_NT - batch.logp_NT.detach())
    log_rho = (batch.logp_NT - _rollout(batch)) * mask
    total = log_rho.sum(dim=-1, keepdim=True)
    if kind == "token":
        return log_rho.exp()
    if kind == "prefix":  # the earlier ratios correct the prefix's law and carry no gradient
        return (log_rho.cumsum(dim=-1) - log_rho).exp().detach() * log_rho.exp()
    if kind == "sequence":
        return total.exp().expand_as(log_rho)
    if kind == "geometric":
        count = mask.sum(dim=-1, keepdim=True).clamp(min=1)
        return (total / count).exp().expand_as(log_rho)
    raise SettingError(f"there is no importance weight {kind!r}")


def _rollout(batch: Batch) -> Tensor:
    return batch.logp_NT.detach() if batch.rollout_logp_NT is None else batch.rollout_logp_NT


def _full(batch: Batch, *, forward: bool) -> Tensor:
    if batch.log_probs_NTV is None or batch.ref_log_probs_NTV is None:
        raise ShapeError(
            "a full KL needs log_probs_NTV and ref_log_probs_NTV; the log-probs of the sampled "
            "tokens alone allow only k1, k2, k3 and abs"
        )
    pi, ref = batch.log_probs_NTV, batch.ref_log_probs_NTV
    first, second = (ref, pi) if forward else (pi, ref)
    return (first.exp() * (first - second)).sum(dim=-1)


def _limited(values: Tensor, limit: float | None) -> Tensor:
    return values if limit is None else values.clamp(-limit, limit)


def checked_mask(mask_NT: Tensor, like_NT: Tensor) -> Tensor:
    """Return the mask as booleans, or raise ``ShapeError``; see ``fade_core.kl_checks``."""
    if like_NT.ndim != 2 or mask_NT.shape != like_NT.shape:
        raise ShapeError(
            f"logp_NT and mask_NT must be [N, T] of one shape, got {list(like_NT.shape)} and "
            f"{list(mask_NT.shape)}"
        )
    mask = mask_NT.bool()
    if not bool(mask.any()):
        raise ShapeError(
            "the mask has no response token at all; pass the completion mask, 1 on the tokens "
            "that the policy generated"
        )
    return mask


def checked_log_probs(name: str, log_probs: Tensor, mask: Tensor) -> Tensor:
    """Return log-probs with 0 where masked, or raise what is wrong with the others."""
    check_same_shape(name, tuple(log_probs.shape), "mask_NT", tuple(mask.shape))
    clean = torch.where(mask, log_probs, 0.0)
    valid = torch.isfinite(clean) & (clean <= LOG_PROB_SLACK)
    if not bool(valid.all()):
        raise LogProbError(
            f"{name} has {int((~valid).sum())} values that are no log-probability; check for a "
            "masked or forbidden token, an overflow in half precision, or probabilities passed "
            "instead of their logarithms"
        )
    return clean
