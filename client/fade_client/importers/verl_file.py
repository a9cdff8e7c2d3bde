"""verl's file logger: ``{"step": 1, "data": {...}}`` a line."""

from pathlib import Path

from fade_client.importers.draft import Draft
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.numbers import step_of
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, read_objects, run_name


def recognises(sample: Sample) -> bool:
    """Say whether steps of verl are in this file."""
    return bool(sample.rows) and isinstance(sample.rows[0].get("data"), dict)


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one file."""
    draft = Draft(run_name(path), FORMAT.id, mapping)
    for row in read_objects(path, draft.skip):
        step, values = step_of(row.get("step")), row.get("data")
        if step is not None and isinstance(values, dict):
            draft.add(values, step=step)
        else:
            draft.skip("row without a step or data")
    return [draft.finish()]


FORMAT = Format("verl_file", "verl file logger", recognises, read)
