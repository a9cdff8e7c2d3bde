"""A whole run as a file, written piece by piece: a million steps cost no more memory than some.

Rows of CSV and Parquet have the columns ``step``, ``time`` and one a metric, under the names of
the series. Rows of JSONL are those of ``fadewatch spool --format jsonl``. All three can be
imported again, and say the same then.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from fade_server.errors import NotFoundError, refuse
from fade_server.queries import runs as run_queries
from fade_server.queries import steps as step_queries
from fade_server.queries.runs import RunRow
from fade_server.services.codec import NON_FINITE, to_wire, wire_document
from fade_server.services.context import Context
from fade_server.services.metrics import Metric, parse_metric
from fade_server.services.weights import ARRAYS, group_array

Row = dict[str, Any]
Form = Literal["csv", "jsonl", "parquet"]

CHUNK = 2000
"""Steps that are read at a time."""

WEIGHT_CHUNK = 100
"""Steps that are read at a time with their raw weights."""

GROUP = 10 * CHUNK
"""Steps of a Parquet row group."""

MEDIA_TYPES: dict[Form, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}


@dataclass(frozen=True, slots=True)
class Export:
    """A run that is about to be written.

    Attributes:
        run: As it was when the export began; later steps are not in it.
        form: File format.
        weights: Whether raw rewards and advantages are in it too.
    """

    run: RunRow
    form: Form
    weights: bool

    @property
    def filename(self) -> str:
        """Letters, digits, ``_``, ``-`` and one dot: an id has no others."""
        return f"{self.run.id}.{self.form}"

    @property
    def version(self) -> str:
        """A text that changes whenever something in the file would."""
        parts = (self.run.created_at, self.run.revision, self.form, self.weights)
        return "-".join(map(str, parts))


def open_export(context: Context, run_id: str, form: Form, weights: bool) -> Export:
    """Return what can be written.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        form: File format.
        weights: Whether to put in raw rewards and advantages.

    Raises:
        NotFoundError: There is no such run.
        InvalidInputError: The format has no place for raw weights, or cannot be written here.
    """
    if weights and form != "jsonl":
        raise refuse("weights", "only jsonl has a place for raw weights", form)
    if form == "parquet" and not _has_parquet():
        message = (
            "parquet needs pyarrow on the server (pip install 'fadewatch[export]'); "
            "ask for csv or jsonl"
        )
        raise refuse("format", message, form)
    with context.store.read() as session:
        run = run_queries.find_run(session, run_id)
    if run is None:
        raise NotFoundError(f'there is no run "{run_id}"')
    return Export(run, form, weights)


def write(context: Context, export: Export) -> Iterator[bytes]:
    """Yield the file; no connection is held between two pieces.

    Args:
        context: The service's parts.
        export: Of ``open_export``.
    """
    found = (parse_metric(name) for name in export.run.metrics)
    metrics = [one for one in found if one and one.origin not in ("schedule", "sign_ratio")]
    forms: dict[Form, Callable[[], Iterator[bytes]]] = {
        "csv": lambda: _csv(context, export, metrics),
        "jsonl": lambda: _jsonl(context, export, metrics),
        "parquet": lambda: _parquet(context, export, metrics),
    }
    return forms[export.form]()


def _chunks(context: Context, export: Export, scalars: Sequence[str]) -> Iterator[list[Row]]:
    """Yield the shown steps in order, with non-finite scalars as the strings of the wire.

    The steps of an attempt that are shown lie below those of every later one, so going through
    the attempts one by one follows the key of the table.
    """
    run, limit = export.run, WEIGHT_CHUNK if export.weights else CHUNK
    names = ("step", "recorded_at", "nonfinite", "vectors", "pass_at_k", "extra", *scalars)
    for attempt in range(1, run.attempt + 1):
        after, last = -1, -1 if run.last_step is None else run.last_step
        while True:
            with context.store.read() as session:
                rows = step_queries.read_rows(session, run.pk, attempt, names, after, last, limit)
                if export.weights and rows:
                    low, after = rows[0]["step"], rows[-1]["step"]
                    stored = step_queries.read_weights(session, run.pk, attempt, low, after)
                    _add_weights(rows, stored)
            if not rows:
                break
            for row in rows:
                row |= {k: to_wire(float(kind)) for k, kind in (row["nonfinite"] or {}).items()}
            yield rows
            after = rows[-1]["step"]


def _add_weights(rows: list[Row], stored: list[Row]) -> None:
    by_step = {row["step"]: row for row in stored}
    for row in rows:
        if row["step"] in by_step:
            for name in ARRAYS:
                row[name] = wire_document(group_array(by_step[row["step"]], name).tolist())


def _jsonl(context: Context, export: Export, metrics: Sequence[Metric]) -> Iterator[bytes]:
    scalars = _scalars(metrics)
    for rows in _chunks(context, export, scalars):
        yield b"".join(orjson.dumps(_line(row, scalars), option=orjson.OPT_APPEND_NEWLINE)
                       for row in rows)  # fmt: skip


def _line(row: Row, scalars: Sequence[str]) -> Row:
    measured = {name: row[name] for name in scalars if row[name] is not None}
    parts = {"pass_at_k": row["pass_at_k"] or {}, "extra": row["extra"] or {}}
    raw = {name: row[name] for name in ARRAYS if name in row}
    head = {"step": row["step"], "time": row["recorded_at"]}
    return head | measured | (row["vectors"] or {}) | parts | raw


def _csv(context: Context, export: Export, metrics: Sequence[Metric]) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["step", "time", *(metric.name for metric in metrics)])
    for rows in _chunks(context, export, _scalars(metrics)):
        writer.writerows(
            [row["step"], row["recorded_at"], *(_cell(row, metric) for metric in metrics)]
            for row in rows
        )
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    yield text.getvalue().encode()


def _parquet(context: Context, export: Export, metrics: Sequence[Metric]) -> Iterator[bytes]:
    import pyarrow  # noqa: PLC0415  optional, and large
    from pyarrow import parquet  # noqa: PLC0415

    names = ["step", "time", *(metric.name for metric in metrics)]
    types = [pyarrow.int64(), *[pyarrow.float64()] * (len(names) - 1)]
    schema = pyarrow.schema(list(zip(names, types, strict=True)))
    sink = _Pieces()
    columns: list[list[Any]] = [[] for _ in names]

    def flush() -> bytes:
        if columns[0]:
            writer.write_table(pyarrow.table(columns, schema=schema))
            for column in columns:
                column.clear()
        return sink.take()

    with parquet.ParquetWriter(pyarrow.PythonFile(sink, mode="w"), schema) as writer:
        for rows in _chunks(context, export, _scalars(metrics)):
            columns[0] += [row["step"] for row in rows]
            columns[1] += [row["recorded_at"] for row in rows]
            for column, metric in zip(columns[2:], metrics, strict=True):
                column += [_number(_cell(row, metric)) for row in rows]
            if len(columns[0]) >= GROUP:
                yield flush()
        yield flush()
    yield sink.take()


def _scalars(metrics: Sequence[Metric]) -> list[str]:
    return [metric.key for metric in metrics if metric.origin == "column"]


def _cell(row: Row, metric: Metric) -> float | str | None:
    """Return a value in the form of the wire; None where it was not measured."""
    if metric.origin == "column":
        value: float | str | None = row[metric.key]
        return value
    part = (row[metric.origin] or {}).get(metric.key)
    return part[metric.index] if metric.origin == "vectors" and part is not None else part


def _number(value: float | str | None) -> float | None:
    return NON_FINITE[value] if isinstance(value, str) else value


def _has_parquet() -> bool:
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True


class _Pieces(io.RawIOBase):
    """What was written since it was taken last; enough of a file for a writer that only adds."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(self._pieces[-1])

    def take(self) -> bytes:
        """Return it, and forget it."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
