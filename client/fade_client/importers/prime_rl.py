"""prime-rl's ``metrics.jsonl``: trainer and orchestrator log the same step in several rows.

A folder with the files of both is one run.
"""

import re
from pathlib import Path

from fade_client.importers.draft import Draft
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, read_objects, run_name

_OWN = re.compile(r"(train/)?agg/(all|effective)/|mismatch_kl/|(entropy|mismatch_kl)/all/")


def recognises(sample: Sample) -> bool:
    """Say whether steps of prime-rl are in this file."""
    return any(_OWN.match(key) for key in sample.keys)


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one file, or all files of a folder as one run."""
    draft = Draft(run_name(path), FORMAT.id, mapping)
    for file in sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]:
        for row in read_objects(file, draft.skip):
            draft.add(row)
    return [draft.finish()]


FORMAT = Format("prime_rl", "prime-rl metrics.jsonl", recognises, read)
