"""Console text of a hand-written loop: a step and ``name=number`` pairs on one line.

[math] 12/100 | loss=-0.53 | reward=0.24 | acc=62.5%
Step 12 | loss:0.31 rewards:0.2                          (torchtune)
Epoch:[1/1](12/9751), Reward: -2.30, KL: 0.0002
"""

import re
from pathlib import Path

from fade_client.importers.draft import Draft
from fade_client.importers.keys import match
from fade_client.importers.lines import read_lines
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.numbers import number
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, run_name

_STEP = re.compile(
    r"\b(?:global[ _]?)?(?:step|iteration|iter|update)\s*[:=#]?\s*\[?(\d{1,15})\b(?![.])"
    r"|(?<![\d/.])(\d{1,15})\s*/\s*\d+(?=\s*[|)\]])",
    re.IGNORECASE,
)
_PAIR = re.compile(
    r"([A-Za-z_][\w/.@-]*)\s*[=:]\s*"
    r"((?:tensor\()?[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|nan|inf)%?)(?![\w/])",
    re.IGNORECASE,
)
_LEAST = 2
"""Lines that must look so before a text is taken for such a log."""


def metrics_in(line: str) -> tuple[int, dict[str, float]] | None:
    """Return the step of a line and its numbers; None where one is missing.

    >>> metrics_in("[a] 3/100 | loss=-0.5 | acc=62.5%")
    (3, {'loss': -0.5, 'acc': 0.625})
    >>> metrics_in("100 examples | model=x seed=42 lr=5e-06"), metrics_in("rewards: 15/100 (15%)")
    (None, None)
    """
    steps = [found.group(1) or found.group(2) for found in _STEP.finditer(line)]
    if not steps:
        return None
    values: dict[str, float] = {}
    for key, text in _PAIR.findall(line):
        amount = number(text.removeprefix("tensor("))
        if amount is not None and not _STEP.match(f"{key}={text}"):
            # Names are written in any case here: Reward, KL, LR.
            values[key if match(key) else key.lower()] = amount
    if not any(match(key) for key in values):
        return None
    # "[1/1](12/9751)": the epoch comes before the step.
    return int(steps[-1]), values


def recognises(sample: Sample) -> bool:
    """Say whether several lines are like the ones above."""
    return sum(metrics_in(line) is not None for line in sample.lines[:2000]) >= _LEAST


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one console log."""
    draft = Draft(run_name(path), FORMAT.id, mapping)
    for line in read_lines(path, draft.skip):
        found = metrics_in(line)
        if found:
            draft.add(found[1], step=found[0])
        elif not line.isspace():
            draft.skip("line without metrics")
    return [draft.finish()]


FORMAT = Format("text_console", "console text with a step and name=number pairs", recognises, read)
