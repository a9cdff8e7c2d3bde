"""Spectrum of the output head's update since the start of training.

Shapes: ``V`` vocabulary, ``D`` hidden size.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fade_core.errors import ShapeError


@dataclass(frozen=True, slots=True)
class HeadSpectrum:
    """How many directions the update has.

    Attributes:
        rank1_share: ``sigma_1^2 / sum sigma^2``, in [1/D, 1]; ``nan`` while there is no update.
        stable_rank: ``sum sigma^2 / sigma_1^2``, in [1, D]; ``nan`` while there is no update.
    """

    rank1_share: float
    stable_rank: float


def head_spectrum(weight_VD: Tensor, initial_weight_VD: Tensor) -> HeadSpectrum:
    """Return the spectrum of ``W_t - W_0``.

    The singular values come from the ``D x D`` Gram matrix in float64; no ``V x D``
    decomposition is made. The share is of the squared Frobenius norm.

    Source: FADE, arXiv:2607.01490, section 6.

    Args:
        weight_VD: ``[V, D]``, the head now.
        initial_weight_VD: ``[V, D]``, the head at the start, on the same device.

    Returns:
        Two floats.

    Raises:
        ShapeError: The tensors are not both ``[V, D]``.
    """
    if weight_VD.ndim != 2 or weight_VD.shape != initial_weight_VD.shape:
        raise ShapeError(
            f"both weights must be [V, D], got {list(weight_VD.shape)} "
            f"and {list(initial_weight_VD.shape)}"
        )
    update_VD = weight_VD.detach().double() - initial_weight_VD.detach().double()
    energy_D = torch.linalg.eigvalsh(update_VD.T @ update_VD).clamp(min=0.0)
    total, largest = float(energy_D.sum()), float(energy_D[-1])
    if not largest > 0.0:
        return HeadSpectrum(math.nan, math.nan)
    return HeadSpectrum(rank1_share=largest / total, stable_rank=total / largest)
