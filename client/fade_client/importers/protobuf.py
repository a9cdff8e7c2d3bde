"""The little of protobuf that log files need: varints and the fields of a message."""

import struct
from collections.abc import Iterator

Field = tuple[int, int, int | bytes]
"""Number, wire type, and the value: an int for a varint, else bytes."""

_FIXED = {1: 8, 5: 4}
_DOUBLE, _FLOAT = struct.Struct("<d"), struct.Struct("<f")


def varint(message: bytes, start: int) -> tuple[int, int]:
    """Return a varint and the offset after it.

    Raises:
        IndexError: The message ends inside it.
        ValueError: It is longer than any varint.
    """
    result = shift = 0
    while True:
        byte = message[start]
        start += 1
        result |= (byte & 127) << shift
        if byte < 128:
            return result, start
        shift += 7
        if shift > 63:
            raise ValueError("a varint of more than ten bytes")


def fields(message: bytes) -> Iterator[Field]:
    """Yield the fields of a message in their order.

    Raises:
        IndexError, ValueError: The bytes are no message.
    """
    position, end = 0, len(message)
    while position < end:
        key, position = varint(message, position)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, position = varint(message, position)
            yield number, wire, value
            continue
        if wire == 2:
            length, position = varint(message, position)
        else:
            length = _FIXED.get(wire, -1)
        if length < 0 or position + length > end:
            raise ValueError("no protobuf message")
        yield number, wire, message[position : position + length]
        position += length


def real(wire: int, value: int | bytes) -> float:
    """Return the float of a fixed field.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, bytes) and wire in _FIXED:
        found: float = (_DOUBLE if wire == 1 else _FLOAT).unpack(value)[0]
        return found
    raise ValueError("no fixed field")


def text(value: int | bytes) -> str:
    """Return the text of a field; empty where it is a number."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
