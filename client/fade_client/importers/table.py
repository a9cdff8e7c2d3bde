"""CSV: a wide table with a step column, or a chart of Weights & Biases.

A chart has ``"Step"`` and, for each run, ``"<run> - <metric>"`` with its ``__MIN`` and ``__MAX``;
it is thinned out by the tool.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from fade_client.errors import LogError
from fade_client.importers.draft import STEP_KEYS, Draft
from fade_client.importers.keys import match
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.numbers import number, step_of
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, printable, run_name

_BETWEEN = " - "
_EXTREMES = ("__MIN", "__MAX")
_DELIMITERS = ",\t;"
_FIELD_LIMIT = 1 << 24
"""Longest cell: a column of completions may stand between the metrics."""


def recognises(sample: Sample) -> bool:
    """Say whether the first line names columns of training metrics."""
    header = _header(sample.lines[0]) if sample.lines else []
    if len(header) < 2 or header[0].startswith(("{", "[")):
        return False
    named = any(name in STEP_KEYS for name in header)
    return named and any(match(name.rpartition(_BETWEEN)[2]) for name in header)


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one table.

    Raises:
        LogError: It has no header.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        first = file.readline()
        header = _header(first)
        if len(header) < 2:
            raise LogError(f"{path} is no table: its first line names fewer than two columns")
        file.seek(0)
        rows = _rows(file, _delimiter(first))
        next(rows, None)
        chart = header[0] == "Step" and all(_BETWEEN in name for name in header[1:])
        return _chart(path, header, rows, mapping) if chart else _wide(path, header, rows, mapping)


def _rows(lines: Iterator[str], delimiter: str) -> Iterator[list[str] | None]:
    before = csv.field_size_limit(_FIELD_LIMIT)
    try:
        reader = csv.reader((line.replace("\0", "") for line in lines), delimiter=delimiter)
        while True:
            try:
                yield next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield None
    finally:
        csv.field_size_limit(before)


def _wide(
    path: Path, header: list[str], rows: Iterator[list[str] | None], mapping: KeyMapping
) -> list[ImportedRun]:
    draft = Draft(run_name(path), FORMAT.id, mapping)
    for row in rows:
        if row and len(row) == len(header):
            draft.add(_numbers(header, row, draft))
        elif row is None or row:
            draft.skip("row with another number of columns")
    return [draft.finish()]


def _numbers(header: Sequence[str], row: Sequence[str], draft: Draft) -> dict[str, float]:
    values: dict[str, float] = {}
    for name, cell in zip(header, row, strict=True):
        if not cell:
            continue
        amount = number(cell)
        if amount is None and name in STEP_KEYS:
            amount = step_of(cell)
        if amount is None:
            draft.skip("not a number: text")
        else:
            values[name] = amount
    return values


def _chart(
    path: Path, header: list[str], rows: Iterator[list[str] | None], mapping: KeyMapping
) -> list[ImportedRun]:
    drafts: dict[str, Draft] = {}
    columns: list[tuple[int, str, Draft]] = []
    for index, title in enumerate(header[1:], start=1):
        run, _, metric = title.rpartition(_BETWEEN)
        if metric.endswith(_EXTREMES) or metric in ("_step", "_runtime", "_timestamp"):
            continue
        if run not in drafts:
            drafts[run] = Draft(printable(run), FORMAT.id, mapping)
            drafts[run].warnings.append("a chart of Weights & Biases is thinned out")
        columns.append((index, metric, drafts[run]))
    if not drafts:
        raise LogError(f"{path} is no chart: no column is called '<run> - <metric>'")
    for row in rows:
        _chart_row(row, len(header), columns, next(iter(drafts.values())))
    return [draft.finish() for draft in drafts.values()]


def _chart_row(
    row: list[str] | None, width: int, columns: list[tuple[int, str, Draft]], first: Draft
) -> None:
    step = step_of(row[0]) if row and len(row) == width else None
    if row is None or step is None:
        first.skip("row without a step, or with another number of columns")
        return
    for index, metric, draft in columns:
        amount = number(row[index])
        if amount is not None:
            draft.add({metric: amount}, step=step)
        elif row[index]:
            draft.skip("not a number: text")


def _header(line: str) -> list[str]:
    line = line.strip().lstrip("\ufeff")
    try:
        return next(csv.reader([line], delimiter=_delimiter(line)), [])
    except csv.Error:
        return []


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=line.count)


FORMAT = Format("csv", "CSV table, or a chart of Weights & Biases", recognises, read)
