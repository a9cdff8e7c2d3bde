"""Token entropy and log-probability from logits.

Shapes: ``V`` vocabulary, ``N`` rows; leading dimensions are free.
"""

import importlib
import importlib.util
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from fade_core.errors import SettingError, ShapeError

CPU_CHUNK_ROWS = 20
"""Most rows in work at once on a CPU: two buffers of 80 bytes times the vocabulary. Every operation
on a chunk waits for the slowest thread, on a busy host up to a time slice, so what counts there is
the number of operations. More rows would take more than a quarter of the memory of an entropy of
128 rows of bfloat16 at a time."""

ONE_THREAD_ELEMENTS = 2**15 - 2**6
"""Logits that a CPU always takes at once: just below the size from which torch wakes threads."""

DEVICE_CHUNK_ELEMENTS = 2**22
"""Logits in work at once elsewhere: two buffers of 16 MiB hide the cost of launching."""

MIN_TEMPERATURE = 1e-6
"""Its reciprocal has to be a finite float32, with room to multiply."""

_LOG_2 = math.log(2.0)

# 2 to less than this is exactly 0, so a shifted logit is raised to it: 0 * -inf would be nan.
_FLOOR = {torch.float32: -200.0, torch.float64: -1100.0}

FusedKernel = Callable[
    [Tensor, Tensor | None, Tensor | None, float, Tensor, Tensor | None],
    None,
]
"""``(logits_NV, token_N, mask_N, temperature, entropy_N, log_prob_N)``; writes the last two."""


@dataclass(frozen=True, slots=True)
class TokenStatistics:
    """What one pass over the logits gives.

    Attributes:
        entropy: ``[...]``, nats, in [0, log V]; 0 where masked out.
        log_prob: ``[...]``, nats, <= 0, of the token that was asked for; 0 where masked out;
            ``nan`` where the token is not in [0, V).
    """

    entropy: Tensor
    log_prob: Tensor


