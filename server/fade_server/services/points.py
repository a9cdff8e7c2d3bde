"""Metrics from the rows of the store: every step that is shown, as arrays."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from fade_core.records import FIELDS
from fade_server.queries import runs as run_queries
from fade_server.queries import schedules as schedule_queries
from fade_server.queries import steps as step_queries
from fade_server.services.codec import from_wire
from fade_server.services.downsample import Floats
from fade_server.services.metrics import Metric

Curves = dict[str, tuple[Floats, Floats]]
"""Steps and values of each metric, by name."""

Flags = NDArray[np.bool_]

_RATIO = ("mass_success", "mass_failure")


def read_points(
    session: Session, pk: int, metrics: Sequence[Metric], low: int, high: int
) -> Curves:
    """Return metrics of a run for the steps in [low, high]; superseded steps are not in them.

    Args:
        session: Open session.
        pk: The run.
        metrics: What to read.
        low: First step.
        high: Last step.
    """
    planned = [metric for metric in metrics if metric.origin == "schedule"]
    measured = [metric for metric in metrics if metric.origin != "schedule"]
    curves = _read_schedules(session, pk, planned, low, high) if planned else {}
    if measured:
        table = _read_steps(session, pk, measured, low, high)
        curves |= {metric.name: table.of(metric) for metric in measured}
    return curves


class _StepTable:
    """Columns of ``steps`` as arrays; what was not measured is left out of each metric."""

    def __init__(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self._columns = columns
        self._steps = np.array(columns["step"], dtype=np.float64)
        self._odd = [(row, one) for row, one in enumerate(columns["nonfinite"]) if one is not None]
        self._vectors: dict[str, tuple[Floats, Flags]] = {}

    def of(self, metric: Metric) -> tuple[Floats, Floats]:
        """Return steps and values of a metric."""
        if metric.origin == "column":
            values, measured = self._scalar(metric.key)
        elif metric.origin == "sign_ratio":
            (success, has_s), (failure, has_f) = map(self._scalar, _RATIO)
            measured = has_s & has_f
            # No mass on failures is a finding: an infinite ratio, not an error.
            with np.errstate(all="ignore"):
                values = success / failure
        elif metric.origin == "vectors":
            rows, measured = self._vector(metric.key)
            return self._steps[measured], rows[metric.index]
        else:
            values, measured = self._document(metric)
        return self._steps[measured], values[measured]

    def _scalar(self, name: str) -> tuple[Floats, Flags]:
        values = np.array(self._columns[name], dtype=np.float64)
        measured = ~np.isnan(values)
        for row, kinds in self._odd:
            if name in kinds:
                values[row], measured[row] = float(kinds[name]), True
        return values, measured

    def _vector(self, key: str) -> tuple[Floats, Flags]:
        """Return a row an element of a vector, and which steps have it."""
        if key not in self._vectors:
            parts = self._parts("vectors", key)
            # numpy reads the strings for non-finite floats like any others
            columns = np.array([part for part in parts if part is not None], dtype=np.float64)
            rows = np.ascontiguousarray(columns.reshape(-1, FIELDS[key].length).T)
            measured = np.array([part is not None for part in parts], dtype=bool)
            self._vectors[key] = rows, measured
        return self._vectors[key]

    def _parts(self, origin: str, key: str) -> list[Any]:
        return [None if one is None else one.get(key) for one in self._columns[origin]]

    def _document(self, metric: Metric) -> tuple[Floats, Flags]:
        parts = self._parts(metric.origin, metric.key)
        values = [math.nan if part is None else from_wire(part) for part in parts]
        measured = [part is not None for part in parts]
        return np.array(values, dtype=np.float64), np.array(measured, dtype=bool)


def _read_steps(
    session: Session, pk: int, metrics: Sequence[Metric], low: int, high: int
) -> _StepTable:
    wanted = {"step": None, "nonfinite": None}
    for metric in metrics:
        if metric.origin == "sign_ratio":
            wanted |= dict.fromkeys(_RATIO)
        else:
            wanted[metric.key if metric.origin == "column" else metric.origin] = None
    names = list(wanted)
    attempts = [one for one, *_ in run_queries.shown_parts(session, pk, low, high)]
    columns = step_queries.read_columns(session, pk, attempts, names, low, high)
    return _StepTable(dict(zip(names, columns, strict=True)))


def _read_schedules(
    session: Session, pk: int, metrics: Sequence[Metric], low: int, high: int
) -> Curves:
    steps, *columns = schedule_queries.read_schedule_columns(
        session, pk, ["step", *(metric.key for metric in metrics)], low, high
    )
    at = np.array(steps, dtype=np.float64)
    # NULL is nan in these columns, and nan here means "not known yet".
    return {
        metric.name: (at, np.array(column, dtype=np.float64))
        for metric, column in zip(metrics, columns, strict=True)
    }
