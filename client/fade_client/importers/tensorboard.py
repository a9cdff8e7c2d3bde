"""TensorBoard event files: TFRecord frames around protobuf events; no TensorFlow needed.

A launch writes a file of its own; the files of a folder, in the order of their names, are one
run. Scalars are read in the old form (``simple_value``) and in the new one (a tensor of one
number); pictures, texts and histograms are counted.
"""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from fade_client.importers.draft import Draft
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.protobuf import fields, real, text
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, run_name

PATTERN = "*tfevents*"

_HEADER = struct.Struct("<QI")
_CRC_BYTES = 4
_MAX_RECORD = 1 << 30
_TENSOR_FORMS = {1: "<f", 2: "<d", 3: "<i", 9: "<q"}
"""Numbers of DT_FLOAT, DT_DOUBLE, DT_INT32 and DT_INT64."""


class Event(NamedTuple):
    """One event: when, at which step, and the scalars by tag."""

    time: float
    step: int
    scalars: dict[str, float]


def recognises(sample: Sample) -> bool:
    """Say whether this begins with a TFRecord whose length has the right checksum."""
    if len(sample.head) < _HEADER.size:
        return False
    length, checksum = _HEADER.unpack_from(sample.head)
    return bool(length < _MAX_RECORD and checksum == _masked_crc32c(sample.head[:8]))


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one event file, or those of a folder as one run."""
    draft = Draft(run_name(path), FORMAT.id, mapping)
    files = sorted(path.glob(PATTERN)) if path.is_dir() else [path]
    for file in files:
        _read_file(file, draft)
    return [draft.finish()]


def _read_file(file: Path, draft: Draft) -> None:
    # One event a tag is usual, so that neighbours of one step are put together first.
    step, time, scalars = -1, 0.0, dict[str, float]()
    for event in events(file, draft.skip):
        if not event.scalars:
            continue
        if event.step != step or event.scalars.keys() & scalars.keys():
            if scalars:
                draft.add(scalars, step=step, time=time)
            step, time, scalars = event.step, event.time, {}
        scalars |= event.scalars
    if scalars:
        draft.add(scalars, step=step, time=time)


def events(file: Path, skip: Callable[[str], None]) -> Iterator[Event]:
    """Yield the events of a file.

    Args:
        file: Its path.
        skip: Told of each record or value that is left out.
    """
    with file.open("rb") as stream:
        while head := stream.read(_HEADER.size):
            length = _HEADER.unpack(head)[0] if len(head) == _HEADER.size else _MAX_RECORD
            if length >= _MAX_RECORD:
                skip("broken record; the rest of the file is lost")
                return
            record = stream.read(length + _CRC_BYTES)
            if len(record) < length + _CRC_BYTES:
                skip("cut record at the end of the file")
                return
            try:
                event = _event(record[:length], skip)
            except (ValueError, IndexError, struct.error):
                skip("broken record")
                continue
            if event.step < 2**53:
                yield event
            else:
                skip("a step that is no integer >= 0")


def _event(record: bytes, skip: Callable[[str], None]) -> Event:
    time, step, scalars = 0.0, 0, dict[str, float]()
    for number, wire, value in fields(record):
        if number == 1:
            time = real(wire, value)
        elif number == 2 and isinstance(value, int):
            step = value
        elif number == 5 and isinstance(value, bytes):
            for inner, _, content in fields(value):
                if inner == 1 and isinstance(content, bytes):
                    _scalar(content, scalars, skip)
    return Event(time, step, scalars)


def _scalar(content: bytes, scalars: dict[str, float], skip: Callable[[str], None]) -> None:
    tag, amount = "", None
    for number, wire, value in fields(content):
        if number == 1:
            tag = text(value)
        elif number == 2:
            amount = real(wire, value)
        elif number == 8 and isinstance(value, bytes):
            amount = _tensor(value)
    if tag and amount is not None:
        scalars[tag] = amount
    else:
        skip("not a number: picture, text or histogram")


def _tensor(content: bytes) -> float | None:
    """Return the number of a tensor that holds one, else None."""
    form, raw = "", b""
    for number, _, value in fields(content):
        if number == 1 and isinstance(value, int):
            form = _TENSOR_FORMS.get(value, "")
        elif number in (4, 5, 6) and isinstance(value, bytes):
            raw = value
    if not form or len(raw) != struct.calcsize(form):
        return None
    return float(struct.unpack(form, raw)[0])


def _masked_crc32c(content: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


FORMAT = Format("tensorboard", "TensorBoard event file", recognises, read)
