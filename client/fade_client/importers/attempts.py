"""Rows in the order they were logged -> launches: rows of one step merged, restarts apart."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fade_client.importers.keys import is_training

Values = dict[str, Any]
Note = Callable[[str], None]


class Attempts:
    """Sort rows into launches; O(keys of the row) a row.

    A row of a later step goes on. A row of a step that is there, or of one in between, belongs
    to it when it brings other keys: an evaluation, or another process of the trainer. When it
    brings a training key that this launch already logged at that step or later, the trainer was
    started again, and a new launch begins.

    Args:
        note: Told of each row that was merged or repeated.

    >>> launches = Attempts(lambda reason: None)
    >>> for row, step in enumerate((0, 1, 2, 1, 2)):
    ...     launches.add(step, {"loss": row * 0.1})
    >>> [list(launch) for launch in launches.sorted()]
    [[0, 1, 2], [1, 2]]
    """

    def __init__(self, note: Note) -> None:
        self._note = note
        self._launches: list[dict[int, Values]] = [{}]
        self._latest: dict[str, int] = {}
        self._last = -1
        self.unsorted: set[int] = set()

    @property
    def last(self) -> int:
        """Step of the newest row; -1 before any."""
        return self._last

    @property
    def number(self) -> int:
        """Index of the launch that the newest row belongs to."""
        return len(self._launches) - 1

    def add(self, step: int, values: Values) -> None:
        """Take the next row."""
        current = self._launches[-1]
        if step > self._last:
            current[step] = values
        elif _same(current.get(step), values):
            self._note("repeated row, equal to the first")
            return
        elif self._restarted(step, values):
            self.restart()
            self._launches[-1][step] = values
        else:
            self._merge(current, step, values)
        self._last = max(step, self._last)
        self._latest.update(dict.fromkeys(values, step))

    def restart(self) -> None:
        """Begin a new launch."""
        self._launches.append({})
        self._latest, self._last = {}, -1

    def sorted(self) -> list[dict[int, Values]]:
        """Return the launches that have rows, each by increasing step."""
        launches = enumerate(self._launches)
        ordered = (
            dict(sorted(launch.items())) if index in self.unsorted else launch
            for index, launch in launches
        )
        return [launch for launch in ordered if launch]

    def _restarted(self, step: int, values: Iterable[str]) -> bool:
        latest = self._latest
        return any(latest.get(key, -1) >= step and is_training(key) for key in values)

    def _merge(self, current: dict[int, Values], step: int, values: Values) -> None:
        row = current.get(step)
        if row is None:
            current[step] = values
            self.unsorted.add(self.number)
            return
        for _ in range(len(row.keys() & values.keys())):
            self._note("second value at a step, the last one kept")
        row.update(values)


def _same(row: Mapping[str, Any] | None, values: Mapping[str, Any]) -> bool:
    if not row or not row.keys() >= values.keys():
        return False
    return all(equal(row[key], value) for key, value in values.items())


def equal(left: Any, right: Any) -> bool:
    """Say whether two logged values are the same; ``nan`` is the same as ``nan``."""
    if left == right:
        return True
    both_floats = isinstance(left, float) and isinstance(right, float)
    return both_floats and math.isnan(left) and math.isnan(right)
