"""Where a KL penalty goes: which tokens a reward penalty is charged to, and importance weights.

Shapes: ``N`` sequences, ``T`` token positions.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fade_core.errors import SettingError
from fade_core.kl_checks import checked_mask

Floats = NDArray[np.float64]
Credit = Literal["sum", "togo", "now"]
Level = Literal["token", "prefix", "sequence", "geometric"]

CREDITS: tuple[Credit, ...] = ("sum", "togo", "now")


def credit(penalty_NT: ArrayLike, mask_NT: ArrayLike, mode: Credit) -> Floats:
    """Spread a penalty in the reward over the tokens whose score function it multiplies.

        sum:  c_t = sum_s k_s      (GRPO, RLOO)
        togo: c_t = sum_{s>=t} k_s (PPO with gamma = lambda = 1, REINFORCE++)
        now:  c_t = k_t            (a discount of 0)

    ``sum`` and ``togo`` have the same mean and ``togo`` less noise; ``now`` drops what a token
    does to the KL of later ones.

    Source: Tang & Munos, arXiv:2506.09477; Shah et al., arXiv:2512.21852.

    Args:
        penalty_NT: ``[N, T]`` nats.
        mask_NT: ``[N, T]``, 1 on response tokens.
        mode: ``sum``, ``togo`` or ``now``.

    Returns:
        ``[N, T]`` nats; 0 where masked for ``now``.

    Raises:
        ShapeError: The two are not ``[N, T]`` of one shape, or no token is unmasked.
        SettingError: There is no such mode.

    >>> credit([[1.0, 2.0]], [[1, 1]], "togo").tolist()
    [[3.0, 2.0]]
    """
    if mode not in CREDITS:
        raise SettingError(f"credit must be one of {', '.join(CREDITS)}, got {mode!r}")
    penalty = np.asarray(penalty_NT, dtype=np.float64)
    mask = checked_mask(mask_NT, penalty.shape)
    masked = np.where(mask, penalty, 0.0)
    if mode == "sum":
        return np.broadcast_to(masked.sum(axis=1, keepdims=True), masked.shape).copy()
    if mode == "togo":
        return masked[:, ::-1].cumsum(axis=1)[:, ::-1]
    return masked


def importance_weights(log_rho_NT: ArrayLike, mask_NT: ArrayLike, level: Level) -> Floats:
    """Return the weights that correct for tokens drawn from the rollout policy mu, not pi.

        token:     rho_t = pi_t / mu_t
        prefix:    rho_1 ... rho_t
        sequence:  rho_1 ... rho_T on every token
        geometric: (rho_1 ... rho_T)^(1/T) on every token

    Only ``sequence`` restores the whole-sequence law. ``geometric`` restores nothing exactly.

    Source: DeepSeek-V3.2, arXiv:2512.02556 (token); GSPO, arXiv:2507.18071 (geometric).

    Args:
        log_rho_NT: ``[N, T]``, log pi - log mu of each sampled token, nats.
        mask_NT: ``[N, T]``, 1 on response tokens.
        level: Which of the four.

    Returns:
        ``[N, T]``; 1 where masked for ``token``.

    Raises:
        ShapeError: The two are not ``[N, T]`` of one shape, or no token is unmasked.
        SettingError: There is no such level.

    >>> importance_weights([[0.0, 0.0]], [[1, 1]], "sequence").tolist()
    [[1.0, 1.0]]
    """
    raw = np.asarray(log_rho_NT, dtype=np.float64)
    mask = checked_mask(mask_NT, raw.shape)
    log_rho = np.where(mask, raw, 0.0)
    total_N1 = log_rho.sum(axis=1, keepdims=True)
    count_N1 = np.maximum(mask.sum(axis=1, keepdims=True), 1)
    exponents = {
        "token": log_rho,
        "prefix": log_rho.cumsum(axis=1),
        "sequence": np.broadcast_to(total_N1, raw.shape),
        "geometric": np.broadcast_to(total_N1 / count_N1, raw.shape),
    }
    if level not in exponents:
        raise SettingError(f"level must be one of {', '.join(exponents)}, got {level!r}")
    weights: Floats = np.exp(exponents[level])
    return weights
