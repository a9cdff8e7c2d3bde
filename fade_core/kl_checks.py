"""What every function of the KL family refuses, and what it says."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fade_core.errors import LogProbError, SettingError, ShapeError


def check_same_shape(
    name: str, shape: tuple[int, ...], other: str, other_shape: tuple[int, ...]
) -> None:
    """Raise ``ShapeError`` where two arrays that must match do not."""
    if tuple(shape) != tuple(other_shape):
        raise ShapeError(
            f"{name} {list(shape)} and {other} {list(other_shape)} must have the same shape; "
            "score the same tokens with both policies"
        )


def checked_mask(mask_NT: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the mask as booleans.

    Args:
        mask_NT: ``[N, T]``, non-zero on response tokens.
        shape: What it must have.

    Returns:
        ``[N, T]`` booleans.

    Raises:
        ShapeError: It is not ``[N, T]`` of that shape, or masks every token.
    """
    mask = np.asarray(mask_NT).astype(bool)
    if mask.ndim != 2 or mask.shape != tuple(shape):
        raise ShapeError(
            f"mask must be [N, T] like the log-probs {list(shape)}, got {list(mask.shape)}"
        )
    if not mask.any():
        raise ShapeError(
            "the mask has no response token at all; pass the completion mask, 1 on the tokens "
            "that the policy generated"
        )
    return mask


def check_coefficient(name: str, coefficient: float) -> None:
    """Raise ``SettingError`` unless a penalty's coefficient is finite and >= 0."""
    if not (math.isfinite(coefficient) and coefficient >= 0.0):
        raise SettingError(
            f"{name} must be finite and >= 0, got {coefficient}; "
            "a negative coefficient rewards leaving the reference"
        )


def check_log_probs(name: str, log_probs: NDArray[np.float64], used: NDArray[np.bool_]) -> None:
    """Raise ``LogProbError`` where a log-prob that is used is not finite or is above 0."""
    wrong = used & ~(np.isfinite(log_probs) & (log_probs <= LOG_PROB_SLACK))
    if wrong.any():
        where = np.argwhere(wrong)[0].tolist()
        raise LogProbError(
            f"{name} has {int(wrong.sum())} values that are no log-probability, the first at "
            f"{where}: {log_probs[tuple(where)]}; check for a masked or forbidden token, an "
            "overflow in half precision, or probabilities passed instead of their logarithms"
        )


LOG_PROB_SLACK = 1e-3
"""How far above 0 a log-probability may be by rounding in half precision, nats."""
