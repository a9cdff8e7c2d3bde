"""The head's spectrum against dense decompositions, in one process and over two real ranks."""

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fade_core.errors import SettingError, ShapeError
from fade_core.torch import spectrum as spectrum_module
from fade_core.torch.spectrum import (
    HeadMonitor,
    HeadSpectrum,
    direction_angle,
    head_fraction,
    head_spectrum,
    local_rows,
    lora_spectrum,
    spectrum_of_gram,
    update_gram,
)
from tests.unit.core_torch.memory import Allocations

# Golden file, "rank": singular values and what follows from them.
SIGMA = [
    8.53992282745,
    3.50069094169,
    3.00321221832,
    2.94394163726,
    2.36554050344,
    1.56160035595,
    1.01793537054,
    0.557954001939,
]


def randn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def with_sigma(sigma: list[float], rows: int = 20, seed: int = 0) -> Tensor:
    left, _ = torch.linalg.qr(randn(rows, len(sigma), seed=seed))
    right, _ = torch.linalg.qr(randn(len(sigma), len(sigma), seed=seed + 1))
    product: Tensor = left @ torch.tensor(sigma, dtype=torch.float64).diag() @ right.T
    return product


def dense(update_VD: Tensor) -> HeadSpectrum:
    """The measures from a full decomposition of the update."""
    _, sigma, right = torch.linalg.svd(update_VD.double(), full_matrices=False)
    energy = sigma.square() / sigma.square().sum()
    return HeadSpectrum(
        rank1_share=float(energy[0]),
        stable_rank=float(1.0 / energy[0]),
        effective_rank=math.exp(float(-torch.xlogy(energy, energy).sum())),
        nuclear_share=float(sigma[0] / sigma.sum()),
        norm=float(sigma.square().sum().sqrt()),
        direction_D=right[0],
    )


def assert_same(got: HeadSpectrum, wanted: HeadSpectrum, rel: float = 1e-9) -> None:
    for name in ("rank1_share", "stable_rank", "effective_rank", "nuclear_share", "norm"):
        assert getattr(got, name) == pytest.approx(getattr(wanted, name), rel=rel), name
    assert direction_angle(got.direction_D, wanted.direction_D) < 1e-6


def test_the_golden_measures_follow_from_their_singular_values() -> None:
    result = head_spectrum(with_sigma(SIGMA), torch.zeros(20, 8, dtype=torch.float64))
    assert result.rank1_share == pytest.approx(0.649695166167, rel=1e-10)
    assert result.nuclear_share == pytest.approx(0.363543327885, rel=1e-10)
    assert result.stable_rank == pytest.approx(1.53918337718, rel=1e-10)
    assert result.effective_rank == pytest.approx(3.3688385027, rel=1e-10)
    assert result.norm == pytest.approx(10.5949552898, rel=1e-10)


@given(
    rows=st.integers(1, 30),
    hidden=st.integers(1, 8),
    seed=st.integers(0, 99),
    chunk=st.integers(1, 64),
    dtype=st.sampled_from([torch.float64, torch.float32]),
)
@settings(max_examples=60, deadline=None)
def test_any_shape_and_chunk_equal_a_dense_decomposition(
    rows: int, hidden: int, seed: int, chunk: int, dtype: torch.dtype
) -> None:
    initial = randn(rows, hidden, seed=seed, dtype=dtype)
    weight = initial + 1e-3 * randn(rows, hidden, seed=seed + 1, dtype=dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spectrum_module, "CHUNK_ELEMENTS", chunk)
        result = head_spectrum(weight, initial)
    wanted = dense(weight.double() - initial.double())
    assert result.rank1_share == pytest.approx(wanted.rank1_share, rel=1e-9)
    assert result.norm == pytest.approx(wanted.norm, rel=1e-9)
    assert result.effective_rank == pytest.approx(wanted.effective_rank, rel=1e-9)
    assert result.nuclear_share <= result.rank1_share + 1e-12
    assert 1.0 <= result.stable_rank <= hidden * (1 + 1e-12)


