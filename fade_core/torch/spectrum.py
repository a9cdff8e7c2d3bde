"""Spectrum of the output head's update since the start of training.

Shapes: ``V`` vocabulary, ``D`` hidden size, ``R`` LoRA rank. A head sharded by rows (FSDP,
ZeRO) is never gathered: each rank forms the ``D x D`` Gram matrix of its rows, and one sum over
the ranks makes them that of the whole.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from fade_core.errors import SettingError, ShapeError

CHUNK_ELEMENTS = 2**20
"""Weights that are converted to float64 at once, 8 MiB."""

Reduce = Callable[[Tensor], object]
"""Sums a tensor over all ranks in place, such as ``torch.distributed.all_reduce``."""


@dataclass(frozen=True, slots=True)
class HeadSpectrum:
    """How many directions the update has; everything is ``nan`` while there is no update.

    With p_i = sigma_i^2 / sum sigma^2. Singular values below about 1e-6 sigma_1 cannot be told
    from 0 in a Gram matrix and count as 0, which only ``nuclear_share`` could notice.

    Attributes:
        rank1_share: ``sigma_1^2 / sum sigma^2``, in [1/D, 1]: share of the squared Frobenius
            norm, the one that this project alarms on.
        stable_rank: ``sum sigma^2 / sigma_1^2``, in [1, D]; the reciprocal of the share.
        effective_rank: ``exp(-sum_i p_i log p_i)``, in [1, D]: entropy of the energies. Roy and
            Vetterli 2007 take the entropy of ``sigma_i / sum sigma`` instead, which is larger.
        nuclear_share: ``sigma_1 / sum sigma``, in [1/D, 1]: share of the nuclear norm. Always
            at most ``rank1_share``; compare only like with like.
        norm: ``sqrt(sum sigma^2)``, the Frobenius norm, in units of the weights.
        direction_D: ``[D]`` float64, unit length, sign arbitrary: the hidden direction of
            sigma_1. Not part of the comparison of two spectra.
    """

    rank1_share: float
    stable_rank: float
    effective_rank: float = math.nan
    nuclear_share: float = math.nan
    norm: float = math.nan
    direction_D: Tensor | None = field(default=None, compare=False, repr=False)


@torch.no_grad()
def head_spectrum(
    weight_VD: Tensor, initial_weight_VD: Tensor, *, reduce: Reduce | None = None
) -> HeadSpectrum:
    """Return the spectrum of ``W_t - W_0``.

    The singular values come from the ``D x D`` Gram matrix in float64; no ``V x D``
    decomposition is made, and no float64 copy of a ``V x D`` tensor. The cost is V D^2
    multiplications and a decomposition of D^3: once in many steps, not in every one.

    bf16 weights round small updates away (their spacing is 2^-8 of the weight), so what is
    measured then is the rounded update; give the float32 master copy. ``HeadMonitor`` refuses
    them.

    Source: FADE, arXiv:2607.01490, section 6.

    Args:
        weight_VD: ``[V, D]``, the head now; or this rank's rows of it, with ``reduce``.
        initial_weight_VD: ``[V, D]``, the same rows at the start, on any device.
        reduce: Sums the Gram matrix over the ranks that hold the other rows; called once.

    Returns:
        The spectrum, equal on every rank; all ``nan`` while there is no update, or where a
        weight is ``nan`` or infinite.

    Raises:
        ShapeError: The tensors are not both ``[V, D]``.
        SettingError: A distributed tensor is not sharded by rows, or has no ``reduce``.
    """
    gram_DD = update_gram(
        local_rows(weight_VD, reduce=reduce), local_rows(initial_weight_VD, reduce=reduce)
    )
    if reduce is not None:
        reduce(gram_DD)
    return spectrum_of_gram(gram_DD)


@torch.no_grad()
def update_gram(weight_VD: Tensor, initial_weight_VD: Tensor) -> Tensor:
    """Return the Gram matrix of the update, in chunks of rows.

        K = (W_t - W_0)^T (W_t - W_0) = sum over row chunks of dW_c^T dW_c

    A sum over rows, hence over shards of rows: that is what makes one all-reduce of D x D
    numbers enough.

    Source: standard linear algebra; the eigenvalues of K are the squared singular values.

    Args:
        weight_VD: ``[V, D]``, any floating dtype; V may be 0 (a rank without rows).
        initial_weight_VD: ``[V, D]``, on any device; chunks move to that of ``weight_VD``.

    Returns:
        ``[D, D]`` float64 on the device of ``weight_VD``, units of the weights squared.

    Raises:
        ShapeError: The tensors are not both ``[V, D]``.
    """
    if weight_VD.ndim != 2 or weight_VD.shape != initial_weight_VD.shape:
        raise ShapeError(
            f"both weights must be [V, D], got {list(weight_VD.shape)} "
            f"and {list(initial_weight_VD.shape)}; a flattened or gathered-away parameter "
            "(FSDP1, ZeRO-3) has to be summoned, or given as the rows that this rank holds"
        )
    hidden = weight_VD.shape[1]
    gram_DD = torch.zeros(hidden, hidden, dtype=torch.float64, device=weight_VD.device)
    for update_CD in _update_chunks(weight_VD, initial_weight_VD):
        gram_DD.addmm_(update_CD.T, update_CD)
    return gram_DD


@torch.no_grad()
def spectrum_of_gram(gram_DD: Tensor) -> HeadSpectrum:
    """Return the spectrum of an update from its (reduced) Gram matrix.

        sigma_i^2 = eigenvalues of K

    Source: FADE, arXiv:2607.01490, section 6; the measures are described at ``HeadSpectrum``.

    Args:
        gram_DD: ``[D, D]`` float64, symmetric, positive semi-definite, D >= 1.

    Returns:
        The spectrum; all ``nan`` for a zero matrix or one with a ``nan`` or infinity.

    Raises:
        ShapeError: The matrix is not square, or empty.
    """
    if gram_DD.ndim != 2 or gram_DD.shape[0] != gram_DD.shape[1] or gram_DD.numel() == 0:
        raise ShapeError(f"a Gram matrix must be [D, D] with D >= 1, got {list(gram_DD.shape)}")
    if not bool(gram_DD.isfinite().all()):
        return HeadSpectrum(math.nan, math.nan)
    energy_D, direction_DD = torch.linalg.eigh(gram_DD)
    return _spectrum(energy_D, direction_DD[:, -1])


@torch.no_grad()
def lora_spectrum(
    down_RD: Tensor,
    up_VR: Tensor,
    *,
    scale: float = 1.0,
    initial: tuple[Tensor, Tensor] | None = None,
    reduce: Reduce | None = None,
) -> HeadSpectrum:
    """Return the spectrum of a LoRA update ``scale B A`` of the head, from its factors.

        dW = scale B A,   B^T B = M,   singular values of dW = scale * those of M^(1/2) A

    Neither V x D nor D x D is built; all work is in R x R and R x D. The rank is at most R, so
    ``rank1_share`` is at least 1/R (1/2R with ``initial``): do not compare it with that of a
    full update. A head that LoRA leaves out has no update and no spectrum; do not call this.

    Source: Hu et al. 2021, "LoRA", arXiv:2106.09685 (A ``[R, D]``, B ``[V, R]``, scale
    alpha / R); the measures as in ``head_spectrum``.

    Args:
        down_RD: ``[R, D]``, LoRA's A, whole on every rank.
        up_VR: ``[V, R]``, LoRA's B; or this rank's rows of it, with ``reduce``.
        scale: alpha / R (alpha / sqrt(R) for rsLoRA), finite.
        initial: A and B at the start where B did not begin at 0 (PiSSA and relatives), in the
            shapes of the two above. Absent means that the update began at 0.
        reduce: Sums ``B^T B`` over the ranks that hold the other rows; called once.

    Returns:
        The spectrum; all ``nan`` while B is 0, or where a factor is ``nan`` or infinite.

    Raises:
        ShapeError: The factors do not fit together.
        SettingError: ``scale`` is not finite.
    """
    if not math.isfinite(scale):
        raise SettingError(f"scale must be finite, got {scale}")
    _check_factors(down_RD, up_VR)
    down, up = down_RD.detach().double(), up_VR.detach().double()
    if initial is not None:
        _check_factors(*initial)
        if initial[0].shape != down_RD.shape or initial[1].shape != up_VR.shape:
            raise ShapeError(
                f"initial factors must be {list(down_RD.shape)} and {list(up_VR.shape)}, got "
                f"{list(initial[0].shape)} and {list(initial[1].shape)}"
            )
        # B A - B_0 A_0 = [B, -B_0] [A; A_0]: an update of twice the rank, still in factors.
        down = torch.cat([down, initial[0].detach().double().to(down.device)])
        up = torch.cat([up, -initial[1].detach().double().to(up.device)], dim=1)
    gram_RR = up.T @ up
    if reduce is not None:
        reduce(gram_RR)
    if not bool(gram_RR.isfinite().all() & down.isfinite().all()):
        return HeadSpectrum(math.nan, math.nan)
    energy_R, basis_RR = torch.linalg.eigh(gram_RR)
    root_RR = energy_R.clamp(min=0.0).sqrt().unsqueeze(1) * basis_RR.T
    _, sigma_R, direction_RD = torch.linalg.svd(scale * root_RR @ down, full_matrices=False)
    return _spectrum(sigma_R.square().flip(0), direction_RD[0])


def direction_angle(first_D: Tensor | None, second_D: Tensor | None) -> float:
    """Return the angle between the top directions of two checks.

        angle = atan2(||v - <u, v> u||, |<u, v>|),   in [0, pi/2]

    Lines, not arrows: the sign of a singular vector is arbitrary. Exact for small angles,
    where the arc cosine loses half of the digits. Where sigma_2 is close to sigma_1 the top
    direction itself is arbitrary, and the angle says nothing: read it beside ``rank1_share``.

    Source: standard definition of a principal angle.

    Args:
        first_D: ``[D]``, any length > 0; ``HeadSpectrum.direction_D``.
        second_D: ``[D]``, the same of another check, on any device.

    Returns:
        Radians; ``nan`` where one is absent, has length 0, or is not finite.

    Raises:
        ShapeError: The two differ in shape.

    >>> round(direction_angle(torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 1.0])), 4)
    0.7854
    """
    if first_D is None or second_D is None:
        return math.nan
    if first_D.ndim != 1 or first_D.shape != second_D.shape:
        raise ShapeError(
            f"directions must both be [D], got {list(first_D.shape)} and {list(second_D.shape)}"
        )
    first = first_D.detach().double().cpu()
    second = second_D.detach().double().cpu()
    first, second = first / first.norm(), second / second.norm()
    along = float(first @ second)
    across = float((second - along * first).norm())
    return math.atan2(across, abs(along))


@torch.no_grad()
def head_fraction(
    head: tuple[Tensor, Tensor],
    others: Iterable[tuple[Tensor, Tensor]],
    *,
    reduce: Reduce | None = None,
) -> float:
    """Return the head's part of the whole model's update.

        fraction = ||dW_head||_F^2 / sum over all parameters of ||dW||_F^2

    Of squared norms, which add up over parameters and over shards; un-squared ones do not.

    Source: FADE, arXiv:2607.01490, section 6 ("output-head fraction"; that it is squared is
    this project's choice).

    Args:
        head: The head now and at the start, any shape, or this rank's part of both.
        others: The same of every other parameter; leave the head out, and a tied embedding.
            With ``reduce``, give what every rank holds whole on one rank only.
        reduce: Sums the two numbers over the ranks that hold the other parts; called once.

    Returns:
        In [0, 1]; ``nan`` while nothing moved, or where a weight is ``nan`` or infinite.

    Raises:
        ShapeError: The tensors of a pair differ in shape.
    """
    head_energy = _update_energy(*head)
    energy_2 = torch.stack([head_energy, head_energy])
    for now, initial in others:
        energy_2[1] += _update_energy(now, initial).to(energy_2.device)
    if reduce is not None:
        reduce(energy_2)
    part, whole = energy_2.tolist()
    return part / whole if math.isfinite(whole) and whole > 0.0 else math.nan


def local_rows(weight_VD: Tensor, *, reduce: Reduce | None) -> Tensor:
    """Return the rows of a weight that this rank holds.

    A plain tensor is its own rows. A ``DTensor`` (FSDP2) gives its local part, if that is whole
    rows.

    Source: PyTorch, ``torch.distributed.tensor``.

    Args:
        weight_VD: ``[V, D]``, a tensor or a ``DTensor``.
        reduce: What will sum over the ranks; a sharded weight without it is refused.

    Returns:
        ``[rows, D]``, sharing memory with the weight.

    Raises:
        SettingError: The weight is sharded by columns, is replicated while ``reduce`` would
            count it once a rank, or is sharded by rows and there is no ``reduce``.
    """
    placements = getattr(weight_VD, "placements", None)
    if placements is None:
        return weight_VD
    if all(placement.is_replicate() for placement in placements):
        if reduce is not None:
            raise SettingError("the head is whole on every rank; leave reduce out")
    elif len(placements) != 1 or not placements[0].is_shard(0):
        raise SettingError(
            f"the head must be sharded by rows on one mesh dimension, got {placements}; "
            "a Gram matrix needs whole rows: give the rows of this rank as a plain tensor"
        )
    elif reduce is None:
        raise SettingError(
            "the head is sharded by rows; give reduce=torch.distributed.all_reduce (with the "
            "group of its mesh), or the spectrum would be that of one shard"
        )
    local: Tensor = weight_VD.to_local()  # type: ignore[attr-defined]
    return local


@dataclass(frozen=True, slots=True)
class HeadCheck:
    """One look at the head.

    Attributes:
        spectrum: Of the update since the start.
        angle: Radians in [0, pi/2] between its top direction and that of the check before;
            ``nan`` at the first check.
    """

    spectrum: HeadSpectrum
    angle: float


class HeadMonitor:
    """Remember the head at the start of training, and measure its update at each check.

    1. The initial weights are a copy: training in place does not change them.
    2. They stay off the accelerator: in host memory, pinned where the head is on CUDA, or in a
       file that is read through the page cache, chunk by chunk.
    3. What would give a meaningless number is refused at construction, with the reason.
    4. Every rank of a sharded head takes part in every check, with one all-reduce each.
    """

    def __init__(
        self,
        weight_VD: Tensor,
        *,
        embedding_VD: Tensor | None = None,
        reduce: Reduce | None = None,
        path: Path | None = None,
        resume: bool = False,
        accept_tied: bool = False,
        accept_low_precision: bool = False,
    ) -> None:
        """Copy the head as it is now.

        Args:
            weight_VD: ``[V, D]``, the head before the first update: the float32 master copy, or
                this rank's rows of it.
            embedding_VD: The input embedding, to notice that the two are tied.
            reduce: Sums over the ranks that hold the other rows.
            path: Keep the copy in this file instead of in memory; one path a rank. The file is
                left behind for the caller to remove.
            resume: Where the file exists, start from what it holds instead of replacing it: a
                run that goes on from a checkpoint still measures from its own start.
            accept_tied: Measure a tied head all the same; the number is then that of head plus
                embedding.
            accept_low_precision: Measure a bf16 or fp16 head all the same; the number is then
                that of the rounded update.

        Raises:
            ShapeError: The weight is not ``[V, D]``, or not of the shape in the file.
            SettingError: The head is tied or of low precision and that was not accepted, a
                distributed tensor is not sharded by rows, or ``resume`` has no ``path``.
        """
        if resume and path is None:
            raise SettingError("resume=True needs the path that the first start was given")
        if embedding_VD is not None and not accept_tied and _same_memory(weight_VD, embedding_VD):
            raise SettingError(
                "the head is tied to the input embedding, whose gradient mixes into its update: "
                "no head spectrum is defined (not applicable); accept_tied=True measures the sum"
            )
        if weight_VD.dtype in (torch.bfloat16, torch.float16) and not accept_low_precision:
            raise SettingError(
                f"the head is {weight_VD.dtype}, whose rounding hides updates below 2^-8 (bf16) "
                "or 2^-11 (fp16) of a weight; give the float32 master copy, or "
                "accept_low_precision=True to measure the rounded update"
            )
        rows_VD = local_rows(weight_VD, reduce=reduce).detach()
        if rows_VD.ndim != 2:
            raise ShapeError(f"the head must be [V, D], got {list(rows_VD.shape)}")
        self._reduce = reduce
        self._last_direction_D: Tensor | None = None
        self._initial_VD = _keep(rows_VD, path, resume=resume)

    def check(self, weight_VD: Tensor) -> HeadCheck:
        """Return the spectrum of the update so far, and how far its top direction has turned.

        Source: FADE, arXiv:2607.01490, section 6.

        Args:
            weight_VD: ``[V, D]``, the same head, or the same rows of it, now.

        Returns:
            Spectrum and angle.

        Raises:
            ShapeError: The shape is not that of the start.
            SettingError: A distributed tensor is not sharded by rows.
        """
        rows_VD = local_rows(weight_VD, reduce=self._reduce)
        spectrum = head_spectrum(rows_VD, self._initial_VD, reduce=self._reduce)
        angle = direction_angle(self._last_direction_D, spectrum.direction_D)
        if spectrum.direction_D is not None:
            self._last_direction_D = spectrum.direction_D.cpu()
        return HeadCheck(spectrum, angle)


def _keep(rows_VD: Tensor, path: Path | None, *, resume: bool) -> Tensor:
    if path is None:
        copy_VD = torch.empty(rows_VD.shape, dtype=rows_VD.dtype, pin_memory=rows_VD.is_cuda)
        return copy_VD.copy_(rows_VD)
    if not (resume and path.exists()):
        # Replaced, not rewritten: another monitor may still have the old file mapped.
        partial = path.with_name(path.name + ".partial")
        torch.save(rows_VD.cpu().clone(memory_format=torch.contiguous_format), partial)
        partial.replace(path)
    kept_VD: Tensor = torch.load(path, mmap=True, weights_only=True)
    if kept_VD.shape != rows_VD.shape:
        raise ShapeError(
            f"{path} holds a head {list(kept_VD.shape)}, this one is {list(rows_VD.shape)}; "
            "give each run, and each rank, a path of its own"
        )
    return kept_VD


def _same_memory(first: Tensor, second: Tensor) -> bool:
    # Address 0 is no address: an empty or a distributed tensor, whose identity has to do.
    return first is second or first.data_ptr() == second.data_ptr() != 0


def _spectrum(energy_D: Tensor, direction_D: Tensor) -> HeadSpectrum:
    """Return the measures of ascending squared singular values."""
    largest = float(energy_D[-1])
    if not largest > 0.0:
        return HeadSpectrum(math.nan, math.nan)
    # Below the rounding of the largest an eigenvalue is noise, of either sign; its root is not
    # small, and thousands of them would weigh in the nuclear norm.
    noise = len(energy_D) * torch.finfo(torch.float64).eps
    relative_D = energy_D / largest
    relative_D = torch.where(relative_D > noise, relative_D, 0.0)
    total = float(relative_D.sum())
    share_D = relative_D / total
    return HeadSpectrum(
        rank1_share=1.0 / total,
        stable_rank=total,
        effective_rank=math.exp(float(-torch.xlogy(share_D, share_D).sum())),
        nuclear_share=1.0 / float(relative_D.sqrt().sum()),
        norm=math.sqrt(largest) * math.sqrt(total),
        direction_D=direction_D,
    )


def _update_chunks(weight_VD: Tensor, initial_weight_VD: Tensor) -> Iterator[Tensor]:
    """Yield ``W_t - W_0`` in float64, some rows at a time."""
    size = max(1, CHUNK_ELEMENTS // max(1, weight_VD.shape[1]))
    for start in range(0, len(weight_VD), size):
        rows = slice(start, start + size)
        # Towards the host an asynchronous copy could be read before it has arrived.
        initial_CD = initial_weight_VD[rows].to(weight_VD.device, non_blocking=weight_VD.is_cuda)
        yield weight_VD[rows].to(torch.float64, copy=True).sub_(initial_CD)


def _update_energy(weight: Tensor, initial_weight: Tensor) -> Tensor:
    if weight.shape != initial_weight.shape:
        raise ShapeError(
            f"a parameter must keep its shape, got {list(weight.shape)} now and "
            f"{list(initial_weight.shape)} at the start"
        )
    energy = torch.zeros((), dtype=torch.float64, device=weight.device)
    # As rows of one number: a row of a matrix may be wider than a chunk, or missing.
    flat, initial_flat = weight.reshape(-1, 1), initial_weight.reshape(-1, 1)
    for update_C1 in _update_chunks(flat, initial_flat):
        energy += update_C1.square_().sum()
    return energy


def _check_factors(down_RD: Tensor, up_VR: Tensor) -> None:
    matrices = down_RD.ndim == 2 and up_VR.ndim == 2 and down_RD.numel() > 0
    if not matrices or down_RD.shape[0] != up_VR.shape[1]:
        raise ShapeError(
            f"LoRA's factors must be A [R, D] and B [V, R] with R, D >= 1, got "
            f"{list(down_RD.shape)} and {list(up_VR.shape)}"
        )
