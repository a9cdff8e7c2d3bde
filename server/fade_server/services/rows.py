"""A checked batch in the form of rows."""

import math
from dataclasses import replace
from typing import Any

from fade_core.records import QUANTILE_GRID
from fade_server.services.batch import StepBatch
from fade_server.services.codec import to_wire
from fade_server.services.fields import Values

Row = dict[str, Any]
_KINDS = {math.inf: "inf", -math.inf: "-inf"}


def pick(batch: StepBatch, kept: list[int]) -> StepBatch:
    """Return only the steps at these places."""

    def only(values: list[Any]) -> list[Any]:
        return [values[index] for index in kept]

    def only_all(named: dict[str, list[Any]]) -> dict[str, list[Any]]:
        return {name: only(values) for name, values in named.items()}

    steps = only(batch.steps)
    return replace(
        batch,
        steps=steps,
        times=only(batch.times),
        columns=only_all(batch.columns),
        vectors=only_all(batch.vectors),
        pass_at_k=only_all(batch.pass_at_k),
        extra=only_all(batch.extra),
        weights={step: one for step, one in batch.weights.items() if step in set(steps)},
    )


def split_nonfinite(
    columns: dict[str, Values], count: int
) -> tuple[dict[str, Values], list[Row | None]]:
    """Return columns with NULL for the non-finite, and the kinds of these by row."""
    kinds: list[Row | None] = [None] * count
    finite = dict(columns)
    for name, values in columns.items():
        # A sum is finite only when every term is; one that overflows only costs the search.
        if math.isfinite(sum(filter(None, values))):
            continue
        finite[name] = list(values)
        for index, value in enumerate(values):
            if value is not None and not math.isfinite(value):
                kinds[index] = (kinds[index] or {}) | {name: _KINDS.get(value, "nan")}
                finite[name][index] = None
    return finite, kinds


def documents(named: dict[str, list[Any]]) -> list[Row | None]:
    """Return one document a step of what was measured."""
    wire = [_stored(values) for values in named.values()]
    if not any(None in values for values in wire):
        return [dict(zip(named, row, strict=True)) for row in zip(*wire, strict=True)]
    documents: list[Row | None] = []
    for row in zip(*wire, strict=True):
        pairs = zip(named, row, strict=True)
        documents.append({name: part for name, part in pairs if part is not None} or None)
    return documents


def _stored(values: list[Any]) -> list[Any]:
    """Return values with non-finite floats as the strings of the wire."""
    kinds = set(map(type, values))
    if float not in kinds or (kinds == {float} and math.isfinite(sum(values))):
        return values
    return [to_wire(one) if isinstance(one, float) else one for one in values]


def floats(values: Values | None, count: int) -> list[float]:
    """Return one float a step; ``nan`` where it was not measured."""
    if values is None:
        return [math.nan] * count
    return [math.nan if value is None else float(value) for value in values]


def metric_names(batch: StepBatch) -> list[str]:
    """Return the names of the metrics that a batch has data for."""
    names = [name for name, values in batch.columns.items() if _any(values)]
    if {"mass_success", "mass_failure"} <= set(names):
        names.append("sign_ratio")
    for name, vectors in batch.vectors.items():
        lengths = {len(vector) for vector in vectors if vector is not None}
        keys = [f"{p:g}" for p in QUANTILE_GRID] if name == "adv_quantiles" else None
        for length in lengths:
            names += [f"{name}/{key}" for key in keys or range(length)]
    for part in ("pass_at_k", "extra"):
        named = getattr(batch, part)
        names += [f"{part}/{name}" for name, values in named.items() if _any(values)]
    return names + [f"schedule/{name}" for name in ("alpha", "delta", "p_hat", "h_hat", "h_star")]


def _any(values: Values) -> bool:
    return any(value is not None for value in values)


def last_values(batch: StepBatch, shown: list[int]) -> Row:
    """Return the last measured value of each scalar, among the steps at these places."""
    last = {}
    for name, values in batch.columns.items():
        value = next((values[i] for i in reversed(shown) if values[i] is not None), None)
        if value is not None:
            last[name] = to_wire(value)
    return last