def test_two_measures_alone_still_make_a_spectrum() -> None:
    spectrum = HeadSpectrum(0.5, 2.0)
    assert (spectrum.rank1_share, spectrum.stable_rank) == (0.5, 2.0)
    assert math.isnan(spectrum.norm)


def test_a_rank_one_update_has_share_and_rank_one() -> None:
    weight = torch.outer(randn(50), randn(6, seed=1))
    result = head_spectrum(weight, torch.zeros_like(weight))
    assert result.rank1_share == pytest.approx(1.0, abs=1e-12)
    # Rounding of the Gram matrix, whose root is 1e-8, does not leak into the nuclear norm.
    assert result.nuclear_share == pytest.approx(1.0, abs=1e-12)
    assert result.effective_rank == pytest.approx(1.0, abs=1e-12)
    assert direction_angle(result.direction_D, randn(6, seed=1)) < 1e-7


@pytest.mark.parametrize("spoil", [None, math.nan, math.inf])
def test_no_update_or_a_broken_one_is_nan(spoil: float | None) -> None:
    initial = randn(5, 3)
    weight = initial.clone()
    if spoil is not None:
        weight[2, 1] = spoil
    result = head_spectrum(weight, initial)
    assert all(
        math.isnan(getattr(result, name))
        for name in ("rank1_share", "stable_rank", "effective_rank", "nuclear_share", "norm")
    )
    assert result.direction_D is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_weights_stay_as_they_are(dtype: torch.dtype) -> None:
    weight, initial = randn(6, 4).to(dtype), randn(6, 4, seed=1).to(dtype)
    kept = weight.clone(), initial.clone()
    head_spectrum(weight, initial)
    head_fraction((weight, initial), [(weight, initial)])
    assert torch.equal(weight, kept[0])
    assert torch.equal(initial, kept[1])


def test_a_trainable_head_can_be_measured() -> None:
    weight = torch.nn.Parameter(randn(6, 4))
    initial = weight.detach().clone() + 1.0
    assert not update_gram(weight, initial).requires_grad
    assert head_fraction((weight, initial), []) == 1.0


def test_no_float64_copy_of_the_head_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectrum_module, "CHUNK_ELEMENTS", 800)
    weight, initial = (
        randn(5000, 8, dtype=torch.float32),
        randn(5000, 8, seed=1, dtype=torch.float32),
    )
    with Allocations() as seen:
        head_spectrum(weight, initial)
        head_fraction((weight, initial), [(weight, initial)])
    assert seen.largest == 800 * 8


def test_the_gram_matrices_of_shards_add_up_with_one_reduction() -> None:
    weight, initial = randn(23, 5), randn(23, 5, seed=1)
    calls: list[torch.Size] = []

    def reduce(gram_DD: Tensor) -> None:
        calls.append(gram_DD.shape)
        gram_DD += update_gram(weight[9:], initial[9:])

    result = head_spectrum(weight[:9], initial[:9], reduce=reduce)
    assert calls == [(5, 5)]
    assert_same(result, dense(weight - initial))
    assert torch.equal(update_gram(weight[:0], initial[:0]), torch.zeros(5, 5).double())


def test_a_bf16_head_loses_updates_below_its_spacing() -> None:
    # Documented, not hidden: 1 + 2^-9 rounds to 1 in bf16, so the update is not there.
    initial = torch.ones(4, 3)
    weight = initial + 2.0**-9
    assert head_spectrum(weight, initial).rank1_share == pytest.approx(1.0)
    assert math.isnan(head_spectrum(weight.bfloat16(), initial.bfloat16()).rank1_share)
    # One that survives is measured exactly as it was rounded, in float64.
    moved = (initial + torch.tensor([0.1, 0.2, 0.3])).bfloat16()
    got = head_spectrum(moved, initial.bfloat16())
    assert got.norm == float((moved.double() - 1.0).norm())


