"""verl's console: ``step:12 - actor/entropy:0.31 - ...``, through Ray, with colours.

Values are rounded to three decimals and may be ``np.float64(0.3)``; keys may hold ``:`` or ``@``.
"""

import re
from pathlib import Path

from fade_client.importers.draft import Draft
from fade_client.importers.lines import read_steps
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.numbers import number
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, run_name

_STEP = re.compile(r"(?<![\w/])step:(\d{1,15}) - (?=\S)")
_REPEATED = re.compile(r"\s*\[repeated \d+x across cluster\].*")


def recognises(sample: Sample) -> bool:
    """Say whether steps of verl are in this text."""
    return any(_STEP.search(line) for line in sample.lines)


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one console log."""
    draft = Draft(run_name(path), FORMAT.id, mapping)
    for step, rest in read_steps(path, _STEP, draft.skip):
        values: dict[str, float] = {}
        for pair in _REPEATED.sub("", rest).split(" - "):
            key, _, text = pair.rpartition(":")
            amount = number(text)
            if key and amount is not None:
                values[key.strip()] = amount
            else:
                draft.skip("not a number: text")
        draft.add(values, step=step)
    return [draft.finish()]


FORMAT = Format("verl_console", "verl console text", recognises, read)
