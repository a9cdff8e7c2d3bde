"""Console text of a Hugging Face trainer: dicts as Python prints them, and no step.

The progress bar beside a dict is not its step: the two are written at different times. Where the
bar's total and the number of dicts say how many steps lie between two, that is taken, else the
rows are numbered; a mapping with ``every`` decides.
"""

import re
from pathlib import Path

from fade_client.importers.draft import SUMMARY_KEYS, Draft
from fade_client.importers.keys import match
from fade_client.importers.lines import read_lines
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.repr_dicts import dicts_in
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, run_name
from fade_client.importers.trainer_state import REWARD_STD_NOTE

_BAR = re.compile(r"\b(\d+)/(\d+) \[\d")
_SETTINGS = frozenset({"learning_rate", "alpha", "delta"})
"""Fields that a dict of settings may have as well."""


def recognises(sample: Sample) -> bool:
    """Say whether dicts of training metrics are printed in this text."""
    if b"{'" not in sample.head or b"Global step" in sample.head:
        return False
    return any(is_metrics(row) for line in sample.lines for row in dicts_in(line) if row)


def is_metrics(row: dict[str, float]) -> bool:
    """Say whether a dict is what a trainer logs, not settings or anything else."""
    if any(key in row for key in SUMMARY_KEYS):
        return True
    names = {found.name for key in row if (found := match(key))}
    return bool(names - _SETTINGS) or any(key.startswith("eval_") for key in row)


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one console log."""
    draft = Draft(run_name(path), FORMAT.id, mapping)
    bars = _Bars()
    for line in read_lines(path, draft.skip):
        before = len(draft)
        for row in dicts_in(line):
            if row is None:
                draft.skip("dict that is not closed")
            elif is_metrics(row):
                bars.see(row, draft)
                draft.add(row)
            else:
                draft.skip("dict without metrics")
        bars.totals.update(int(total) for _, total in _BAR.findall(line))
        if len(draft) == before and not line.isspace():
            draft.skip("line without metrics")
    bars.decide(draft)
    if bars.reward_std:
        draft.warnings.append(REWARD_STD_NOTE)
    return [draft.finish()]


class _Bars:
    """What the progress bars and the epochs say about the steps."""

    def __init__(self) -> None:
        self.totals: set[int] = set()
        self.reward_std = False
        self._epoch = -1.0
        self._train_rows = self._launches = 0
        self._pending: dict[str, float] | None = None

    def see(self, row: dict[str, float], draft: Draft) -> None:
        """Look at the next row before it is added."""
        self.reward_std |= "reward_std" in row
        if any(key in row for key in SUMMARY_KEYS):
            return
        epoch = row.get("epoch", self._epoch)
        if epoch < self._epoch:
            self._launches += 1
            draft.restart()
        self._epoch = epoch
        self._train_rows += 1

    def decide(self, draft: Draft) -> None:
        """Set the steps between two rows where bar and rows agree on them."""
        wholes = [total for total in self.totals if total >= self._train_rows > 0]
        ended = "summary" in draft.config
        if draft.every or self._launches or not ended or len(wholes) != 1:
            return
        every, rest = divmod(wholes[0], self._train_rows)
        if rest == 0:
            draft.every = every
            draft.warnings.append(
                f"the log has no step: {self._train_rows} rows in a training of {wholes[0]} steps "
                f"are taken as every {every}"
            )


FORMAT = Format("hf_console", "Hugging Face or TRL console text", recognises, read)
