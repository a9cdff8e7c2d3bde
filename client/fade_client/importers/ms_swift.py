"""ms-swift's ``logging.jsonl``: the step is text, ``"10/438"``."""

from pathlib import Path

from fade_client.importers.draft import Draft
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, read_objects, run_name


def recognises(sample: Sample) -> bool:
    """Say whether steps of ms-swift are in this file."""
    return any("global_step/max_steps" in row for row in sample.rows)


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one file."""
    draft = Draft(run_name(path), FORMAT.id, mapping)
    for row in read_objects(path, draft.skip):
        draft.add(row)
    return [draft.finish()]


FORMAT = Format("ms_swift", "ms-swift logging.jsonl", recognises, read)
