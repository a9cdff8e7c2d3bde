"""tinker-cookbook's ``metrics.jsonl``: a flat object a batch, evaluations under ``test/``."""

from pathlib import Path

from fade_client.importers.draft import Draft
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, read_objects, run_name


def recognises(sample: Sample) -> bool:
    """Say whether batches of tinker are in this file."""
    return bool(sample.keys & {"progress/batch", "progress/step", "progress/done_frac"})


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one file."""
    draft = Draft(run_name(path), FORMAT.id, mapping)
    for row in read_objects(path, draft.skip):
        draft.add(row)
    return [draft.finish()]


FORMAT = Format("tinker", "tinker metrics.jsonl", recognises, read)
