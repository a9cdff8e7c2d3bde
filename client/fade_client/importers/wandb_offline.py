"""Weights & Biases offline runs: ``run-<id>.wandb``, read without the wandb package.

A header of 7 bytes, then LevelDB's log framing in blocks of 32 KiB around protobuf records. The
step is ``train/global_step`` where the trainer logs it; ``_step`` counts calls of the logger.
"""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from fade_client.importers.draft import Draft
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.protobuf import fields, text
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, decode_object, printable

_MAGIC = b":W&B"
_HEADER_BYTES = 7
_BLOCK = 1 << 15
_FRAME = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_HISTORY, _CONFIG, _RUN = 2, 5, 17
_STAMPS = frozenset({"train/global_step", "_step", "_timestamp"})
_INTERNAL = ("_wandb", "_runtime")
_DROPPED = ("profiling/", "train/profiling/")
"""TRL times its own functions in rows of their own, under a step that lags behind."""


def recognises(sample: Sample) -> bool:
    """Say whether the file begins as these do."""
    return sample.head.startswith(_MAGIC)


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one run."""
    draft = Draft(printable(path.stem.removeprefix("run-")), FORMAT.id, mapping)
    for record in _records(path, draft.skip):
        try:
            for number, _, value in fields(record):
                if isinstance(value, bytes):
                    _take(number, value, draft)
        except (ValueError, IndexError):
            draft.skip("broken record")
    return [draft.finish()]


def _take(number: int, record: bytes, draft: Draft) -> None:
    if number == _HISTORY:
        row = _items(record, 1, draft.skip)
        for key in [key for key in row if key.startswith(_DROPPED)]:
            del row[key]
            draft.skip("timing of TRL's own functions")
        for key in _INTERNAL:
            row.pop(key, None)
        if row.keys() - _STAMPS:
            draft.add(row)
    elif number == _CONFIG:
        draft.config |= _items(record, 1, draft.skip)
    elif number == _RUN:
        _take_run(record, draft)


def _take_run(record: bytes, draft: Draft) -> None:
    for number, _, value in fields(record):
        if number == 4 and isinstance(value, bytes):
            draft.config |= _items(value, 1, draft.skip)
        elif number == 8 and text(value):
            draft.name = printable(text(value))


def _items(record: bytes, wanted: int, skip: Callable[[str], None]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for number, _, item in fields(record):
        if number != wanted or not isinstance(item, bytes):
            continue
        key, nested, value = "", list[str](), b"null"
        for inner, _, content in fields(item):
            if inner == 1:
                key = text(content)
            elif inner == 2:
                nested.append(text(content))
            elif inner == 16 and isinstance(content, bytes):
                value = content
        row[key or ".".join(nested)] = _value(value, skip)
    return row


def _value(content: bytes, skip: Callable[[str], None]) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        # NaN and Infinity are not JSON, but Python writes them.
        wrapped = decode_object(b'{"value":' + content + b"}")
        if wrapped is None:
            skip("value that is no JSON")
        return (wrapped or {}).get("value")


def _records(path: Path, skip: Callable[[str], None]) -> Iterator[bytes]:
    parts: list[bytes] = []
    for kind, content in _frames(path, skip):
        if kind in (_FULL, _FIRST) and parts:
            skip("record without an end")
        if kind == _FULL:
            yield content
        if kind in (_FULL, _FIRST):
            parts = []
        if kind == _FIRST or (kind in (_MIDDLE, _LAST) and parts):
            parts.append(content)
        if kind == _LAST and parts:
            yield b"".join(parts)
            parts = []
    if parts:
        skip("cut record at the end of the file")


def _frames(path: Path, skip: Callable[[str], None]) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        file.seek(_HEADER_BYTES)
        start = _HEADER_BYTES
        while block := file.read(_BLOCK - start):
            position = 0
            while position + _FRAME.size <= len(block):
                _, length, kind = _FRAME.unpack_from(block, position)
                position += _FRAME.size
                if kind == 0 and length == 0:
                    break
                content = block[position : position + length]
                position += length
                if len(content) < length:
                    skip("cut record at the end of the file")
                else:
                    yield kind, content
            start = 0


FORMAT = Format("wandb", "Weights & Biases offline run", recognises, read)