@given(
    vocabulary=st.integers(1, 30),
    hidden=st.integers(1, 12),
    rank=st.integers(1, 4),
    seed=st.integers(0, 99),
    moved=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_lora_equals_the_dense_update(
    vocabulary: int, hidden: int, rank: int, seed: int, moved: bool
) -> None:
    down, up = randn(rank, hidden, seed=seed), randn(vocabulary, rank, seed=seed + 1)
    initial = (down + 0.1, up * 0.5) if moved else None
    update = 2.0 * (up @ down)
    if initial is not None:
        update = update - 2.0 * (initial[1] @ initial[0])
    result = lora_spectrum(down, up, scale=2.0, initial=initial)
    wanted = dense(update)
    assert result.rank1_share == pytest.approx(wanted.rank1_share, rel=1e-7)
    assert result.norm == pytest.approx(wanted.norm, rel=1e-7)
    assert result.rank1_share >= 1.0 / (2 * rank) - 1e-9


def test_lora_builds_neither_the_update_nor_its_gram_matrix() -> None:
    down, up = randn(4, 300), randn(5000, 4)
    with Allocations() as seen:
        lora_spectrum(down, up)
    assert seen.largest <= 4 * 5000 * 8
    assert seen.largest < 300 * 300 * 8
    assert direction_angle(lora_spectrum(down, up).direction_D, dense(up @ down).direction_D) < 1e-6


def test_lora_rows_on_two_ranks_need_one_reduction_of_rank_size() -> None:
    down, up = randn(3, 7), randn(20, 3, seed=1)
    calls: list[torch.Size] = []

    def reduce(gram_RR: Tensor) -> None:
        calls.append(gram_RR.shape)
        gram_RR += up[8:].T @ up[8:]

    assert_same(lora_spectrum(down, up[:8], reduce=reduce), dense(up @ down), rel=1e-7)
    assert calls == [(3, 3)]


@pytest.mark.parametrize("up", [torch.zeros(5, 2), torch.full((5, 2), math.nan)])
def test_lora_at_its_start_or_broken_is_nan(up: Tensor) -> None:
    assert math.isnan(lora_spectrum(randn(2, 4), up).rank1_share)


def test_the_angle_is_that_between_lines() -> None:
    x, y = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])
    assert direction_angle(x, y) == pytest.approx(math.pi / 2)
    assert direction_angle(x, -3.0 * x) == 0.0
    tiny = torch.tensor([1.0, 1e-9], dtype=torch.float64)
    assert direction_angle(x.double(), tiny) == pytest.approx(1e-9, rel=1e-6)
    assert math.isnan(direction_angle(None, x))
    assert math.isnan(direction_angle(x, None))
    assert math.isnan(direction_angle(x, torch.zeros(2)))


def test_the_head_fraction_is_of_squared_norms() -> None:
    head = (torch.full((2, 2), 3.0), torch.zeros(2, 2))
    others = [
        (torch.ones(8), torch.zeros(8)),
        (torch.ones(2, 2, 1).bfloat16(), torch.zeros(2, 2, 1)),
    ]
    assert head_fraction(head, others) == 36.0 / 48.0
    doubled = head_fraction(head, others, reduce=lambda energy_2: energy_2.mul_(2.0))
    assert doubled == 36.0 / 48.0
    assert math.isnan(head_fraction((head[0], head[0]), []))
    assert math.isnan(head_fraction((head[0] * math.nan, head[1]), others))


def test_a_monitor_measures_from_the_start_and_between_checks() -> None:
    weight = torch.nn.Parameter(randn(9, 3))
    monitor = HeadMonitor(weight)
    at_start = monitor.check(weight)
    assert math.isnan(at_start.spectrum.rank1_share)
    with torch.no_grad():
        weight[0, 0] += 1.0
    first = monitor.check(weight)
    assert first.spectrum.rank1_share == pytest.approx(1.0)
    assert math.isnan(first.angle)
    with torch.no_grad():
        weight[1, 1] += 3.0
    second = monitor.check(weight)
    assert second.spectrum.rank1_share == pytest.approx(0.9)
    assert second.angle == pytest.approx(math.pi / 2)
    assert monitor.check(weight).angle == pytest.approx(0.0, abs=1e-9)


