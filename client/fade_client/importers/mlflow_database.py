"""MLflow's SQLite store: a row a value, ``metrics(key, value, timestamp, run_uuid, step)``."""

import math
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from fade_client.importers.database import columns, has_columns, open_database
from fade_client.importers.draft import Draft
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, printable

_WANTED = frozenset({"key", "value", "timestamp", "run_uuid", "step", "is_nan"})


class Value(NamedTuple):
    """One logged value; the time is in milliseconds."""

    time: int
    step: int
    key: str
    value: float


def recognises(sample: Sample) -> bool:
    """Say whether this is such a database."""
    return has_columns(sample.path, sample.head, "metrics", _WANTED)


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read every run of the store.

    Raises:
        LogError: The database cannot be read.
    """
    with open_database(path) as connection:
        named = "name" if "name" in columns(connection, "runs") else "run_uuid"
        drafts: list[Draft] = []
        for run, name in list(connection.execute(f"SELECT run_uuid, {named} FROM runs")):
            draft = Draft(printable(str(name or run)), FORMAT.id, mapping)
            query = "SELECT key, value FROM params WHERE run_uuid = ?"
            draft.config |= {str(key): value for key, value in connection.execute(query, (run,))}
            query = (
                "SELECT timestamp, step, key, value, is_nan FROM metrics WHERE run_uuid = ? "
                "ORDER BY timestamp, step"
            )
            rows = (_value(row, draft) for row in connection.execute(query, (run,)))
            add_values(draft, (value for value in rows if value))
            drafts.append(draft)
    return [draft.finish() for draft in drafts if len(draft)]


def _value(row: tuple[Any, ...], draft: Draft) -> Value | None:
    at, step, key, value, is_nan = row
    amount = math.nan if is_nan else value
    if isinstance(at, int) and isinstance(step, int) and isinstance(amount, int | float):
        return Value(at, step, str(key), float(amount))
    draft.skip("value without a time or a step")
    return None


def add_values(draft: Draft, values: Iterable[Value]) -> None:
    """Put single values, in the order they were logged, together as rows."""
    for step, group in groupby(values, key=lambda value: value.step):
        for row, time in _rows(group):
            if step >= 0:
                draft.add(row, step=step, time=time / 1000)
            else:
                draft.skip("a step that is no integer >= 0")


def _rows(values: Iterator[Value]) -> Iterator[tuple[dict[str, float], int]]:
    row: dict[str, float] = {}
    began = 0
    for at, _, key, amount in values:
        if key in row:
            yield row, began
            row = {}
        began = began if row else at
        row[key] = _unlimited(amount)
    yield row, began


def _unlimited(amount: float) -> float:
    # MLflow stores an infinity as the largest float there is.
    if abs(amount) >= sys.float_info.max:
        return math.copysign(math.inf, amount)
    return amount


FORMAT = Format("mlflow", "MLflow database", recognises, read)
