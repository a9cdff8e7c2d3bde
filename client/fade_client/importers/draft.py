"""A run while it is being read: rows in, counted losses, and at the end an ``ImportedRun``."""

from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from fade_client.importers.attempts import Attempts, Values
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.naming import rename
from fade_client.importers.numbers import flatten, step_of
from fade_client.importers.result import ImportedRun

STEP_KEYS = (
    "train/global_step", "step", "global_step", "global_step/max_steps", "trainer/global_step",
    "training/global_step", "iteration", "iter", "update", "progress/step", "progress/batch",
    "Step", "_step",
)  # fmt: skip
"""Where a row says its step, best first. ``train/global_step`` counts optimizer steps; the
``step`` and ``_step`` beside it count calls of the logger."""

TIME_KEYS = ("_timestamp", "timestamp", "time")
_EARLIEST = 1e8
"""A smaller number under a time key is a duration, not a date."""

SUMMARY_KEYS = ("train_runtime", "train/train_runtime")
"""Only in the row that a Hugging Face trainer logs after the last step."""


class Draft:
    """One run, row by row.

    Args:
        name: Of the run.
        log_format: Id of the format.
        mapping: What the user says about the keys.
    """

    def __init__(self, name: str, log_format: str, mapping: KeyMapping) -> None:
        self.name, self.format, self.mapping = name, log_format, mapping
        self.config: dict[str, Any] = {}
        self.warnings: list[str] = []
        self.skipped: Counter[str] = Counter()
        self.every = mapping.every
        self._rows: list[tuple[int | None, float | None, Values]] = []
        self._step_keys = (mapping.step,) if mapping.step else STEP_KEYS
        self._time_keys = (mapping.time,) if mapping.time else TIME_KEYS

    def __len__(self) -> int:
        return len(self._rows)

    def skip(self, reason: str) -> None:
        """Count a line or a value that is left out."""
        self.skipped[reason] += 1

    def add(
        self, row: Mapping[str, Any], step: int | None = None, time: float | None = None
    ) -> None:
        """Take one row as it was decoded.

        Args:
            row: Values by the log's keys.
            step: Where the format says it outside the row.
            time: Seconds since the epoch, likewise.
        """
        values = flatten(row, self.skip, self._step_keys)
        if any(key in values for key in SUMMARY_KEYS):
            self.config["summary"] = values
            self.skip("summary after the last step; kept in the config")
            return
        if self.mapping.ignore:
            values = self._without_ignored(values)
        if time is None:
            time = self._time(values)
        if values:
            self._rows.append((step, time, values))
        else:
            self.skip("row without a number")

    def restart(self) -> None:
        """Say that the trainer was started again before the next row."""
        self._rows.append((None, None, {}))

    def finish(self) -> ImportedRun:
        """Return the run; the draft is spent."""
        attempts = Attempts(self.skip)
        times: dict[tuple[int, int], float] = {}
        for step, time, values in self._stepped():
            if step is None:
                attempts.restart()
                continue
            attempts.add(step, values)
            if time is not None:
                times.setdefault((attempts.number, step), time)
        self._rows.clear()
        launches = attempts.sorted()
        named = rename(launches, self.mapping.fields)
        if len(launches) > 1:
            starts = ", ".join(str(next(iter(launch))) for launch in launches)
            self.warnings.append(f"{len(launches)} launches in one log, from steps {starts}")
        return ImportedRun(
            self.name,
            self.format,
            named.attempts,
            self.config,
            named.recognised,
            named.unknown,
            dict(self.skipped),
            (*self.warnings, *named.warnings),
            times,
        )

    def _without_ignored(self, values: Values) -> Values:
        kept = {
            key: value
            for key, value in values.items()
            if not any(fnmatchcase(key, pattern) for pattern in self.mapping.ignore)
        }
        self.skipped["ignored, as the mapping says"] += len(values) - len(kept)
        return kept

    def _time(self, values: Values) -> float | None:
        for key in self._time_keys:
            if values.get(key, 0.0) > _EARLIEST:
                found: float = values.pop(key)
                return found if found < _EARLIEST * 1000 else None
        return None

    def _stepped(self) -> Iterable[tuple[int | None, float | None, Values]]:
        key = self._axis()
        if not key and any(step is None and values for step, _, values in self._rows):
            yield from self._numbered()
            return
        newest: int | None = None
        for step, time, values in self._rows:
            if not values:
                newest = None
                yield None, None, values
                continue
            found = step if step is not None else self._own_step(values, key)
            # A row without the step belongs to the step that was logged last.
            newest = found if found is not None else newest
            if newest is None:
                self.skip("row without a step")
            elif values:
                yield newest, time, values

    def _axis(self) -> str:
        present = {key for step, _, values in self._rows if step is None for key in values}
        return next((key for key in self._step_keys if key in present), "")

    def _own_step(self, values: Values, key: str) -> int | None:
        found = None
        for name in self._step_keys:
            amount = values.pop(name, None)
            if name == key and amount is not None:
                found = step_of(amount)
                if found is None:
                    self.skip("a step that is no integer >= 0")
        return found

    def _numbered(self) -> Iterable[tuple[int | None, float | None, Values]]:
        every = self.every or 1
        if not self.every:
            self.warnings.append(
                "the log has no step: its rows are numbered 1, 2, 3; a mapping with `every` says "
                "how many steps lie between two rows"
            )
        position = 0
        for _, time, values in self._rows:
            position = position + 1 if values else 0
            yield (position * every, time, values) if values else (None, None, values)