def test_a_monitor_can_keep_the_start_in_a_file_and_resume_from_it(tmp_path: Path) -> None:
    path = tmp_path / "head.pt"
    weight = randn(9, 3)
    start = weight.clone()
    monitor = HeadMonitor(weight, path=path)
    weight += torch.outer(randn(9, seed=1), randn(3, seed=2))
    wanted = dense(weight - start)
    assert monitor.check(weight).spectrum.norm == pytest.approx(wanted.norm)
    again = HeadMonitor(weight, path=path, resume=True)
    assert again.check(weight).spectrum.norm == pytest.approx(wanted.norm)
    fresh = HeadMonitor(weight, path=path)
    assert math.isnan(fresh.check(weight).spectrum.norm)
    # The first monitor still holds the file that it wrote.
    assert monitor.check(weight).spectrum.norm == pytest.approx(wanted.norm)
    assert [entry.name for entry in tmp_path.iterdir()] == ["head.pt"]
    with pytest.raises(ShapeError, match=r"holds a head \[9, 3\], this one is \[4, 3\]"):
        HeadMonitor(weight[:4], path=path, resume=True)
    assert HeadMonitor(weight, path=tmp_path / "new.pt", resume=True).check(weight) is not None


def test_a_tied_head_is_refused_unless_accepted() -> None:
    model = torch.nn.Linear(3, 5, bias=False)
    embedding = torch.nn.Embedding(5, 3)
    untied = HeadMonitor(model.weight, embedding_VD=embedding.weight)
    assert math.isnan(untied.check(model.weight).spectrum.norm)
    model.weight = embedding.weight
    for tied in (embedding.weight, embedding.weight.detach()):
        with pytest.raises(SettingError, match=r"tied to the input embedding.*not applicable"):
            HeadMonitor(model.weight, embedding_VD=tied)
    accepted = HeadMonitor(model.weight, embedding_VD=embedding.weight, accept_tied=True)
    assert math.isnan(accepted.check(model.weight).spectrum.norm)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_low_precision_head_is_refused_unless_accepted(dtype: torch.dtype) -> None:
    weight = torch.ones(4, 3, dtype=dtype)
    with pytest.raises(SettingError, match="float32 master copy"):
        HeadMonitor(weight)
    monitor = HeadMonitor(weight, accept_low_precision=True)
    weight += 1.0
    assert monitor.check(weight).spectrum.rank1_share == pytest.approx(1.0)


class Placement:
    """What a distributed tensor says about one mesh dimension."""

    def __init__(self, shard: int | None) -> None:
        self.shard = shard

    def is_replicate(self) -> bool:
        return self.shard is None

    def is_shard(self, dim: int) -> bool:
        return self.shard == dim


class Distributed:
    """A stand-in with the surface of ``DTensor``; the real one runs in the two-rank test."""

    def __init__(self, *shards: int | None) -> None:
        self.placements = [Placement(shard) for shard in shards]

    def to_local(self) -> Tensor:
        return torch.ones(2, 3)