def token_entropy(logits_V: Tensor) -> Tensor:
    """Return the entropy of the softmax of each row of logits.

        H = logsumexp(z) - sum_v softmax(z)_v z_v

    This form needs no logarithm of a probability that may have underflowed to 0. It can be
    differentiated and holds several copies of the logits; ``chunked_entropy`` holds none.

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


def chunked_entropy(
    logits_V: Tensor,
    mask: Tensor | None = None,
    *,
    temperature: float = 1.0,
    chunk_elements: int | None = None,
) -> Tensor:
    """Return the entropy of each row without a second copy of the logits.

    The same quantity as ``token_entropy``, for monitoring: no gradient flows, and the extra
    memory is that of ``entropy_and_log_prob``, which see for the rest.

    Source: standard definition; used as FADE's H, arXiv:2607.01490, section 8.

    Args:
        logits_V: ``[..., V]``, any floating dtype, V >= 1.
        mask: ``[...]``, true (or non-zero) for the rows that count; all of them where absent.
        temperature: The logits are divided by it, >= 1e-6.
        chunk_elements: Logits in work at once, >= 1; absent, from the constants above.

    Returns:
        ``[...]`` float32 (float64 for float64 logits), nats, in [0, log V]; 0 where masked out.

    Raises:
        ShapeError: The logits have no vocabulary, or the mask is not ``[...]``.
        SettingError: ``temperature`` or ``chunk_elements`` is out of its range.
    """
    return _walk(logits_V, None, mask, temperature, chunk_elements)[0]


def entropy_and_log_prob(
    logits_V: Tensor,
    tokens: Tensor,
    mask: Tensor | None = None,
    *,
    temperature: float = 1.0,
    chunk_elements: int | None = None,
) -> TokenStatistics:
    """Return each row's entropy and the log-probability of its token, in one pass.

        u = (z - max z) / T,   S = sum_v exp(u_v)
        H = log S - (1 / S) sum_v u_v exp(u_v),   log pi(token) = u_token - log S

    Both terms of H are >= 0, so nothing cancels. One exponential a logit, where a log-softmax
    followed by ``exp`` takes two and a separate log-probability a third. Sums are float32
    whatever the dtype of the logits (float64 for float64). On a CUDA device with Triton
    installed one kernel reads each logit once; elsewhere they are worked off in chunks, of
    whole rows or of parts of one. Extra memory beyond the results: two buffers of
    ``chunk_elements`` numbers, and some ten numbers for each row of ``chunk_elements`` or fewer
    logits. No gradient flows, and nothing synchronises an accelerator.

    Source: standard definitions; the online maximum of the kernel is that of Milakov and
    Gimelshein 2018, "Online normalizer calculation for softmax", arXiv:1805.02867.

    Args:
        logits_V: ``[..., V]``, any floating dtype, V >= 1; -inf marks a forbidden token. A row
            of nothing but -inf, or with ``nan`` or +inf in it, has no distribution: ``nan``.
        tokens: ``[...]`` integers in [0, V); others give a ``nan`` log-probability.
        mask: ``[...]``, true (or non-zero) for the rows that count; all of them where absent.
        temperature: The logits are divided by it, >= 1e-6.
        chunk_elements: Logits in work at once, >= 1; absent, from the constants above.

    Returns:
        Entropy and log-probability, ``[...]`` each; 0 where masked out, whatever the logits.

    Raises:
        ShapeError: The logits have no vocabulary, or tokens or mask are not ``[...]``.
        SettingError: ``temperature`` or ``chunk_elements`` is out of its range.

    >>> result = entropy_and_log_prob(torch.zeros(1, 4), torch.tensor([2]))
    >>> [round(float(value), 4) for value in (result.entropy, result.log_prob)]
    [1.3863, -1.3863]
    """
    entropy, log_prob = _walk(logits_V, tokens, mask, temperature, chunk_elements)
    return TokenStatistics(entropy, log_prob)


@torch.no_grad()
def _walk(
    logits_V: Tensor,
    tokens: Tensor | None,
    mask: Tensor | None,
    temperature: float,
    chunk_elements: int | None,
) -> tuple[Tensor, Tensor]:
    _check(logits_V, tokens, mask, temperature, chunk_elements)
    accumulator = torch.float64 if logits_V.dtype == torch.float64 else torch.float32
    entropy = torch.empty(logits_V.shape[:-1], dtype=accumulator, device=logits_V.device)
    log_prob = torch.empty_like(entropy) if tokens is not None else entropy
    kernel = _fused_kernel(logits_V.device.type, logits_V.dtype) or _Portable(
        logits_V, accumulator, chunk_elements or _default_chunk(logits_V)
    )
    flat_entropy, flat_log_prob = entropy.view(-1), log_prob.view(-1)
    flat_tokens = None if tokens is None else tokens.reshape(-1)
    flat_mask = None if mask is None else mask.reshape(-1)
    start = 0
    for logits_NV in _matrices(logits_V):
        rows = slice(start, start + len(logits_NV))
        start = rows.stop
        kernel(
            logits_NV,
            None if flat_tokens is None else flat_tokens[rows],
            None if flat_mask is None else flat_mask[rows],
            temperature,
            flat_entropy[rows],
            None if flat_tokens is None else flat_log_prob[rows],
        )
    return entropy, log_prob


class _Portable:
    """The chunked path of plain tensor operations, on two buffers for all chunks of a call.

    Shapes: ``K`` blocks of ``W`` columns that a row is cut into, ``C`` rows of a chunk.
    """

    def __init__(self, logits_V: Tensor, accumulator: torch.dtype, chunk_elements: int) -> None:
        vocabulary = logits_V.shape[-1]
        self._blocks = math.ceil(vocabulary / chunk_elements)
        self._width = math.ceil(vocabulary / self._blocks)
        self._rows = max(1, min(chunk_elements, logits_V.numel()) // vocabulary)
        self._shifted_F = torch.empty(
            self._rows * self._width, dtype=accumulator, device=logits_V.device
        )
        self._exp_F = torch.empty_like(self._shifted_F)

    def __call__(
        self,
        logits_NV: Tensor,
        token_N: Tensor | None,
        mask_N: Tensor | None,
        temperature: float,
        entropy_N: Tensor,
        log_prob_N: Tensor | None,
    ) -> None:
        sums_3NK = self._shifted_F.new_empty(3, len(logits_NV), self._blocks)
        for start in range(0, len(logits_NV), self._rows):
            rows = slice(start, start + self._rows)
            for block in range(self._blocks):
                columns = slice(block * self._width, (block + 1) * self._width)
                self._add(logits_NV[rows, columns], temperature, sums_3NK[:, rows, block])
        largest_N, total_N, weighted_N = _join(sums_3NK, temperature)
        log_total_N = total_N.log()
        torch.sub(log_total_N, weighted_N / total_N, alpha=_LOG_2, out=entropy_N)
        if token_N is not None and log_prob_N is not None:
            known_N = (token_N >= 0) & (token_N < logits_NV.shape[1])
            index_N1 = torch.where(known_N, token_N, 0).long().unsqueeze(1)
            # From the logits themselves: the shifted ones have been raised to the floor.
            own_N = logits_NV.gather(1, index_N1).squeeze(1) - largest_N
            # A row without a distribution has no log-probability either, wherever its nan is.
            known_N &= ~entropy_N.isnan()
            log_prob_N.copy_(torch.where(known_N, own_N / temperature - log_total_N, math.nan))
        if mask_N is not None:
            left_out_N = mask_N == 0
            entropy_N.masked_fill_(left_out_N, 0.0)
            if log_prob_N is not None:
                log_prob_N.masked_fill_(left_out_N, 0.0)

    def _add(self, logits_CW: Tensor, temperature: float, sums_3C: Tensor) -> None:
        """Write the maximum, ``sum 2^b`` and ``sum b 2^b`` of one block, ``b = u / log 2``.

        To base 2, because MKL's exponential wakes its threads for blocks of any size.
        """
        shape, size = logits_CW.shape, logits_CW.numel()
        shifted_CW = self._shifted_F[:size].view(shape)
        exp_CW = self._exp_F[:size].view(shape)
        # Converted first: an operation on two dtypes would make a third buffer for itself.
        shifted_CW.copy_(logits_CW)
        # Not below the finite range: a block of forbidden tokens alone is -inf - -inf = nan.
        lowest = torch.finfo(shifted_CW.dtype).min
        largest_C1 = shifted_CW.amax(dim=1, keepdim=True).clamp_(min=lowest)
        shifted_CW.sub_(largest_C1)
        shifted_CW.mul_(1.0 / (temperature * _LOG_2))
        torch.exp2(shifted_CW, out=exp_CW)
        sums_3C[0] = largest_C1.squeeze(1)
        torch.sum(exp_CW, dim=1, out=sums_3C[1])
        # A forbidden token has 0 * -inf, which is nan and is to count 0; other nan is in the sum
        # above, too. Raising -inf to the finite range first would be one more operation.
        torch.nansum(exp_CW.mul_(shifted_CW), dim=1, out=sums_3C[2])


def _join(sums_3NK: Tensor, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return the three sums of whole rows from those of their blocks."""
    largest_NK, total_NK, weighted_NK = sums_3NK
    largest_N1 = largest_NK.amax(dim=1, keepdim=True)
    drop_NK = (largest_NK - largest_N1).mul_(1.0 / (temperature * _LOG_2))
    drop_NK.clamp_(min=_FLOOR[sums_3NK.dtype])
    decay_NK = drop_NK.exp2()
    weighted_N = (decay_NK * (weighted_NK + drop_NK * total_NK)).sum(dim=1)
    return largest_N1.squeeze(1), (decay_NK * total_NK).sum(dim=1), weighted_N


