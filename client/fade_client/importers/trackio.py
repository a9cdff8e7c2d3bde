"""trackio's SQLite file: one JSON object a row, several runs in one file."""

from datetime import datetime
from pathlib import Path
from typing import Any

from fade_client.importers.database import columns, has_columns, open_database
from fade_client.importers.draft import Draft
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.numbers import step_of
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, decode_object, printable

_WANTED = frozenset({"run_name", "step", "metrics"})
_DROPPED = ("profiling/", "train/profiling/")


def recognises(sample: Sample) -> bool:
    """Say whether this is such a database."""
    return has_columns(sample.path, sample.head, "metrics", _WANTED)


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read every run of the file.

    Raises:
        LogError: The database cannot be read.
    """
    drafts: dict[str, Draft] = {}
    with open_database(path) as connection:
        stamp = "timestamp" if "timestamp" in columns(connection, "metrics") else "NULL"
        order = "id" if "id" in columns(connection, "metrics") else "rowid"
        query = f"SELECT run_name, step, metrics, {stamp} FROM metrics ORDER BY {order}"
        for name, step, content, time in connection.execute(query):
            run = str(name)
            if run not in drafts:
                drafts[run] = Draft(printable(run), FORMAT.id, mapping)
            _add(drafts[run], step, content, time)
        if {"run_name", "config"} <= columns(connection, "configs"):
            for name, content in connection.execute("SELECT run_name, config FROM configs"):
                if str(name) in drafts:
                    drafts[str(name)].config |= _object(content) or {}
    return [draft.finish() for draft in drafts.values()]


def _add(draft: Draft, step: Any, content: Any, time: Any) -> None:
    row = _object(content)
    if row is None:
        draft.skip("row that is no JSON object")
        return
    kept = {key: value for key, value in row.items() if not key.startswith(_DROPPED)}
    for _ in range(len(row) - len(kept)):
        draft.skip("timing of TRL's own functions")
    if not kept.keys() - {"train/global_step"}:
        return
    if "train/global_step" in kept:
        step = kept.pop("train/global_step")
    number = step_of(step)
    if number is None:
        draft.skip("row without a step")
    else:
        draft.add(kept, step=number, time=_seconds(time))


def _object(content: Any) -> dict[str, Any] | None:
    if isinstance(content, str):
        content = content.encode("utf-8", "replace")
    return decode_object(content) if isinstance(content, bytes) else None


def _seconds(time: Any) -> float | None:
    try:
        return datetime.fromisoformat(str(time)).timestamp()
    except (ValueError, OverflowError):
        return None


FORMAT = Format("trackio", "trackio database", recognises, read)
