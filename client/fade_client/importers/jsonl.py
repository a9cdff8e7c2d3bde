"""Any JSONL with one object a row; ``mapping`` says what its keys are called."""

from pathlib import Path

from fade_client.importers.draft import STEP_KEYS, Draft
from fade_client.importers.keys import match
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, read_objects, run_name


def recognises(sample: Sample) -> bool:
    """Say whether there are JSON objects, one a line, with a step or a field that we know."""
    return any(key in STEP_KEYS or match(key) for key in sample.keys)


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one file."""
    draft = Draft(run_name(path), FORMAT.id, mapping)
    for row in read_objects(path, draft.skip):
        draft.add(row)
    return [draft.finish()]


FORMAT = Format("jsonl", "JSONL, one object a step", recognises, read)