@pytest.mark.parametrize(
    ("shards", "reduces", "message"),
    [
        ((None,), True, "whole on every rank; leave reduce out"),
        ((1,), True, "sharded by rows on one mesh dimension"),
        ((0, 0), True, "sharded by rows on one mesh dimension"),
        ((0,), False, "give reduce=torch.distributed.all_reduce"),
    ],
)
def test_a_distributed_head_that_would_mislead_is_refused(
    shards: tuple[int | None, ...], reduces: bool, message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        local_rows(Distributed(*shards), reduce=(lambda _: None) if reduces else None)  # type: ignore[arg-type]


def test_a_distributed_head_gives_the_rows_of_its_rank() -> None:
    whole = local_rows(Distributed(None, None), reduce=None)  # type: ignore[arg-type]
    shard = local_rows(Distributed(0), reduce=lambda _: None)  # type: ignore[arg-type]
    assert whole.shape == shard.shape == (2, 3)


Z = torch.zeros(4, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: head_spectrum(Z, Z[:2]), ShapeError, r"\[V, D\], got \[4, 3\] and \[2, 3\]"),
        (lambda: head_spectrum(Z[0], Z[0]), ShapeError, "FSDP1, ZeRO-3"),
        (lambda: spectrum_of_gram(Z), ShapeError, r"\[D, D\] with D >= 1, got \[4, 3\]"),
        (lambda: spectrum_of_gram(torch.zeros(0, 0)), ShapeError, r"got \[0, 0\]"),
        (lambda: spectrum_of_gram(torch.zeros(3)), ShapeError, r"got \[3\]"),
        (lambda: lora_spectrum(Z, Z), ShapeError, r"A \[R, D\] and B \[V, R\]"),
        (lambda: lora_spectrum(Z[:0], Z[:, :0]), ShapeError, "R, D >= 1"),
        (lambda: lora_spectrum(Z[0], Z), ShapeError, r"got \[3\] and \[4, 3\]"),
        (lambda: lora_spectrum(Z, Z.T, scale=math.inf), SettingError, "scale must be finite"),
        (
            lambda: lora_spectrum(Z, Z.T, initial=(Z[:2], Z.T[:, :2])),
            ShapeError,
            r"initial factors must be \[4, 3\] and \[3, 4\]",
        ),
        (lambda: direction_angle(Z, Z), ShapeError, r"\[D\], got \[4, 3\]"),
        (lambda: direction_angle(Z[0], Z[:, 0]), ShapeError, r"got \[3\] and \[4\]"),
        (lambda: head_fraction((Z, Z[0]), []), ShapeError, "must keep its shape"),
        (lambda: HeadMonitor(Z[0]), ShapeError, r"the head must be \[V, D\], got \[3\]"),
        (lambda: HeadMonitor(Z, resume=True), SettingError, "needs the path"),
    ],
)
def test_a_bad_argument_is_refused_with_what_was_wanted(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


TWO_RANKS = """
import sys
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor
from fade_core.torch.spectrum import HeadMonitor, head_fraction, head_spectrum

rank, store = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=2)
torch.set_num_threads(1)
torch.manual_seed(0)
initial, weight = torch.randn(13, 4), torch.randn(13, 4)
reductions = []

def reduce(tensor):
    reductions.append(list(tensor.shape))
    dist.all_reduce(tensor)

rows = slice(0, 9) if rank == 0 else slice(9, 13)
plain = head_spectrum(weight[rows], initial[rows], reduce=reduce)
assert reductions == [[4, 4]], reductions
mesh = init_device_mesh("cpu", (2,))
sharded = distribute_tensor(initial.clone(), mesh, [Shard(0)])
monitor = HeadMonitor(sharded, reduce=reduce)
with torch.no_grad():
    sharded.to_local().copy_(distribute_tensor(weight, mesh, [Shard(0)]).to_local())
check = monitor.check(sharded)
fraction = head_fraction(
    (weight[rows], initial[rows]), [(weight[rows] * 2, initial[rows] * 2)], reduce=reduce
)
whole = head_spectrum(weight, initial)
for name in ("rank1_share", "stable_rank", "effective_rank", "nuclear_share", "norm"):
    for spectrum in (plain, check.spectrum):
        assert abs(getattr(spectrum, name) / getattr(whole, name) - 1) < 1e-12, name
assert abs(fraction - 0.2) < 1e-12, fraction
print("equal", plain.rank1_share.hex())
dist.destroy_process_group()
"""


def test_two_ranks_with_row_shards_agree_with_one(tmp_path: Path) -> None:
    script = tmp_path / "ranks.py"
    script.write_text(TWO_RANKS)
    root = Path(__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": str(root), "GLOO_SOCKET_IFNAME": "lo"}
    ranks = [
        subprocess.Popen(
            [sys.executable, str(script), str(rank), str(tmp_path / "store")],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    outputs = [rank.communicate(timeout=120) for rank in ranks]
    for rank, (_, errors) in zip(ranks, outputs, strict=True):
        assert rank.returncode == 0, errors
    lines = [out.strip().splitlines()[-1] for out, _ in outputs]
    assert lines[0].startswith("equal")
    assert lines[0] == lines[1]
