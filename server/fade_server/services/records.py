"""Stored step records, as the detectors read them."""

from collections.abc import Mapping
from typing import Any

from fade_core.reading import HELD_OUT
from fade_server.services.codec import from_wire

Row = Mapping[str, Any]


def record_of(row: Row, names: tuple[str, ...]) -> dict[str, Any]:
    """Return a row of ``steps`` as a record: what was measured, under its canonical name.

    Of the run's own names only those matter to a detector that it knows as a held-out score, and
    those whose value is not finite; the others would make the stored state grow with their number.

    Args:
        row: With ``step``, the scalar columns in ``names`` and the documents.
        names: Scalar columns.
    """
    record = {name: row[name] for name in names if row[name] is not None}
    record["step"] = row["step"]
    for name, kind in (row["nonfinite"] or {}).items():
        record[name] = float(kind)
    for name, vector in (row["vectors"] or {}).items():
        record[name] = [from_wire(value) for value in vector]
    if row["pass_at_k"]:
        record["pass_at_k"] = {k: from_wire(value) for k, value in row["pass_at_k"].items()}
    for name, value in (row["extra"] or {}).items():
        if isinstance(value, str) or name in HELD_OUT:
            record.setdefault(name, from_wire(value))
    return record
