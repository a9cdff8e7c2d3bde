"""What an importer returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

Record = dict[str, Any]
"""``step`` (int), fields of ``fade_core.records``, and any other name (float)."""


@dataclass(frozen=True, slots=True)
class ImportedRun:
    """One run of a log, in our names.

    Attributes:
        name: Of the run, or of the file.
        format: Id of the log format.
        attempts: The records of each launch, by increasing step. A log in which the step goes
            back holds several launches; a later one replaces the earlier from its first step.
        config: What the log says about the run.
        recognised: Canonical name to the log's own key.
        unknown_keys: Keys without a canonical name and in how many rows they were; their
            values are in the records under the log's own name.
        skipped: Lines and values that are in no record, counted by reason.
        warnings: What a reader of the records should know.
        times: Seconds since the epoch, by (attempt, step), where the log has them.
    """

    name: str
    format: str
    attempts: list[list[Record]]
    config: Mapping[str, Any] = field(default_factory=dict)
    recognised: Mapping[str, str] = field(default_factory=dict)
    unknown_keys: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    times: Mapping[tuple[int, int], float] = field(default_factory=dict)

    @property
    def steps(self) -> list[Record]:
        """All records, launch after launch, as they were logged."""
        return list(chain.from_iterable(self.attempts))
