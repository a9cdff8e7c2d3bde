"""The frames of a spool file: what they hold, and how they are packed and read back.

A frame is ``[u32 length][u32 adler32][msgpack payload]``, little-endian. The first one is the
``Header``; the rest are steps, at most one state after the header and one finish at the end.
A payload is a map, or ``[step, time, values]`` for a step that has nothing else.

The checksum is there for writes that were torn. Adler's finds those as CRC-32 does and costs half
as much, less still after a training step: it has no tables to fetch.
"""

import os
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO
from zlib import adler32

import msgspec
import numpy as np
from numpy.typing import NDArray

from fade_core.scheduler import Schedule, SchedulerConfig

FORMAT = 1
"""Version of the file format, in every header."""

_PREFIX = struct.Struct("<II")
prefix = _PREFIX.pack
checksum = adler32

_NAMES = {np.dtype(name).newbyteorder("<"): name for name in ("float32", "float64")}
"""What needs no conversion to be packed."""

BINARY = "binary"
"""The form of zeros and ones, a byte each: what rewards mostly are."""


class Array(msgspec.Struct, frozen=True, array_like=True):
    """A ``[P, G]`` array as the trainer gave it.

    Attributes:
        shape: Prompts and rollouts of each.
        dtype: ``float32``, ``float64`` or ``BINARY``.
        content: Little-endian values, row by row.
    """

    shape: tuple[int, int]
    dtype: str
    content: memoryview

    @classmethod
    def of(cls, values_PG: NDArray[Any]) -> "Array":
        """Hold an array of float32 or float64; ``pack`` copies it, so that nothing is twice."""
        rows, columns = values_PG.shape
        name = _NAMES.get(values_PG.dtype)
        if name is None or not values_PG.flags.c_contiguous:
            name = values_PG.dtype.name
            values_PG = values_PG.astype(np.dtype(name).newbyteorder("<"), order="C", copy=False)
        return cls((rows, columns), name, values_PG.data)

    @classmethod
    def of_rewards(cls, rewards_PG: NDArray[Any]) -> "Array":
        """Hold rewards: zeros and ones a byte each, which is less to write; others as they are."""
        solved_PG = rewards_PG == 1.0
        known = np.count_nonzero(solved_PG) + np.count_nonzero(rewards_PG == 0.0)
        if known != rewards_PG.size:
            return cls.of(rewards_PG)
        rows, columns = rewards_PG.shape
        return cls((rows, columns), BINARY, np.ascontiguousarray(solved_PG).view(np.uint8).data)

    @classmethod
    def of_numbers(cls, numbers_N: Sequence[float], columns: int) -> "Array":
        """Hold numbers, as float32; for a few of them numpy costs more than all the rest.

        Args:
            numbers_N: Row by row.
            columns: Numbers of a row.
        """
        numbers = array("f", numbers_N)
        if sys.byteorder == "big":
            numbers.byteswap()
        return cls((len(numbers) // columns, columns), "float32", memoryview(numbers))

    def values(self) -> NDArray[Any]:
        """Return the array again, in its own dtype; zeros and ones as float32."""
        if self.dtype == BINARY:
            return self._bytes().reshape(self.shape).astype(np.float32)
        dtype = np.dtype(self.dtype).newbyteorder("<")
        return np.frombuffer(self.content, dtype=dtype).reshape(self.shape)

    def solve_rate(self) -> float | None:
        """Return the mean of zeros and ones; None where the values are others."""
        if self.dtype != BINARY:
            return None
        return int(np.count_nonzero(self._bytes())) / (self.shape[0] * self.shape[1])

    def _bytes(self) -> NDArray[np.uint8]:
        return np.frombuffer(self.content, dtype=np.uint8)


class Header(msgspec.Struct, frozen=True, tag="header"):
    """Who the records belong to; everything that registers the attempt with a server.

    Attributes:
        format: ``FORMAT`` of the writer.
        project: Name of the project.
        run_id: The run.
        attempt_key: The attempt; the same key again is the same attempt.
        name: What people read.
        mode: ``observe``, ``recommend``, ``control`` or ``local``.
        config: The trainer's configuration, plain JSON values.
        tags: Labels of the run.
        group: Runs that belong together, or None.
        scheduler: Tuning of FADE's scheduler.
        weights_every: Raw weights of every k-th step go to the server; 0 for none.
        created_at: Seconds since the epoch.
    """

    format: int
    project: str
    run_id: str
    attempt_key: str
    name: str
    mode: str
    config: dict[str, Any]
    tags: tuple[str, ...]
    group: str | None
    scheduler: SchedulerConfig
    weights_every: int
    created_at: float


class StepFrame(msgspec.Struct, frozen=True, tag="step", omit_defaults=True):
    """One ``log_step``, before anything was computed from it.

    Attributes:
        step: The rollout batch.
        time: Seconds since the epoch.
        values: Scalars by name. ``accuracy`` and ``entropy`` here, or their absence, are
            exactly what the local scheduler observed.
        vectors: Vectors of ``fade_core.records`` by name.
        pass_at_k: pass@k by k.
        rewards: ``[P, G]``, or None.
        advantages: ``[P, G]`` of the same shape, or None.
        override_version: At the first step with another override than before, or with none
            again, the server's version of it; else -1.
    """

    step: int
    time: float
    values: dict[str, float]
    vectors: dict[str, list[float]] = {}
    pass_at_k: dict[int, float] = {}
    rewards: Array | None = None
    advantages: Array | None = None
    override_version: int = -1


Numbers = tuple[int, float, dict[str, Any]]
"""The short form of a step that has only values: its index, its time, and they by name."""


class StateFrame(msgspec.Struct, frozen=True, tag="state"):
    """The schedule that the attempt went on from, where a checkpoint was loaded."""

    schedule: Schedule


class FinishFrame(msgspec.Struct, frozen=True, tag="finish"):
    """How and when the attempt ended."""

    status: str
    time: float


Frame = Header | StepFrame | StateFrame | FinishFrame

encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Frame)

_NUMBERS = 0x93
"""First byte of an array of three, which is ``Numbers``. Other frames are maps."""

_numbers = msgspec.msgpack.Decoder(tuple[int, float, dict[Any, float | bool]])


def pack(frame: Frame) -> bytes:
    """Return the bytes of one frame, prefix included.

    In a name of a value, a lone surrogate, which is unfit for UTF-8, is replaced.

    Raises:
        UnicodeEncodeError: Any other text holds one.
    """
    try:
        payload = encode(frame)
    except UnicodeEncodeError:
        if not isinstance(frame, StepFrame):
            raise
        fit = {name.encode("utf-8", "replace").decode(): n for name, n in frame.values.items()}
        payload = encode(msgspec.structs.replace(frame, values=fit))
    return prefix(len(payload), checksum(payload)) + payload


def read_frames(file: BinaryIO, offset: int = 0) -> Iterator[tuple[Frame, int]]:
    """Yield the whole frames from ``offset`` on, each with the offset after it.

    Stops before the first frame that is incomplete or damaged: what a writer that was killed
    leaves at the end, or what a live one is about to complete.

    Args:
        file: A spool, opened for reading.
        offset: Where a frame begins, in bytes.
    """
    size = os.fstat(file.fileno()).st_size
    file.seek(offset)
    while len(prefix := file.read(_PREFIX.size)) == _PREFIX.size:
        length, wanted = _PREFIX.unpack(prefix)
        if offset + _PREFIX.size + length > size:
            return
        payload = file.read(length)
        if len(payload) < length or checksum(payload) != wanted:
            return
        try:
            frame = _decode(payload)
        except msgspec.DecodeError:
            return
        offset += _PREFIX.size + length
        yield frame, offset


def _decode(payload: bytes) -> Frame:
    if payload[0] != _NUMBERS:
        frame: Frame = _decoder.decode(payload)
        return frame
    step, time, values = _numbers.decode(payload)
    return StepFrame(step, time, {str(name): float(number) for name, number in values.items()})
