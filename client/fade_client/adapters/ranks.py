"""What the ranks of a distributed job have to agree on: two calls, each one collective.

Nothing happens where ``torch.distributed`` is not initialised or the job has one process.
"""

import importlib
import sys
from collections.abc import Sequence
from typing import Any


def world_size() -> int:
    """Return the number of ranks; 1 where no process group runs. Never imports torch."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return 1
    size: int = distributed.get_world_size()
    return size


def share(numbers: Sequence[float], device: Any = "cpu") -> list[float]:
    """Return rank 0's numbers on every rank: one broadcast of a fixed size.

    Call it on every rank, unconditionally, at the same place and with as many numbers.

    Args:
        numbers: What this rank would use.
        device: Where the collective runs; the accelerator for NCCL.
    """
    return _collective("broadcast", numbers, device)


def total(numbers: Sequence[float], device: Any = "cpu") -> list[float]:
    """Return the sums of these numbers over all ranks: one all-reduce.

    Sums and counts are sufficient for means over all ranks, whatever each rank holds:
    ``solved, rollouts = total([rewards.sum(), rewards.numel()])``.

    Args:
        numbers: This rank's sums.
        device: Where the collective runs; the accelerator for NCCL.
    """
    return _collective("all_reduce", numbers, device)


def _collective(name: str, numbers: Sequence[float], device: Any) -> list[float]:
    floats = [float(number) for number in numbers]
    if world_size() == 1:
        return floats
    torch, distributed = importlib.import_module("torch"), sys.modules["torch.distributed"]
    tensor = torch.tensor(floats, dtype=torch.float64, device=device)
    arguments = {"src": 0} if name == "broadcast" else {}
    getattr(distributed, name)(tensor, **arguments)
    agreed: list[float] = tensor.tolist()
    return agreed
