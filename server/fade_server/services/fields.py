"""Checks of single fields, and the collection of what is wrong with a body."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from fade_core.records import FIELDS, VECTORS
from fade_server.errors import FieldProblem, InvalidInputError, shorten
from fade_server.services.codec import NON_FINITE

MAX_PROBLEMS = 20
"""Most problems that one answer lists."""

_NUMBER = 'must be a number, "NaN", "Infinity", "-Infinity" or null'
_PLAIN = {float, int, type(None)}

Values = list[float | None]


class Problems:
    """Collects what is wrong, so that one answer names more than the first fault."""

    def __init__(self) -> None:
        self._found: list[FieldProblem] = []

    def add(self, path: str, message: str, got: object = None) -> None:
        """Note one problem; at the limit, stop."""
        self._found.append(FieldProblem(path, message, shorten(got)))
        if len(self._found) >= MAX_PROBLEMS:
            self.stop()

    def stop(self) -> None:
        """Raise ``InvalidInputError`` when anything was wrong."""
        if self._found:
            raise InvalidInputError(*self._found)

    def unknown(self, prefix: str, given: Iterable[str], known: Iterable[str]) -> None:
        """Note every name that is not known."""
        allowed = set(known)
        for name in given:
            if name not in allowed:
                self.add(f"{prefix}{name:.100}", "is not known" + near(name, allowed))

    def whole(self, path: str, value: object, low: int, high: int) -> int:
        """Return an integer in [low, high]; ``low`` where it is none."""
        if type(value) is int and low <= value <= high:
            return value
        self.add(path, f"must be an integer from {low} to {high}", value)
        return low

    def mapping(self, path: str, value: object) -> dict[str, Any]:
        """Return an object; empty where it is null or none."""
        if value is None or isinstance(value, dict):
            return value or {}
        self.add(path, "must be an object of lists by name", value)
        return {}

    def named(self, part: str, value: object, known: Sequence[str]) -> Iterable[tuple[str, object]]:
        """Yield the known names of an object; the others are noted."""
        given = self.mapping(part, value)
        for name, values in given.items():
            if name in known:
                yield name, values
            else:
                self.add(f"{part}.{name:.100}", misplaced(part, name, known))

    def sized(self, path: str, value: object, count: int) -> list[Any]:
        """Return a list of this length; of nulls where it is none."""
        if not isinstance(value, list):
            self.add(path, f"must be a list of {count}, one for each step", value)
        elif len(value) != count:
            self.add(
                path, f"must have {count} elements, one for each step, has {len(value)}", value
            )
        else:
            return value
        return [None] * count

    def numbers(self, path: str, value: object, count: int) -> Values:
        """Return floats and None, with the strings of non-finite floats replaced."""
        given = self.sized(path, value, count)
        kinds = set(map(type, given))
        if kinds <= _PLAIN:
            return [one if one is None else float(one) for one in given] if int in kinds else given
        return [self._number(f"{path}[{index}]", one) for index, one in enumerate(given)]

    def _number(self, path: str, value: object) -> float | None:
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value if value is None else float(value)
        if isinstance(value, str) and value in NON_FINITE:
            return NON_FINITE[value]
        self.add(path, _NUMBER, value)
        return None


def near(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean ...?`` for the closest known name, or nothing.

    >>> near("acuracy", ["accuracy", "entropy"])
    '; did you mean "accuracy"?'
    """
    close = difflib.get_close_matches(name[:100], list(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def misplaced(part: str, name: str, known: Sequence[str]) -> str:
    """Return what is wrong with a name that is not known in this part of a body."""
    if name in FIELDS:
        other = "vectors" if name in VECTORS else "columns"
        return f"belongs under {other}"
    escape = ", or send it under extra" if part == "columns" else ""
    return f"is not a field of a step record{near(name, known)}{escape}"


def name_problem(name: str, longest: int) -> str | None:
    """Return what is wrong with a name that a person reads, or None.

    >>> name_problem("val/loss", 128), name_problem(" ", 128)
    (None, 'must not be blank')
    """
    if not name.strip():
        return "must not be blank"
    if len(name) > longest:
        return f"must have at most {longest} characters, has {len(name)}"
    if not name.isprintable():
        return "must have printable characters only"
    return None
