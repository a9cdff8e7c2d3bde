"""The names of what can be drawn, and where each of them comes from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from fade_core.records import FIELDS, QUANTILE_GRID, SCALARS, VECTORS
from fade_server.errors import FieldProblem, InvalidInputError, shorten
from fade_server.services.fields import near

Origin = Literal["column", "vectors", "pass_at_k", "extra", "schedule", "sign_ratio"]

SCHEDULE_PARTS = ("alpha", "delta", "p_hat", "h_hat", "h_star")
"""What ``schedule/...`` can name."""

MAX_METRICS = 64
"""Most metrics that one request may ask for."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing to draw.

    Attributes:
        name: As it was asked for.
        origin: Which part of the store it comes from.
        key: Column, vector or own name inside its origin.
        index: Place in the vector.
    """

    name: str
    origin: Origin
    key: str
    index: int = 0


def parse_metrics(names: Sequence[str], existing: Sequence[str]) -> list[Metric]:
    """Return what these names mean, without repetitions.

    Args:
        names: As asked for.
        existing: Names that the run has data for; they help to find near misses.

    Raises:
        InvalidInputError: A name means nothing, or there are none or too many.
    """
    unique = list(dict.fromkeys(names))
    if not 1 <= len(unique) <= MAX_METRICS:
        message = f"must name 1 to {MAX_METRICS} metrics, separated by commas"
        raise InvalidInputError(FieldProblem("metrics", message, len(unique)))
    found = [(name, parse_metric(name)) for name in unique]
    problems = [
        FieldProblem(
            "metrics", f'"{name:.100}" is not a metric{_hint(name, existing)}', shorten(name)
        )
        for name, metric in found
        if metric is None
    ]
    if problems:
        raise InvalidInputError(*problems)
    return [metric for _, metric in found if metric is not None]


def _hint(name: str, existing: Sequence[str]) -> str:
    if name == "adv_quantiles" or name.startswith("adv_quantiles/"):
        grid = ", ".join(f"{p:g}" for p in QUANTILE_GRID)
        return f"; ask for adv_quantiles/P with P one of {grid}"
    vector = name.partition("/")[0]
    if vector in VECTORS:
        return f"; ask for {vector}/0 to {vector}/{FIELDS[vector].length - 1}"
    plain = [known for known, metric in _FIXED.items() if metric.origin != "vectors"]
    return near(name, {*plain, *existing})


def parse_metric(name: str) -> Metric | None:
    """Return what a name means, or None where it means nothing."""
    part, _, key = name.partition("/")
    if part == "extra":
        return Metric(name, "extra", key) if key else None
    if part == "pass_at_k":
        return Metric(name, "pass_at_k", key) if key.isdecimal() else None
    return _FIXED.get(name)


def _fixed() -> Iterator[Metric]:
    """Yield the metrics that every run may have."""
    yield Metric("time", "column", "recorded_at")
    yield Metric("sign_ratio", "sign_ratio", "")
    for name in SCALARS:
        yield Metric(name, "column", name)
    for part in SCHEDULE_PARTS:
        yield Metric(f"schedule/{part}", "schedule", part)
    for vector in VECTORS:
        keys = QUANTILE_GRID if vector == "adv_quantiles" else range(FIELDS[vector].length)
        for index, key in enumerate(keys):
            yield Metric(f"{vector}/{key:g}", "vectors", vector, index)


_FIXED = {metric.name: metric for metric in _fixed()}
