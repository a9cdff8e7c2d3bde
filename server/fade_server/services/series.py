"""Metrics over steps, downsampled, as JSON or as binary columns for a browser."""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from fade_server.errors import NotFoundError
from fade_server.queries import runs as run_queries
from fade_server.queries import schedules as schedule_queries
from fade_server.queries import steps as step_queries
from fade_server.queries.runs import RunRow
from fade_server.services.batch import MAX_STEP
from fade_server.services.codec import encode, from_wire, to_wire
from fade_server.services.context import Context
from fade_server.services.downsample import Floats, envelope
from fade_server.services.metrics import Metric, parse_metrics

_RATIO = ("mass_success", "mass_failure")


@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """What is asked for.

    Attributes:
        run_id: The client's name for the run.
        metrics: Names.
        first: First step, inclusive.
        last: Last step, inclusive.
        points: Most points a metric.
    """

    run_id: str
    metrics: tuple[str, ...]
    first: int = 0
    last: int = MAX_STEP
    points: int = 1500


@dataclass(frozen=True, slots=True)
class SeriesOfRun:
    """Steps and values of each metric, and where the run was when they were read."""

    run_id: str
    attempt: int
    last_step: int | None
    revision: str
    series: dict[str, tuple[Floats, Floats]]


def revision_of_run(context: Context, run_id: str) -> str:
    """Return a text that changes whenever something in the run changes.

    Raises:
        NotFoundError: There is no such run.
    """
    with context.store.read() as session:
        return _revision(_find(session, run_id))


def read_series(context: Context, query: SeriesQuery) -> SeriesOfRun:
    """Return the metrics of a run; superseded steps are not in them.

    Args:
        context: The service's parts.
        query: What is asked for.

    Raises:
        NotFoundError: There is no such run.
        InvalidInputError: A name is not a metric.
    """
    with context.store.read() as session:
        run = _find(session, query.run_id)
        metrics = parse_metrics(query.metrics, run.metrics)
        table = _read_steps(session, run.pk, metrics, query)
        plans = _read_schedules(session, run.pk, metrics, query)
    series = {}
    for metric in metrics:
        steps, values = plans[metric.name] if metric.origin == "schedule" else table.of(metric)
        series[metric.name] = envelope(steps, values, query.points)
    return SeriesOfRun(run.id, run.attempt, run.last_step, _revision(run), series)


def series_json(found: SeriesOfRun) -> bytes:
    """Return the JSON form."""
    series = {
        name: {"step": steps.astype(np.int64), "value": _wire(values)}
        for name, (steps, values) in found.series.items()
    }
    return encode(
        {
            "run": found.run_id,
            "attempt": found.attempt,
            "last_step": found.last_step,
            "series": series,
        }
    )


def series_binary(found: SeriesOfRun) -> bytes:
    """Return the binary form: header length, JSON header, float64 steps and values of each.

    Everything is little-endian; the header is padded with spaces, so that the floats start at
    a multiple of eight and a browser can view them in place.
    """
    header = encode(
        {
            "run": found.run_id,
            "attempt": found.attempt,
            "last_step": found.last_step,
            "series": [
                {"metric": name, "points": len(steps)} for name, (steps, _) in found.series.items()
            ],
        }
    )
    header += b" " * (-(4 + len(header)) % 8)
    columns = [column for pair in found.series.values() for column in pair]
    floats = b"".join(column.astype("<f8").tobytes() for column in columns)
    return struct.pack("<I", len(header)) + header + floats


class _StepTable:
    """Columns of ``steps`` as arrays; what was not measured is left out of each metric."""

    def __init__(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self._columns = columns
        self._steps = np.array(columns["step"], dtype=np.float64)

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
        else:
            values, measured = self._document(metric)
        return self._steps[measured], values[measured]

    def _scalar(self, name: str) -> tuple[Floats, np.ndarray[Any, np.dtype[np.bool_]]]:
        values = np.array(self._columns[name], dtype=np.float64)
        measured = ~np.isnan(values)
        for row, kinds in enumerate(self._columns["nonfinite"]):
            if kinds is not None and name in kinds:
                values[row], measured[row] = float(kinds[name]), True
        return values, measured

    def _document(self, metric: Metric) -> tuple[Floats, np.ndarray[Any, np.dtype[np.bool_]]]:
        parts = [
            None if document is None else document.get(metric.key)
            for document in self._columns[metric.origin]
        ]
        if metric.origin == "vectors":
            parts = [None if part is None else part[metric.index] for part in parts]
        values = [math.nan if part is None else from_wire(part) for part in parts]
        measured = [part is not None for part in parts]
        return np.array(values, dtype=np.float64), np.array(measured, dtype=bool)


def _find(session: Session, run_id: str) -> RunRow:
    run = run_queries.find_run(session, run_id)
    if run is None:
        raise NotFoundError(f'there is no run "{run_id}"')
    return run


def _revision(run: RunRow) -> str:
    return f"{run.created_at}-{run.revision}"


def _read_steps(
    session: Session, pk: int, metrics: Sequence[Metric], query: SeriesQuery
) -> _StepTable:
    wanted = {"step": None, "nonfinite": None}
    for metric in metrics:
        if metric.origin == "sign_ratio":
            wanted |= dict.fromkeys(_RATIO)
        elif metric.origin != "schedule":
            wanted[metric.key if metric.origin == "column" else metric.origin] = None
    names = list(wanted)
    if all(metric.origin == "schedule" for metric in metrics):
        return _StepTable(dict.fromkeys(names, ()))
    columns = step_queries.read_columns(session, pk, names, query.first, query.last)
    return _StepTable(dict(zip(names, columns, strict=True)))


def _read_schedules(
    session: Session, pk: int, metrics: Sequence[Metric], query: SeriesQuery
) -> dict[str, tuple[Floats, Floats]]:
    wanted = [metric for metric in metrics if metric.origin == "schedule"]
    if not wanted:
        return {}
    steps, *columns = schedule_queries.read_schedule_columns(
        session, pk, ["step", *(metric.key for metric in wanted)], query.first, query.last
    )
    at = np.array(steps, dtype=np.float64)
    # NULL is nan in these columns, and nan here means "not known yet".
    return {
        metric.name: (at, np.array(column, dtype=np.float64))
        for metric, column in zip(wanted, columns, strict=True)
    }


def _wire(values: Floats) -> Any:
    return values if np.isfinite(values).all() else [to_wire(value) for value in values.tolist()]
