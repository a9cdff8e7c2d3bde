"""What a format's reader is shown of a file, and what it has to offer."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from fade_client.importers.mapping import KeyMapping
from fade_client.importers.numbers import flatten
from fade_client.importers.result import ImportedRun

HEAD = 1 << 18
"""Bytes at the beginning of a file by which its format is told."""

_COMMON = frozenset(
    {"metrics", "logging", "trainer_state", "output", "log", "logs", "train", "history", "data"}
)
_CHECKPOINT = re.compile(r"checkpoint-\d+|files|completions|tensorboard|runs|wandb|logs?")
_SPACE = re.compile(rb"\s*")


class Format(NamedTuple):
    """One log format.

    Attributes:
        id: Its name on the command line.
        title: What people call it.
        recognises: Whether a file, by its beginning, is in this format.
        read: Reads a file, or the folder of a log in several files.
    """

    id: str
    title: str
    recognises: Callable[["Sample"], bool]
    read: Callable[[Path, KeyMapping], list[ImportedRun]]


@dataclass(frozen=True)
class Sample:
    """The beginning of a file."""

    path: Path
    head: bytes

    @cached_property
    def lines(self) -> list[str]:
        """Its lines, decoded as well as may be; the last one may be cut."""
        return [line for line in re.split(r"[\r\n]+", self.head.decode("utf-8", "replace")) if line]

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Its first JSON objects, one a line; empty where the file is something else."""
        if not _SPACE.sub(b"", self.head[:64], count=1).startswith(b"{"):
            return []
        decoded = (decode_object(line.encode()) for line in self.lines[:200])
        return [row for row in decoded if row is not None]

    @cached_property
    def keys(self) -> frozenset[str]:
        """Keys of the numbers in these objects."""
        return frozenset(key for row in self.rows for key in flatten(row, _silent, row))


def _silent(_reason: str) -> None:
    """Take a reason that nobody asked for."""


def read_sample(path: Path) -> Sample:
    """Read the beginning of a file.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return Sample(path, file.read(HEAD))


def decode_object(line: bytes) -> dict[str, Any] | None:
    """Return the JSON object of a line, with ``NaN`` and ``Infinity`` as Python writes them."""
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return None
    return row if isinstance(row, dict) else None


def read_objects(path: Path, skip: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a file, one a line.

    Args:
        path: The file.
        skip: Told of each line that is none.
    """
    with path.open("rb") as file:
        for line in file:
            row = decode_object(line)
            if row is not None:
                yield row
            elif line.strip():
                skip("line that is no JSON object")


def run_name(path: Path) -> str:
    """Return a name for the run of a file: the file's, or its folder's where that says more.

    >>> run_name(Path("out/grpo/checkpoint-250/trainer_state.json")), run_name(Path("a/b.log"))
    ('grpo', 'b')
    """
    parts = [path.stem if path.suffix else path.name, *(part.name for part in path.parents)]
    for part in parts:
        if part and part not in _COMMON and not _CHECKPOINT.fullmatch(part):
            return printable(part)
    return "imported"


def printable(name: str) -> str:
    """Return a name that a server takes: at most 128 printable characters."""
    clean = "".join(letter if letter.isprintable() else " " for letter in name).strip()
    return clean[:128] or "imported"
