"""Opaque cursors: where the next page of a list begins."""

import base64
import binascii
from typing import Any

import orjson

from fade_server.errors import refuse
from fade_server.services.codec import encode


def write_cursor(*parts: str | float) -> str:
    """Return the cursor of the page that begins after this place."""
    return base64.urlsafe_b64encode(encode(parts)).decode()


def read_cursor(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """Return the place that a cursor stands for, or None for the first page.

    Args:
        cursor: ``next_cursor`` of the page before.
        kinds: Type of each part; a ``float`` may be a whole number too.

    Raises:
        InvalidInputError: The cursor is not one of ours, or of another list.

    >>> read_cursor(write_cursor("name", 3), str, int)
    ('name', 3)
    """
    if cursor is None:
        return None
    try:
        parts = orjson.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        parts = None
    if not isinstance(parts, list) or len(parts) != len(kinds) or not all(map(_fits, parts, kinds)):
        raise refuse("cursor", "must be next_cursor of an earlier answer in this order", cursor)
    return tuple(parts)


def _fits(part: object, kind: type) -> bool:
    if isinstance(part, str):
        return kind is str and "\0" not in part
    whole = type(part) is int and -(2**63) <= part < 2**63
    return (whole and kind in (int, float)) or (type(part) is float and kind is float)
