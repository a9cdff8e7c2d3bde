"""Non-finite floats and schedules, in the form that strict JSON can carry."""

import math
from dataclasses import asdict
from typing import Any

import orjson

from fade_core.scheduler import Override, Schedule, SchedulerConfig

NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""The strings that stand for non-finite floats, both ways."""

MAX_DEPTH = 32
"""Deepest nesting of a document that a client may store."""


def to_wire(number: float) -> float | str:
    """Return a float as JSON can carry it.

    >>> to_wire(0.5), to_wire(math.nan), to_wire(-math.inf)
    (0.5, 'NaN', '-Infinity')
    """
    if math.isfinite(number):
        return number
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def from_wire(value: float | str) -> float:
    """Return the float that a number or one of the strings stands for.

    >>> from_wire("Infinity"), from_wire(1)
    (inf, 1.0)
    """
    return NON_FINITE[value] if isinstance(value, str) else float(value)


def wire_document(document: Any, depth: int = MAX_DEPTH) -> Any:
    """Return nested builtins with non-finite floats as strings.

    Args:
        document: What ``json`` made of a body.
        depth: Levels of nesting that are allowed.

    Raises:
        ValueError: It is nested deeper, or holds an integer of more than 64 bits.
    """
    if isinstance(document, float):
        return to_wire(document)
    if isinstance(document, int) and not -(2**63) <= document < 2**63:
        raise ValueError("an integer must fit in 64 bits; send a larger one as a string")
    if not isinstance(document, dict | list):
        return document
    if depth == 0:
        raise ValueError(f"must not be nested deeper than {MAX_DEPTH} levels")
    if isinstance(document, dict):
        return {key: wire_document(part, depth - 1) for key, part in document.items()}
    return [wire_document(part, depth - 1) for part in document]


def encode(document: Any) -> bytes:
    """Return strict JSON; every non-finite float must be a string already."""
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def schedule_document(schedule: Schedule) -> dict[str, Any]:
    """Return a schedule as JSON."""
    return {
        name: to_wire(part) if isinstance(part, float) else part
        for name, part in asdict(schedule).items()
    }


def read_schedule(document: dict[str, Any]) -> Schedule:
    """Return the schedule of a stored document."""
    numbers = ("alpha", "delta", "p_hat", "h_hat", "h_star")
    return Schedule(**document | {name: from_wire(document[name]) for name in numbers})


def read_config(document: dict[str, Any]) -> SchedulerConfig:
    """Return the scheduler's tuning from a stored document."""
    return SchedulerConfig(**document)


def read_override(document: dict[str, Any] | None) -> Override | None:
    """Return the override of a stored document, or None."""
    if document is None:
        return None
    return Override(document["alpha"], document["delta"], document["reason"], document["by"])


def show_override(document: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a stored override as people see it; an older version stored fewer fields."""
    fresh = {"at": None, "expires_at": None, "revert_on": None}
    return None if document is None else fresh | document
