"""From what a trainer passes to plain values: floats, ``[P, G]`` arrays, short vectors.

Shapes: ``P`` prompts, ``G`` rollouts of each prompt. Tensors are recognised without importing
torch, and only read: nothing here touches a gradient, a random state or the tensor itself.
"""

import math
import operator
import sys
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fade_core.records import FIELDS, VECTORS

Drop = Callable[[str, str], None]
MAX_STEP = 2**53
"""Steps stay below this, the integers that every JSON reader holds exactly."""

MAX_K = 10**9
"""k of pass@k stays below this."""


_WIDE = (np.dtype(np.float32), np.dtype(np.float64))


def is_tensor(candidate: object) -> bool:
    """Say whether this is a torch tensor; False while torch was never imported."""
    # While another thread is importing torch the module is there without its classes.
    return isinstance(candidate, getattr(sys.modules.get("torch"), "Tensor", ()))


def scalar(number: Any) -> float:
    """Return one float, exactly, from a number, a 0-d array or a 0-d tensor.

    Raises:
        TypeError, ValueError, OverflowError: It is none of these, or not one number.
    """
    if isinstance(number, float | int):
        return float(number)
    if isinstance(number, str | bytes | bytearray):
        raise TypeError(f"text, {type(number).__name__}")
    if is_tensor(number):
        return float(number.detach().item())
    if isinstance(number, np.ndarray | np.generic):
        return float(number.item())
    return float(number)


def grouped(rewards_PG: Any) -> NDArray[Any]:
    """Return a ``[P, G]`` array of float32 or float64 that holds the same values.

    Integers and narrower floats get the smallest of the two that holds them.

    Raises:
        TypeError, ValueError: It is not a two-dimensional, non-empty array of real numbers.
    """
    array = _from_tensor(rewards_PG) if is_tensor(rewards_PG) else np.asarray(rewards_PG)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"an array of {array.dtype}")
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"shape {list(array.shape)}")
    if array.dtype in _WIDE:
        return array
    wide = np.result_type(array.dtype, np.float32)
    return array.astype(np.float32 if wide == np.float32 else np.float64, copy=False)


def mean_solve_rate(rewards_PG: NDArray[Any]) -> float:
    """Return the accuracy of the batch, or ``nan`` where a reward is outside [0, 1]."""
    low = np.minimum.reduce(rewards_PG, axis=None)
    if not (low >= 0.0 and np.maximum.reduce(rewards_PG, axis=None) <= 1.0):
        return math.nan
    # Added in float64, as ``mean`` would, without its detours.
    return float(np.add.reduce(rewards_PG, axis=None, dtype=np.float64)) / rewards_PG.size


def step_number(step: Any) -> int | None:
    """Return a step as an int in [0, ``MAX_STEP``), or None where it is none."""
    try:
        number = operator.index(step)
    except (TypeError, ValueError, RuntimeError):
        return None
    return number if 0 <= number < MAX_STEP else None


def clean_scalars(
    values: dict[str, Any], drop: Drop
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Split named values into scalars and vectors; what is neither is dropped, None is absent.

    Args:
        values: As the trainer passed them.
        drop: Told the name and the reason of each value that is left out.
    """
    vectors: dict[str, list[float]] = {}
    odd = [name for name, number in values.items() if type(number) is not float]
    for name in odd:
        number = values.pop(name)
        if number is None:
            continue
        try:
            if name in VECTORS:
                vectors[name] = vector(name, number)
            else:
                values[name] = scalar(number)
        except Exception as error:  # noqa: BLE001 - a foreign number may raise anything
            drop(name, f"{name} cannot be used as a number: {describe(error)}")
    return values, vectors


def vector(name: str, numbers: Any) -> list[float]:
    """Return the floats of a vector field.

    Raises:
        TypeError, ValueError: They are not as many numbers as the field has.
    """
    wanted = FIELDS[name].length
    numbers = _from_tensor(numbers) if is_tensor(numbers) else numbers
    floats = [scalar(number) for number in islice(numbers, wanted + 1)]
    if len(floats) != wanted:
        raise ValueError(f"{wanted} numbers wanted")
    return floats


def clean_pass_at_k(pass_at_k: Any, drop: Drop) -> dict[int, float]:
    """Return pass@k by k, without what is not a positive integer and a fraction."""
    if not isinstance(pass_at_k, Mapping):
        drop("pass_at_k", f"pass_at_k must map k to a number, got {type(pass_at_k).__name__}")
        return {}
    clean: dict[int, float] = {}
    for k, number in pass_at_k.items():
        try:
            size, share = operator.index(k), scalar(number)
        except Exception as error:  # noqa: BLE001 - a foreign number may raise anything
            drop("pass_at_k", f"pass_at_k cannot be used: {describe(error)}")
            continue
        if 1 <= size < MAX_K and not (math.isfinite(share) and not 0.0 <= share <= 1.0):
            clean[size] = share
        else:
            drop("pass_at_k", f"pass_at_k needs k >= 1 and a fraction, got {size}: {share:g}")
    return clean


def _from_tensor(tensor: Any) -> NDArray[Any]:
    plain = tensor.detach().cpu()
    # numpy has no bfloat16; float32 holds every narrower float exactly.
    narrow = plain.is_floating_point() and plain.element_size() < 4
    array: NDArray[Any] = (plain.float() if narrow else plain).numpy()
    return array


def describe(error: Exception) -> str:
    """Return an exception's name, with its text where reading that is known to be safe."""
    text = f": {error}"[:200] if type(error) in (TypeError, ValueError, OverflowError) else ""
    return f"{type(error).__name__}{text}"
