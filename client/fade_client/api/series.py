"""Curves as arrays, from the API's binary form."""

import struct
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from fade_client.errors import ApiUnreachable


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric over steps.

    Attributes:
        step: ``[N]``, increasing.
        value: ``[N]``; ``nan`` and infinities are what they are.
    """

    step: NDArray[np.int64]
    value: NDArray[np.float64]


class _Part(msgspec.Struct):
    metric: str
    points: int


class _Header(msgspec.Struct):
    series: list[_Part]


def read_binary(content: bytes) -> dict[str, Curve]:
    """Return the curves of a binary answer.

    Args:
        content: Header length, JSON header, then float64 steps and values of each metric.

    Raises:
        ApiUnreachable: It is something else.
    """
    try:
        (size,) = struct.unpack_from("<I", content)
        header = msgspec.json.decode(content[4 : 4 + size], type=_Header)
        floats = np.frombuffer(content, dtype="<f8", offset=4 + size)
    except (struct.error, ValueError, msgspec.DecodeError) as error:
        raise ApiUnreachable(f"the answer holds no series: {error}") from error
    curves, place = {}, 0
    for part in header.series:
        steps = floats[place : place + part.points].astype(np.int64)
        curves[part.metric] = Curve(steps, floats[place + part.points : place + 2 * part.points])
        place += 2 * part.points
    return curves
