"""Entropy and log-probability on CUDA: one Triton kernel that reads each logit once.

Shapes: ``V`` vocabulary, ``N`` rows. Imported by ``fade_core.torch.entropy`` only when the
logits are on a CUDA device and Triton is installed. One program a row keeps the running maximum
``m``, ``s = sum exp(u)`` and ``t = sum u exp(u)`` with ``u = (z - m) / T``; when a block raises
the maximum by ``d T``, ``t`` becomes ``exp(-d) (t - d s)`` and ``s`` becomes ``exp(-d) s``.

Source: Milakov and Gimelshein 2018, "Online normalizer calculation for softmax",
arXiv:1805.02867, extended here by the third sum.
"""

import torch
import triton  # type: ignore[import-not-found, import-untyped, unused-ignore]
import triton.language as tl  # type: ignore[import-not-found, import-untyped, unused-ignore]
from torch import Tensor

MAX_BLOCK = 4096
"""Logits of a row that one program holds at a time."""


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def entropy_kernel(  # type: ignore[no-untyped-def]  # noqa: PLR0915
    logits_ptr,
    token_ptr,
    mask_ptr,
    entropy_ptr,
    log_prob_ptr,
    row_stride,
    column_stride,
    vocabulary,
    inverse_temperature,
    HAS_TOKEN: tl.constexpr,
    HAS_MASK: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write the entropy and the log-probability of one row; the program's index is the row.

    No annotations but ``constexpr``: Triton would compile them. One function: it is one pass.
    """
    row = tl.program_id(0).to(tl.int64)
    base = logits_ptr + row * row_stride
    end = vocabulary
    if HAS_MASK:
        keep = tl.load(mask_ptr + row) != 0
        end = tl.where(keep, vocabulary, 0)

    maximum = float("-inf")
    total = 0.0
    weighted = 0.0
    broken = 0
    for start in range(0, end, BLOCK):
        column = start + tl.arange(0, BLOCK).to(tl.int64)
        z = tl.load(base + column * column_stride, mask=column < vocabulary, other=float("-inf"))
        z = z.to(tl.float32)
        broken += tl.sum((z != z).to(tl.int32), axis=0)
        new_maximum = tl.maximum(maximum, tl.max(z, axis=0))
        # Raised to -200, where exp is 0: covers forbidden tokens and blocks of nothing but
        # them, whose -inf - -inf is nan and which this maximum also turns into -200.
        drop = tl.maximum((maximum - new_maximum) * inverse_temperature, -200.0)
        shifted = tl.maximum((z - new_maximum) * inverse_temperature, -200.0)
        share = tl.exp(shifted)
        decay = tl.exp(drop)
        weighted = decay * (weighted + drop * total) + tl.sum(shifted * share, axis=0)
        total = decay * total + tl.sum(share, axis=0)
        maximum = new_maximum

    nan = float("nan")
    sound = (broken == 0) & (total > 0.0)
    safe_total = tl.where(sound, total, 1.0)
    log_total = tl.log(safe_total)
    entropy = tl.where(sound, log_total - weighted / safe_total, nan)
    if HAS_MASK:
        entropy = tl.where(keep, entropy, 0.0)
    tl.store(entropy_ptr + row, entropy)
    if HAS_TOKEN:
        token = tl.load(token_ptr + row)
        known = (token >= 0) & (token < vocabulary)
        own = tl.load(base + token.to(tl.int64) * column_stride, mask=known, other=0.0)
        log_prob = (own.to(tl.float32) - maximum) * inverse_temperature - log_total
        log_prob = tl.where(sound & known, log_prob, nan)
        if HAS_MASK:
            log_prob = tl.where(keep, log_prob, 0.0)
        tl.store(log_prob_ptr + row, log_prob)


def launch(
    logits_NV: Tensor,
    token_N: Tensor | None,
    mask_N: Tensor | None,
    temperature: float,
    entropy_N: Tensor,
    log_prob_N: Tensor | None,
) -> None:
    """Run the kernel on a matrix of logits; see ``fade_core.torch.entropy``.

    Args:
        logits_NV: ``[N, V]``, float32, float16 or bfloat16, any strides.
        token_N: ``[N]`` integers, or absent together with ``log_prob_N``.
        mask_N: ``[N]``, non-zero for the rows that count; absent for all.
        temperature: > 0.
        entropy_N: ``[N]`` float32, contiguous; is written.
        log_prob_N: ``[N]`` float32, contiguous; is written.
    """
    rows, vocabulary = logits_NV.shape
    if rows == 0:
        return
    block = min(MAX_BLOCK, triton.next_power_of_2(vocabulary))
    mask = None if mask_N is None else (mask_N != 0).to(torch.int8)
    # Triton launches on the current device, which need not be that of the logits.
    with torch.cuda.device_of(logits_NV):  # type: ignore[no-untyped-call]
        entropy_kernel[(rows,)](
            logits_NV,
            entropy_N if token_N is None else token_N.contiguous(),
            entropy_N if mask is None else mask,
            entropy_N,
            entropy_N if log_prob_N is None else log_prob_N,
            logits_NV.stride(0),
            logits_NV.stride(1),
            vocabulary,
            1.0 / temperature,
            HAS_TOKEN=token_N is not None,
            HAS_MASK=mask is not None,
            BLOCK=block,
            num_warps=8 if block >= 2048 else 4,
        )
