"""The mapping file: a user says what an unknown log calls the canonical fields."""

import json
import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from fade_client.errors import LogError
from fade_client.importers.keys import CLIP_FRACTION, HELD_OUT, KL_OLD
from fade_core.records import FIELDS

_KNOWN = frozenset({"step", "time", "every", "fields", "ignore"})
_TARGETS = (*FIELDS, CLIP_FRACTION, KL_OLD, HELD_OUT)


@dataclass(frozen=True, slots=True)
class KeyMapping:
    """How to read a log that nobody told us about.

    Attributes:
        step: Key of the step; empty for the usual ones.
        time: Key of the seconds since the epoch; empty for the usual ones.
        every: Steps between two rows of a log without a step key; 0 for unknown.
        fields: The log's key to the canonical name; goes before everything that is built in.
        ignore: Patterns (``*``, ``?``) of keys to leave out.
    """

    step: str = ""
    time: str = ""
    every: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()


def load_mapping(path: Path) -> KeyMapping:
    """Read a mapping file, JSON or TOML:

        step = "iteration"
        [fields]
        entropy = "policy/H"

    Raises:
        LogError: It cannot be used; the message says what was wanted.
    """
    try:
        text = path.read_text()
        content = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise LogError(f"the mapping file {path} cannot be read: {error}") from error
    return parse_mapping(content)


def parse_mapping(content: Any) -> KeyMapping:
    """Check the content of a mapping file.

    Raises:
        LogError: It cannot be used; the message says what was wanted.
    """
    if not isinstance(content, dict) or (unknown := sorted(content.keys() - _KNOWN)):
        got = ", ".join(unknown) if isinstance(content, dict) else type(content).__name__
        raise LogError(f"a mapping has {', '.join(sorted(_KNOWN))}; got {got}")
    every, ignore = content.get("every", 0), content.get("ignore", [])
    if not isinstance(every, int) or every < 0:
        raise LogError(f"every must be an integer >= 0, got {every!r}")
    if not isinstance(ignore, list):
        raise LogError(f"ignore must be a list of patterns, got {ignore!r}")
    return KeyMapping(
        str(content.get("step", "")),
        str(content.get("time", "")),
        every,
        _fields(content.get("fields", {})),
        tuple(map(str, ignore)),
    )


def _fields(content: Any) -> dict[str, str]:
    if not isinstance(content, dict):
        raise LogError("fields must map canonical names to the log's keys")
    named: dict[str, str] = {}
    for name, key in content.items():
        if name not in _TARGETS:
            near = get_close_matches(name, _TARGETS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise LogError(f"{name} is not a field of a step record{hint}")
        if not isinstance(key, str):
            raise LogError(f"the key of {name} must be a text, got {key!r}")
        named[key] = name
    return named
