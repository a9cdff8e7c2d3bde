"""OpenRLHF's console: ``Global step 12: {'policy_loss': 0.1, ...}``."""

import re
from pathlib import Path

from fade_client.importers.draft import Draft
from fade_client.importers.lines import read_steps
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.repr_dicts import dicts_in
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, run_name

_STEP = re.compile(r"Global step (\d{1,15}):\s*(?=\{)")


def recognises(sample: Sample) -> bool:
    """Say whether steps of OpenRLHF are in this text."""
    return any(_STEP.search(line) for line in sample.lines)


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one console log."""
    draft = Draft(run_name(path), FORMAT.id, mapping)
    for step, rest in read_steps(path, _STEP, draft.skip):
        row = next(dicts_in(rest), None)
        if row is None:
            draft.skip("dict that is not closed")
        else:
            draft.add(row, step=step)
    return [draft.finish()]


FORMAT = Format("openrlhf_console", "OpenRLHF console text", recognises, read)
