"""One run out of a small log."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fade_client.importers.mapping import KeyMapping
from fade_client.importers.reading import read
from fade_client.importers.result import ImportedRun


def only(path: Path, mapping: KeyMapping | None = None) -> ImportedRun:
    (run,) = read(path, mapping=mapping)
    return run


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8", newline="")
    return path


def jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    return text(path, "".join(json.dumps(row) + "\n" for row in rows))


def steps_of(run: ImportedRun) -> list[list[int]]:
    return [[record["step"] for record in records] for records in run.attempts]
