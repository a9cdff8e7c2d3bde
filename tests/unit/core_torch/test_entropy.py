"""Entropy and log-probability against float64 references, on every path that can run here."""

import importlib.util
import math
import os
import sys
import types
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fade_core.errors import SettingError, ShapeError
from fade_core.torch import entropy as entropy_module
from fade_core.torch.entropy import chunked_entropy, entropy_and_log_prob, token_entropy
from tests.unit.core_torch.memory import Allocations

DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


def assert_near(got: Tensor, wanted: Tensor, *, equal_nan: bool = False) -> None:
    """Equal to the reference within 1e-12 in float64, 2e-6 relative and 5e-6 absolute else.

    The reference takes the logits as they are after rounding to their dtype, so this is the
    error of the sums alone: that of float32, for bf16 and fp16 logits too.
    """
    exact = got.dtype == torch.float64
    torch.testing.assert_close(
        got.detach().cpu().double(),
        wanted.double(),
        rtol=1e-12 if exact else 2e-6,
        atol=1e-12 if exact else 5e-6,
        equal_nan=equal_nan,
    )


def reference(logits_V: Tensor, tokens: Tensor, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """Both statistics in float64, in the plainest way."""
    log_prob_V = (logits_V.double() / temperature).log_softmax(dim=-1)
    share_V = torch.where(log_prob_V.isinf(), 0.0, log_prob_V.exp() * log_prob_V)
    return -share_V.sum(dim=-1), log_prob_V.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


def random_logits(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (4.0 * torch.randn(*shape, generator=generator)).to(dtype)


def random_tokens(logits_V: Tensor, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(logits_V.shape[-1], logits_V.shape[:-1], generator=generator)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("temperature", [1.0, 0.6, 1.3])
def test_both_equal_the_float64_reference_in_every_dtype(
    dtype: torch.dtype, temperature: float
) -> None:
    logits = random_logits(3, 7, 501, dtype=dtype)
    tokens = random_tokens(logits)
    result = entropy_and_log_prob(logits, tokens, temperature=temperature, chunk_elements=1600)
    entropy, log_prob = reference(logits, tokens, temperature)
    wanted_dtype = torch.float64 if dtype == torch.float64 else torch.float32
    assert result.entropy.dtype == result.log_prob.dtype == wanted_dtype
    assert_near(result.entropy, entropy)
    assert_near(result.log_prob, log_prob)
    alone = chunked_entropy(logits, temperature=temperature, chunk_elements=1600)
    assert torch.equal(alone, result.entropy)


@given(
    shape=st.lists(st.integers(0, 5), max_size=3),
    vocabulary=st.integers(1, 40),
    chunk=st.integers(1, 200),
    seed=st.integers(0, 99),
    forbidden=st.floats(0.0, 0.9),
)
@settings(max_examples=60, deadline=None)
def test_any_shape_mask_and_chunk_give_the_reference(
    shape: list[int], vocabulary: int, chunk: int, seed: int, forbidden: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = random_logits(*shape, vocabulary, seed=seed)
    banned = torch.rand(logits.shape, generator=generator) < forbidden
    banned[..., 0] = False
    logits = logits.masked_fill(banned, -math.inf)
    tokens = random_tokens(logits, seed)
    mask = torch.rand(tokens.shape, generator=generator) < 0.7
    result = entropy_and_log_prob(logits, tokens, mask, chunk_elements=chunk)
    entropy, log_prob = reference(logits, tokens)
    wanted = {
        "entropy": entropy.masked_fill(~mask, 0.0),
        "log_prob": log_prob.masked_fill(~mask, 0.0),
    }
    for name, value in wanted.items():
        assert_near(getattr(result, name), value)
    assert bool((result.entropy >= 0.0).all())


@pytest.mark.parametrize("chunk", [1, 97, 98, 500, 10**9])
def test_the_chunk_size_does_not_change_the_result(chunk: int) -> None:
    logits = random_logits(11, 97)
    tokens = random_tokens(logits)
    whole = entropy_and_log_prob(logits, tokens)
    cut = entropy_and_log_prob(logits, tokens, chunk_elements=chunk)
    assert_near(cut.entropy, whole.entropy)
    assert_near(cut.log_prob, whole.log_prob)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_extreme_but_finite_logits_never_give_nan(dtype: torch.dtype, chunk: int) -> None:
    top = torch.finfo(dtype).max
    logits = torch.tensor([[top, -top, 0.0], [-top, -top, -top], [top, top, -top]], dtype=dtype)
    for temperature in (1e-6, 1.0):
        result = entropy_and_log_prob(
            logits, torch.tensor([0, 1, 1]), temperature=temperature, chunk_elements=chunk
        )
        assert result.entropy.tolist() == pytest.approx([0.0, math.log(3), math.log(2)], abs=1e-6)
        assert result.log_prob.tolist() == pytest.approx(
            [0.0, -math.log(3), -math.log(2)], abs=1e-6
        )


def test_a_forbidden_token_has_probability_zero() -> None:
    logits = torch.tensor([[0.0, 0.0, -math.inf]])
    result = entropy_and_log_prob(logits, torch.tensor([2]))
    assert result.entropy.item() == pytest.approx(math.log(2))
    assert result.log_prob.item() == -math.inf


def test_a_far_token_keeps_its_log_probability() -> None:
    # exp(-500) is 0 in float32, but the log-probability is not clipped to where exp ends.
    result = entropy_and_log_prob(torch.tensor([[500.0, 0.0]]), torch.tensor([1]))
    assert (result.entropy.item(), result.log_prob.item()) == (0.0, -500.0)


@pytest.mark.parametrize(
    "row",
    [[-math.inf, -math.inf], [math.nan, 0.0], [math.inf, 0.0], [math.inf, math.inf]],
)
@pytest.mark.parametrize("chunk", [1, 100])
def test_a_row_without_a_distribution_is_nan_and_stays_alone(row: list[float], chunk: int) -> None:
    logits = torch.tensor([row, [0.0, 0.0]])
    result = entropy_and_log_prob(logits, torch.tensor([1, 1]), chunk_elements=chunk)
    assert result.entropy.isnan().tolist() == [True, False]
    assert result.log_prob.isnan().tolist() == [True, False]


def test_a_masked_row_is_zero_whatever_it_holds() -> None:
    logits = torch.tensor([[math.nan, 0.0], [-math.inf, -math.inf], [0.0, 0.0]])
    for mask in (torch.tensor([False, False, True]), torch.tensor([0.0, 0.0, 1.0])):
        result = entropy_and_log_prob(logits, torch.tensor([0, -100, 0]), mask)
        assert result.entropy.tolist() == pytest.approx([0.0, 0.0, math.log(2)])
        assert result.log_prob.tolist() == pytest.approx([0.0, 0.0, -math.log(2)])
        assert chunked_entropy(logits, mask).tolist() == pytest.approx([0.0, 0.0, math.log(2)])


def test_a_token_outside_the_vocabulary_has_no_log_probability() -> None:
    result = entropy_and_log_prob(torch.zeros(3, 2), torch.tensor([-100, 2, 1]))
    assert result.log_prob.isnan().tolist() == [True, True, False]
    assert not result.entropy.isnan().any()


def test_the_extra_memory_is_the_chunk_not_the_batch() -> None:
    logits = random_logits(64, 1000, dtype=torch.bfloat16)
    tokens = random_tokens(logits)
    with Allocations() as seen:
        entropy_and_log_prob(logits, tokens, chunk_elements=4000)
    assert seen.largest == 4000 * 4
    # Beside the two buffers: a few numbers a row, at most the three sums of each row.
    buffers = [size for size in seen.sizes if size > 64 * 3 * 4]
    assert buffers == [4000 * 4] * 2


@pytest.mark.parametrize(("rows", "buffer"), [(8, 32_000), (64, 64_000), (1100, 160_000)])
def test_by_default_the_buffers_are_small_beside_the_logits(rows: int, buffer: int) -> None:
    logits = torch.zeros(rows, 8000, dtype=torch.bfloat16)
    with Allocations() as seen:
        chunked_entropy(logits)
    assert seen.largest == buffer * 4


def test_a_row_wider_than_the_chunk_is_cut() -> None:
    logits = random_logits(2, 10_000)
    logits[0, 2_000:9_000] = -math.inf
    tokens = random_tokens(logits)
    with Allocations() as seen:
        result = entropy_and_log_prob(logits, tokens, chunk_elements=1000)
    assert seen.largest == 1000 * 4
    entropy, log_prob = reference(logits, tokens)
    assert_near(result.entropy, entropy)
    assert_near(result.log_prob, log_prob)


def test_an_accelerator_gets_larger_chunks() -> None:
    logits = torch.empty(4096, 32_000, device="meta")
    assert entropy_module._default_chunk(logits) == entropy_module.DEVICE_CHUNK_ELEMENTS


def test_a_shifted_view_of_the_logits_is_not_copied() -> None:
    logits = random_logits(4, 17, 300)
    tokens = random_tokens(logits[:, :-1])
    with Allocations() as seen:
        result = entropy_and_log_prob(logits[:, :-1], tokens, chunk_elements=600)
    assert seen.largest == 600 * 4
    entropy, log_prob = reference(logits[:, :-1], tokens)
    assert_near(result.entropy, entropy)
    assert_near(result.log_prob, log_prob)


def test_no_gradient_flows_and_the_logits_stay_as_they_are() -> None:
    logits = random_logits(5, 9).requires_grad_()
    before = logits.detach().clone()
    result = entropy_and_log_prob(logits, random_tokens(logits))
    assert not result.entropy.requires_grad
    assert not result.log_prob.requires_grad
    assert torch.equal(logits.detach(), before)


def test_token_entropy_still_has_a_gradient() -> None:
    logits = random_logits(5, 9).requires_grad_()
    token_entropy(logits).sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert_near(token_entropy(logits).detach(), chunked_entropy(logits))


def test_token_entropy_keeps_float64() -> None:
    assert token_entropy(torch.zeros(2, 4, dtype=torch.float64)).dtype == torch.float64


def test_autocast_does_not_lower_the_precision() -> None:
    logits = random_logits(6, 400)
    tokens = random_tokens(logits)
    plain = entropy_and_log_prob(logits, tokens)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = entropy_and_log_prob(logits, tokens)
    assert torch.equal(plain.entropy, cast.entropy)
    assert torch.equal(plain.log_prob, cast.log_prob)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"logits_V": torch.zeros(())}, ShapeError, r"\[\.\.\., V\] with V >= 1, got \[\]"),
        ({"logits_V": torch.zeros(2, 0)}, ShapeError, r"got \[2, 0\]"),
        ({"tokens": torch.zeros(3, dtype=torch.long)}, ShapeError, r"tokens must be \[2\].*\[3\]"),
        ({"mask": torch.ones(2, 5)}, ShapeError, r"mask must be \[2\].*\[2, 5\]"),
        ({"temperature": 0.0}, SettingError, "temperature must be a finite number >= 1e-06"),
        ({"temperature": math.nan}, SettingError, "got nan"),
        ({"chunk_elements": 0}, SettingError, "chunk_elements must be >= 1, got 0"),
    ],
)
def test_a_bad_argument_is_refused_with_what_was_wanted(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    good: dict[str, Any] = {
        "logits_V": torch.zeros(2, 5),
        "tokens": torch.zeros(2, dtype=torch.long),
    }
    with pytest.raises(error, match=message):
        entropy_and_log_prob(**(good | arguments))


@pytest.mark.parametrize(("device", "dtype"), [("cpu", torch.float32), ("cuda", torch.float64)])
def test_the_kernel_is_not_asked_for_where_it_cannot_run(device: str, dtype: torch.dtype) -> None:
    assert entropy_module._fused_kernel(device, dtype) is None


def test_without_triton_a_cuda_device_takes_the_portable_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert entropy_module._fused_kernel("cuda", torch.bfloat16) is None


def test_with_triton_a_cuda_device_takes_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = types.ModuleType("fade_core.torch._triton_entropy")
    stand_in.launch = lambda *_: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fade_core.torch._triton_entropy", stand_in)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    assert entropy_module._fused_kernel("cuda", torch.bfloat16) is stand_in.launch


def _kernel_device() -> str | None:
    """Where the kernel can run: on CUDA, or on the CPU under Triton's interpreter."""
    if importlib.util.find_spec("triton") is None:
        return None
    if os.environ.get("TRITON_INTERPRET") == "1":
        return "cpu"
    return "cuda" if torch.cuda.is_available() else None


KERNEL_DEVICE = _kernel_device()
needs_kernel = pytest.mark.skipif(
    KERNEL_DEVICE is None,
    reason="needs Triton, and a CUDA device or TRITON_INTERPRET=1",
)


@pytest.fixture
def on_kernel(monkeypatch: pytest.MonkeyPatch) -> str:
    """Send every call through the kernel, and name the device for its tensors."""
    from fade_core.torch import _triton_entropy

    monkeypatch.setattr(entropy_module, "_fused_kernel", lambda *_: _triton_entropy.launch)
    monkeypatch.setattr(_triton_entropy, "MAX_BLOCK", 128)
    return str(KERNEL_DEVICE)


@needs_kernel
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("vocabulary", [1, 100, 128, 501])
def test_the_kernel_equals_the_float64_reference(
    on_kernel: str, dtype: torch.dtype, temperature: float, vocabulary: int
) -> None:
    logits = random_logits(2, 4, vocabulary, dtype=dtype)
    tokens = random_tokens(logits)
    mask = torch.tensor([[1, 1, 0, 1], [0, 1, 1, 1]])
    result = entropy_and_log_prob(
        logits.to(on_kernel), tokens.to(on_kernel), mask.to(on_kernel), temperature=temperature
    )
    entropy, log_prob = reference(logits, tokens, temperature)
    assert_near(result.entropy, entropy * mask)
    assert_near(result.log_prob, log_prob * mask)
    unmasked = chunked_entropy(logits.to(on_kernel), temperature=temperature)
    assert_near(unmasked, entropy)


@needs_kernel
@pytest.mark.filterwarnings("ignore:(invalid value|overflow):RuntimeWarning")  # NumPy, interpreting
def test_the_kernel_reads_views_and_handles_hard_rows_as_the_portable_path(
    on_kernel: str,
) -> None:
    inf, nan, top = math.inf, math.nan, torch.finfo(torch.float32).max
    hard = torch.full((10, 300), -inf)
    hard[1, 299] = 0.0
    hard[2] = 0.0
    hard[2, 290] = nan
    hard[3] = 0.0
    hard[3, 200] = inf
    hard[4] = top
    hard[5], hard[5, 140] = -top, top
    hard[6] = torch.arange(300.0)
    hard[7] = -torch.arange(300.0)
    hard[8, 5:8] = 2.0
    hard[9] = 0.0
    tokens = torch.tensor([0, 299, 3, 4, 5, 140, 0, 299, 0, -100])
    result = entropy_and_log_prob(hard.to(on_kernel), tokens.to(on_kernel))
    transposed = hard.T.contiguous().T.to(on_kernel)
    strided = entropy_and_log_prob(transposed, tokens.to(on_kernel))
    portable = entropy_module._Portable(hard, torch.float32, 1000)
    entropy, log_prob = torch.empty(10), torch.empty(10)
    portable(hard, tokens, None, 1.0, entropy, log_prob)
    for got, wanted in (
        (result.entropy, entropy),
        (result.log_prob, log_prob),
        (strided.entropy, entropy),
        (strided.log_prob, log_prob),
    ):
        assert_near(got, wanted, equal_nan=True)
    assert entropy.isnan().tolist() == [True, False, True, True] + [False] * 6


@needs_kernel
def test_the_kernel_takes_an_empty_batch(on_kernel: str) -> None:
    assert chunked_entropy(torch.empty(0, 5, device=on_kernel)).shape == (0,)
