"""From what a log holds to floats: repr of numpy, strings, percentages, nested dicts."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fade_core.records import FIELDS

Skip = Callable[[str], None]

MAX_DEPTH = 4
"""Nested dicts are flattened down to this depth."""

_WRAPPED = re.compile(r"(?:\w+\.)*\w+\(\s*([^(),]+)\s*(?:,[^()]*)?\)")
_OF_TOTAL = re.compile(r"\s*(\d+)\s*/\s*\d+\s*")


def number(text: str) -> float | None:
    """Return the float that a text says, or None.

    >>> number("np.float64(0.5)"), number("-0.08838"), number("62.5%"), number("inf"), number("x")
    (0.5, -0.08838, 0.625, inf, None)
    """
    text = text.strip()
    wrapped = _WRAPPED.fullmatch(text)
    text = wrapped.group(1) if wrapped else text
    scale = 0.01 if text.endswith("%") else 1.0
    try:
        return float(text.rstrip("%")) * scale
    except ValueError:
        return None


def step_of(value: Any) -> int | None:
    """Return a step, also from ``"10/438"``; None where it is none.

    >>> step_of("10/438"), step_of(3.0), step_of("7"), step_of(2.5), step_of(-1)
    (10, 3, 7, None, None)
    """
    if isinstance(value, str):
        of_total = _OF_TOTAL.fullmatch(value)
        value = number(of_total.group(1) if of_total else value)
    if not isinstance(value, int | float) or not 0 <= value < 2**53 or value != int(value):
        return None
    return int(value)


def flatten(
    row: Mapping[str, Any], skip: Skip, steps: Iterable[str] = (), prefix: str = "", depth: int = 0
) -> dict[str, Any]:
    """Return the numbers of a row by key; dicts within are flattened with ``/``.

    Args:
        row: As it was decoded.
        skip: Told why a value was left out.
        steps: Keys that may also hold a step such as ``"3/10"``.
        prefix: Of the keys; for the recursion.
        depth: Of the row; for the recursion.

    Returns:
        Floats; the step keys' values may be ints, and a canonical vector is a list.
    """
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if type(value) is float:  # nearly every value; the rest is slower
            flat[prefix + key if prefix else key] = value
        else:
            _odd(flat, f"{prefix}{key}", value, skip, steps, depth)
    return flat


def _odd(
    flat: dict[str, Any], key: str, value: Any, skip: Skip, steps: Iterable[str], depth: int
) -> None:
    if isinstance(value, Mapping):
        if "_type" in value or depth == MAX_DEPTH:
            skip("not a number: a table or a picture")
        elif key == "pass_at_k":
            flat |= {f"pass@{k}": share for k, share in flatten(value, skip).items()}
        else:
            named = {str(name): each for name, each in value.items()}
            flat |= flatten(named, skip, steps, f"{key}/", depth + 1)
    elif value is None:
        skip("not a number: null")
    elif isinstance(value, list):
        _vector(flat, key, value, skip)
    elif (amount := _scalar(value, key in steps)) is None:
        skip(f"not a number: {type(value).__name__}")
    else:
        flat[key] = amount


def _scalar(value: Any, may_be_step: bool) -> float | int | None:
    if isinstance(value, str):
        amount = number(value)
        return step_of(value) if amount is None and may_be_step else amount
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _vector(flat: dict[str, Any], key: str, value: list[Any], skip: Skip) -> None:
    field = FIELDS.get(key)
    floats = [_scalar(each, may_be_step=False) for each in value]
    if field and field.kind == "vector" and len(floats) == field.length and None not in floats:
        flat[key] = floats
    else:
        skip("not a number: a list")
