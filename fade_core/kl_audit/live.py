"""A live configuration object as a mapping that the audit reads."""

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

from fade_core.errors import SettingError
from fade_core.kl_audit.config import COMMAND

DEPTH = 8
"""Nested objects deeper than this are left as they are."""


def mapping_of(settings: Any) -> dict[str, Any]:
    """Return the fields of a trainer's configuration object, nested ones too.

    Args:
        settings: A mapping, a dataclass instance, a pydantic model, or anything with its fields
            in ``__dict__`` (an argparse namespace).

    Returns:
        Fields by name; the class of the object under ``_command``, which tells TRL's apart.

    Raises:
        SettingError: It has no fields.

    >>> import argparse
    >>> mapping_of(argparse.Namespace(kl_coef=0.1))
    {'_command': 'Namespace', 'kl_coef': 0.1}
    """
    fields = _fields(settings)
    if fields is None:
        raise SettingError(
            f"a configuration must be a mapping or an object with fields, got {settings!r}"
        )
    plain = {str(name): _plain(entry, DEPTH) for name, entry in fields.items()}
    return plain if isinstance(settings, Mapping) else {COMMAND: type(settings).__name__, **plain}


def _fields(settings: Any) -> Mapping[Any, Any] | None:
    if isinstance(settings, Mapping):
        return settings
    if isinstance(settings, type | enum.Enum):
        return None
    if dataclasses.is_dataclass(settings):
        return {f.name: getattr(settings, f.name, None) for f in dataclasses.fields(settings)}
    found = getattr(settings, "__dict__", None)
    if not isinstance(found, dict):
        return None
    return {name: entry for name, entry in found.items() if not name.startswith("_")}


def _plain(entry: Any, depth: int) -> Any:
    if isinstance(entry, enum.Enum):
        return entry.value
    if depth == 0 or isinstance(entry, str | int | float | list | tuple) or entry is None:
        return entry
    fields = _fields(entry)
    if fields is None:
        return entry
    return {str(name): _plain(part, depth - 1) for name, part in fields.items()}
