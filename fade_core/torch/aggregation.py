"""How a value a token becomes one number, and whitening over the unmasked tokens (torch).

Shapes: ``N`` sequences, ``T`` token positions.
"""

from typing import Literal

import torch
from torch import Tensor

from fade_core.errors import SettingError, ShapeError
from fade_core.torch.kl import checked_mask

Aggregation = Literal["token-mean", "sequence-mean", "constant"]


def aggregate(
    values_NT: Tensor, mask_NT: Tensor, how: Aggregation, constant: float | None = None
) -> Tensor:
    """Reduce a value a token to one number.

        token-mean:    sum m x / sum m              (DAPO, verl's default)
        sequence-mean: mean_n (sum_t m x / sum_t m)  (GRPO as published)
        constant:      sum m x / (N constant)        (Dr. GRPO)

    Only ``constant``, and ``token-mean`` up to a shared factor, keep the direction of a sum over
    tokens; ``sequence-mean`` weighs the tokens of short sequences more.

    Source: Liu et al. 2025, arXiv:2503.20783; Yu et al. 2025, arXiv:2503.14476.

    Args:
        values_NT: ``[N, T]``.
        mask_NT: ``[N, T]``, 1 on response tokens, at least one.
        how: Which of the three.
        constant: Tokens that a sequence is divided by, > 0; only for ``constant``.

    Returns:
        Scalar. A sequence without any token counts as 0 in ``sequence-mean``.

    Raises:
        ShapeError: The two are not ``[N, T]`` of one shape.
        SettingError: ``how`` is not known, or ``constant`` is missing or not > 0.
    """
    if values_NT.ndim != 2 or values_NT.shape != mask_NT.shape:
        raise ShapeError(
            f"values and mask must be [N, T] of one shape, got {list(values_NT.shape)} and "
            f"{list(mask_NT.shape)}"
        )
    mask = mask_NT.bool()
    values = torch.where(mask, values_NT, 0.0)
    if how == "token-mean":
        return values.sum() / mask.sum().clamp(min=1)
    if how == "sequence-mean":
        return (values.sum(dim=1) / mask.sum(dim=1).clamp(min=1)).mean()
    if how != "constant":
        raise SettingError(f"how must be token-mean, sequence-mean or constant, got {how!r}")
    if constant is None or not constant > 0:
        raise SettingError(
            f"constant must be > 0 tokens, got {constant}; the longest response allowed is usual"
        )
    return values.sum() / (len(values) * constant)


def whiten(advantages_NT: Tensor, mask_NT: Tensor, eps: float = 1e-8) -> Tensor:
    """Shift and scale the unmasked advantages to mean 0 and variance 1.

    Padding does not take part, unlike in the code that was published with APA.

    Source: Zhu et al. 2023, arXiv:2306.02231.

    Args:
        advantages_NT: ``[N, T]``.
        mask_NT: ``[N, T]``, 1 on response tokens.
        eps: Added to the variance, > 0.

    Returns:
        ``[N, T]``, 0 where masked.

    Raises:
        ShapeError: Shapes differ or every token is masked.
        SettingError: ``eps`` is not > 0.
    """
    if not eps > 0:
        raise SettingError(f"eps must be > 0, got {eps}")
    mask = checked_mask(mask_NT, advantages_NT)
    count = mask.sum()
    values = torch.where(mask, advantages_NT, 0.0)
    centred = torch.where(mask, values - values.sum() / count, 0.0)
    return centred * (centred.square().sum() / count + eps).rsqrt()
