"""Token entropy from logits.

Shapes: ``V`` vocabulary; leading dimensions are free.
"""

import torch
from torch import Tensor


def token_entropy(logits_V: Tensor) -> Tensor:
    """Return the entropy of the softmax of each row of logits.

        H = logsumexp(z) - sum_v softmax(z)_v z_v

    This form needs no logarithm of a probability that may have underflowed to 0.

    Source: standard definition; used as FADE's H, arXiv:2607.01490, section 8.

    Args:
        logits_V: ``[..., V]`` floats, any floating dtype, already divided by the temperature.

    Returns:
        ``[...]`` float32 (float64 for float64 logits), nats, in [0, log V].
    """
    logits = logits_V if logits_V.dtype == torch.float64 else logits_V.float()
    log_total = logits.logsumexp(dim=-1, keepdim=True)
    log_prob = logits - log_total
    probability = log_prob.exp()
    # A logit of -inf (a forbidden token) has probability 0 and no share, not 0 * -inf = nan.
    share = torch.where(probability > 0, probability * log_prob, 0.0)
    return -share.sum(dim=-1)
