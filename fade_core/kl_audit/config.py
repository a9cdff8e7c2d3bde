"""Look-ups in a trainer's configuration by its own key names.

Keys are compared in lower case with ``_`` for ``-``; a nested mapping is read as dotted keys. A
look-up matches a whole dotted key or its last parts, so ``loss_fn.kl`` finds
``policy.loss_fn.kl``.
"""

import math
from collections.abc import Mapping
from typing import Any

from fade_core.errors import FadeError

COMMAND = "_command"
"""Key under which a reader keeps the program part of a command line, or a class name."""


class CannotTellError(FadeError, ValueError):
    """What is given does not decide the verdict; the message completes 'unknown, because'."""


class Config:
    """A flat view of a configuration."""

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        self.flat: dict[str, Any] = {}
        self._add("", mapping)

    def _add(self, prefix: str, mapping: Mapping[str, Any]) -> None:
        for key, entry in mapping.items():
            name = f"{prefix}{normal(str(key))}"
            if isinstance(entry, Mapping):
                self._add(f"{name}.", entry)
            else:
                self.flat[name] = entry

    @property
    def command(self) -> str:
        """The program part of a command line or the class of a dump, in lower case."""
        return str(self.flat.get(COMMAND, "")).lower()

    def has(self, *names: str) -> bool:
        """Tell whether any of these keys is set."""
        return any(self._matches(name) for name in names)

    def get(self, *names: str) -> Any:
        """Return the value of the first of these keys that is set, None where none is.

        Raises:
            CannotTellError: One name matches several keys with different values.
        """
        for name in names:
            found = self._matches(name)
            if not found:
                continue
            values = [self.flat[key] for key in found]
            if any(value != values[0] for value in values[1:]):
                raise CannotTellError(f"{name} is set more than once: {', '.join(found)}")
            return values[0]
        return None

    def number(self, *names: str, default: float) -> float:
        """Return a number; the default where unset or null.

        Raises:
            CannotTellError: The value is no number, such as an unresolved interpolation.
        """
        value = self.get(*names)
        if value is None:
            return default
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise CannotTellError(f"{names[0]} is {value!r}, which is no number")
        return number

    def flag(self, *names: str, default: bool) -> bool:
        """Return a truth value; the default where unset or null.

        Raises:
            CannotTellError: The value is neither true nor false.
        """
        value = self.get(*names)
        if value is None:
            return default
        word = str(value).strip().lower()
        if word in ("true", "1", "yes", "on"):
            return True
        if word in ("false", "0", "no", "off"):
            return False
        raise CannotTellError(f"{names[0]} is {value!r}, which is neither true nor false")

    def word(self, *names: str, default: str) -> str:
        """Return a name in lower case; the default where unset or null.

        Raises:
            CannotTellError: The value is an unresolved interpolation.
        """
        value = self.get(*names)
        if value is None:
            return default
        word = str(value).strip().lower()
        if word.startswith("$"):
            raise CannotTellError(f"{names[0]} is {value!r}, which is not resolved")
        return word

    def _matches(self, name: str) -> list[str]:
        if name in self.flat:
            return [name]
        return [key for key in self.flat if key.endswith(f".{name}")]


def normal(key: str) -> str:
    """Return a key as it is compared: no leading dashes or pluses, ``_`` for ``-``.

    >>> normal("--algo.kl.init-coef")
    'algo.kl.init_coef'
    """
    return key.strip().lstrip("-+").replace("-", "_").lower()


Version = tuple[int, ...]


def parse_version(version: str | None) -> Version | None:
    """Return the numbers of a version; None where it is not given.

    Raises:
        CannotTellError: It does not start with a number.

    >>> parse_version("1.10.0rc1")
    (1, 10, 0)
    """
    if version is None:
        return None
    numbers: list[int] = []
    for part in version.strip().lstrip("v").split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    if not numbers:
        raise CannotTellError(f"{version!r} is no version number")
    return tuple(numbers)
