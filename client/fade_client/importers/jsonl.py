"""Any JSONL with one object a row; ``mapping`` says what its keys are called."""

from pathlib import Path

from fade_client.importers.draft import Draft
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, read_objects, run_name


def recognises(sample: Sample) -> bool:
    """Say whether the file holds JSON objects, one a line."""
    return bool(sample.rows)


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one file."""
    draft = Draft(run_name(path), FORMAT.id, mapping)
    for row in read_objects(path, draft.skip):
        draft.add(row)
    return [draft.finish()]


FORMAT = Format("jsonl", "JSONL, one object a step", recognises, read)