def _default_chunk(logits_V: Tensor) -> int:
    if logits_V.device.type != "cpu":
        return DEVICE_CHUNK_ELEMENTS
    # An eighth: the buffers of a few rows stay small beside their logits, too.
    largest = min(CPU_CHUNK_ROWS * logits_V.shape[-1], DEVICE_CHUNK_ELEMENTS)
    return max(ONE_THREAD_ELEMENTS, min(largest, logits_V.numel() // 8))


def _fused_kernel(device_type: str, dtype: torch.dtype) -> FusedKernel | None:
    """Return the Triton kernel where it can run; it sums in float32, so not for float64."""
    if device_type != "cuda" or dtype == torch.float64:
        return None
    if importlib.util.find_spec("triton") is None:
        return None
    kernel: FusedKernel = importlib.import_module("fade_core.torch._triton_entropy").launch
    return kernel


def _matrices(logits_V: Tensor) -> Iterator[Tensor]:
    """Yield views ``[N, V]`` in order; a reshape of ``logits[:, :-1]`` would copy all of it."""
    if logits_V.ndim == 2:
        yield logits_V
    elif logits_V.ndim == 1 or logits_V.is_contiguous():
        yield logits_V.view(-1, logits_V.shape[-1])
    else:
        for part in logits_V:
            yield from _matrices(part)


def _check(
    logits_V: Tensor,
    tokens: Tensor | None,
    mask: Tensor | None,
    temperature: float,
    chunk_elements: int | None,
) -> None:
    if logits_V.ndim == 0 or logits_V.shape[-1] == 0:
        raise ShapeError(
            f"logits must be [..., V] with V >= 1, got {list(logits_V.shape)}; "
            "the last dimension is the vocabulary"
        )
    for name, values in (("tokens", tokens), ("mask", mask)):
        if values is not None and values.shape != logits_V.shape[:-1]:
            raise ShapeError(
                f"{name} must be {list(logits_V.shape[:-1])}, one for each row of the logits "
                f"{list(logits_V.shape)}, got {list(values.shape)}; shift by one token before"
            )
    if not (math.isfinite(temperature) and temperature >= MIN_TEMPERATURE):
        raise SettingError(
            f"temperature must be a finite number >= {MIN_TEMPERATURE}, got {temperature}; "
            "greedy sampling has entropy 0 and needs no logits"
        )
    if chunk_elements is not None and chunk_elements < 1:
        raise SettingError(f"chunk_elements must be >= 1, got {chunk_elements}")
