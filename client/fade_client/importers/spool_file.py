"""The spool of our own client: a run in ``local`` mode, or one that was not sent yet."""

from pathlib import Path
from typing import Any

from fade_client.errors import LogError, SpoolError
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.result import ImportedRun, Record
from fade_client.importers.source import Format, Sample, printable


def recognises(sample: Sample) -> bool:
    """Say whether the file begins with the header of a spool."""
    # numpy comes with the frames, and no other format needs it to be told.
    if sample.path.suffix != ".spool":
        return False
    from fade_client.spool import read_header  # noqa: PLC0415

    try:
        read_header(sample.path)
    except (SpoolError, OSError):
        return False
    return True


def read(path: Path, _mapping: KeyMapping) -> list[ImportedRun]:
    """Read one attempt.

    Raises:
        LogError: The file is no spool.
    """
    from fade_client.reading import read_run  # noqa: PLC0415

    try:
        header, rows = read_run(path)
    except SpoolError as error:
        raise LogError(str(error)) from error
    times = {(0, int(row["step"])): float(row["time"]) for row in rows}
    return [
        ImportedRun(
            printable(header.name),
            FORMAT.id,
            [[_record(row) for row in rows]],
            header.config,
            {name: name for row in rows[:1] for name in row},
            times=times,
        )
    ]


def _record(row: dict[str, Any]) -> Record:
    record = {
        name: value
        for name, value in row.items()
        if name not in ("time", "extra", "rewards", "advantages")
    }
    if record["pass_at_k"]:
        record["pass_at_k"] = {int(k): share for k, share in record["pass_at_k"].items()}
    else:
        del record["pass_at_k"]
    return record | dict(row["extra"])


FORMAT = Format("spool", "Fadewatch spool", recognises, read)
