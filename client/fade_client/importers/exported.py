"""What our own server and ``fadewatch spool`` export: our names already, so nothing is guessed.

JSONL has a ``pass_at_k`` and an ``extra`` in every row; CSV and Parquet begin with ``step`` and
``time`` and name the other columns as the server's series are named.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fade_client.errors import LogError
from fade_client.importers.completions import read_parquet
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.numbers import number, step_of
from fade_client.importers.result import ImportedRun, Record
from fade_client.importers.source import Format, Sample, read_objects, run_name
from fade_core.records import FIELDS, QUANTILE_GRID, SCALARS, VECTORS

_ROW = {"step", "time", "pass_at_k", "extra"}
_RAW = ("rewards", "advantages")
_TABLE = ["step", "time"]


def recognises(sample: Sample) -> bool:
    """Say whether this is one of our exports."""
    if sample.head.startswith(b"PAR1"):
        return _is_table(_parquet_names(sample.path))
    if sample.rows:
        return sample.rows[0].keys() >= _ROW
    return bool(sample.lines) and _is_table(_header(sample.lines[0]))


def read(path: Path, _mapping: KeyMapping) -> list[ImportedRun]:
    """Read the run of an export.

    Raises:
        LogError: It is none.
    """
    with path.open("rb") as file:
        head = file.read(4)
    skipped: Counter[str] = Counter()
    if head == b"PAR1":
        rows = _nested(_parquet_rows(path))
    elif head.startswith(b"{"):
        rows = read_objects(path, lambda reason: skipped.update([reason]))
    else:
        rows = _nested(_csv_rows(path))
    records: dict[int, Record] = {}
    times: dict[tuple[int, int], float] = {}
    for row in rows:
        step, time = step_of(row.get("step")), row.get("time")
        if step is None:
            skipped["a step that is no integer >= 0"] += 1
            continue
        records[step] = {"step": step} | _record(row, skipped)
        if isinstance(time, float):
            times[0, step] = time
    ordered = [records[step] for step in sorted(records)]
    names = {name: name for record in ordered for name in record if name in FIELDS}
    return [
        ImportedRun(
            run_name(path), FORMAT.id, [ordered] if ordered else [], {}, names, {}, dict(skipped),
            times=times,
        )
    ]  # fmt: skip


def _header(line: str) -> list[str]:
    try:
        return next(csv.reader([line]), [])
    except csv.Error:  # such as a field that never ends
        return []


def _record(row: Mapping[str, Any], skipped: Counter[str]) -> Record:
    record: Record = {}
    for name, value in row.items():
        if name in FIELDS:
            _put(record, name, _plain(name, value), skipped)
        elif name in _RAW:
            skipped["raw weights"] += 1
        elif name not in _ROW:
            skipped[f"not a field: {name:.80}"] += 1
    shares = {k: _float(v) for k, v in _mapping_of(row, "pass_at_k").items() if k.isdecimal()}
    if shares:
        record["pass_at_k"] = {int(k): share for k, share in shares.items() if share is not None}
    for name, value in _mapping_of(row, "extra").items():
        if name in FIELDS or name in _ROW:
            skipped["an own value that is called like a field"] += 1
        else:
            _put(record, name, _float(value), skipped)
    return record


def _put(record: Record, name: str, value: Any, skipped: Counter[str]) -> None:
    if value is None:
        skipped["not a number"] += 1
    else:
        record[name] = value


def _mapping_of(row: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    found = row.get(part)
    return found if isinstance(found, Mapping) else {}


def _plain(name: str, value: Any) -> float | list[float] | None:
    if name not in VECTORS:
        return _float(value)
    vector = [_float(one) for one in value] if isinstance(value, list) else []
    plain = [one for one in vector if one is not None]
    return plain if len(plain) == len(vector) == FIELDS[name].length else None


def _float(value: Any) -> float | None:
    if isinstance(value, str):
        return number(value)
    return float(value) if isinstance(value, int | float) else None


def _nested(rows: Iterable[Mapping[str, float]]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table in the form of JSONL's."""
    for row in rows:
        nested: dict[str, Any] = {"pass_at_k": {}, "extra": {}}
        for column, value in row.items():
            part, _, name = column.partition("/")
            if part in ("pass_at_k", "extra"):
                nested[part][name] = value
            elif name:
                # In the order of their columns, which is the order in the vector.
                nested.setdefault(part, []).append(value)
            else:
                nested[column] = value
        yield nested


def _is_table(names: list[str]) -> bool:
    return names[:2] == _TABLE and len(names) > 2 and all(map(_is_metric, names[2:]))


def _is_metric(column: str) -> bool:
    part, slash, name = column.partition("/")
    if not slash:
        return part in SCALARS
    if part == "pass_at_k":
        return name.isdecimal()
    if part == "adv_quantiles":
        return name in {f"{p:g}" for p in QUANTILE_GRID}
    return bool(name) and (part == "extra" or (part in VECTORS and name.isdecimal()))


def _csv_rows(path: Path) -> Iterator[dict[str, float]]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.DictReader((line.replace("\0", "") for line in file), restkey="", restval="")
        try:
            for row in reader:
                cells = ((name, number(cell)) for name, cell in row.items() if name and cell)
                yield {name: amount for name, amount in cells if amount is not None}
        except csv.Error as error:
            raise LogError(f"{path} is no table: {error}") from error


def _parquet_rows(path: Path) -> Iterator[dict[str, float]]:
    table = read_parquet(path)
    for values in zip(*table.values(), strict=True):
        pairs = zip(table, values, strict=True)
        yield {name: value for name, value in pairs if value is not None}


def _parquet_names(path: Path) -> list[str]:
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415  optional, and large
    except ImportError:
        return []
    try:
        names: list[str] = parquet.read_schema(path).names
    except (ArrowException, OSError):
        return []
    return names


FORMAT = Format("fadewatch", "Fadewatch export", recognises, read)
