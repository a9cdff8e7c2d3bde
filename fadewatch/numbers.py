"""Numbers as they travel: 15 digits, and what JSON has no number for as a string."""

import math
from typing import Any


def wire(value: Any) -> Any:
    """Return a value ready for strict JSON.

    Args:
        value: Numbers, strings, None, and lists, tuples and dicts of them.

    Returns:
        The same with floats rounded to 15 significant digits, and those that are not finite as
        ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.

    >>> wire({"a": [0.1 + 0.2, float("nan"), float("-inf")], "b": 3})
    {'a': [0.3, 'NaN', '-Infinity'], 'b': 3}
    """
    if isinstance(value, dict):
        return {key: wire(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [wire(item) for item in value]
    if not isinstance(value, float):
        return value
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(f"{value:.15g}")
