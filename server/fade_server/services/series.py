"""Metrics over steps, downsampled, as JSON or as binary columns for a browser."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from fade_server.errors import NotFoundError
from fade_server.queries import runs as run_queries
from fade_server.queries.runs import RunRow
from fade_server.services.batch import MAX_STEP
from fade_server.services.charts import Charts
from fade_server.services.codec import encode, to_wire
from fade_server.services.context import Context
from fade_server.services.downsample import Floats
from fade_server.services.metrics import parse_metrics
from fade_server.services.points import Curves


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
    series: Curves


def read_series(
    context: Context, query: SeriesQuery, is_news: Callable[[str], bool] = lambda _: True
) -> SeriesOfRun | None:
    """Return the metrics of a run; superseded steps are not in them.

    Args:
        context: The service's parts.
        query: What is asked for.
        is_news: Given a text that changes whenever something in the run changes, says whether
            the answer is wanted.

    Returns:
        The metrics; None where they are no news.

    Raises:
        NotFoundError: There is no such run.
        InvalidInputError: A name is not a metric.
    """
    with context.store.read() as session:
        run = _find(session, query.run_id)
        if not is_news(f"{run.created_at}-{run.revision}"):
            return None
        metrics = parse_metrics(query.metrics, run.metrics)
        curves = Charts(session, context.blocks, run, metrics).read(
            query.first, query.last, query.points
        )
    return SeriesOfRun(run.id, run.attempt, run.last_step, curves)


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
    floats = b"".join(np.ascontiguousarray(column, dtype="<f8").data for column in columns)
    return struct.pack("<I", len(header)) + header + floats


def _find(session: Session, run_id: str) -> RunRow:
    run = run_queries.find_run(session, run_id)
    if run is None:
        raise NotFoundError(f'there is no run "{run_id}"')
    return run


def _wire(values: Floats) -> Any:
    return values if np.isfinite(values).all() else [to_wire(value) for value in values.tolist()]
