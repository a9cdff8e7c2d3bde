"""The spool: one append-only file an attempt, and how much of it a server has confirmed."""

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable
from math import inf, nan
from os import write
from pathlib import Path
from time import time as now
from typing import Any

import msgspec

from fade_client.errors import SpoolError
from fade_client.frames import Header, checksum, encode, pack, prefix, read_frames

SUFFIX = ".spool"

BATCH = 256
"""Steps after which ``on_batch`` is called; earlier where their numbers have gaps."""

CLOSED = -1
"""In place of a file's descriptor; the operating system refuses it as a bad one."""


class SpoolWriter:
    """Append frames to a spool file of its own.

    Promises; ``tests/unit/client/test_spool.py`` has one test for each:

    1. A frame is in the file, by one write call, before ``write`` returns; a process killed
       after that loses nothing of it.
    2. A write that fails leaves no part of its frame behind, and ``write`` says so instead of
       raising.
    3. The file is locked while the writer is open, so that ``sync`` leaves a live run alone.

    Attributes:
        path: The file.
        error: Why the last write that failed did.
        observe: Told the step, accuracy and entropy of what ``append_numbers`` wrote.
        on_batch: Called when a batch of steps is written.
        lock: Held while the file changes. It is the run's own lock too, so that a step costs
            one; and reentrant, for a signal may find it held by the very thread it interrupts.

    Args:
        path: The file to make; it must not exist.
        header: Its first frame.

    Raises:
        OSError: The file cannot be made or the header not written.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.error = ""
        self._full_at = BATCH - 1
        self.observe: Callable[[tuple[int, float, float]], None] = _nothing
        self.on_batch: Callable[[], None] = _nothing
        self.lock = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        # Private to the user: a configuration may hold what others must not read.
        self._fd = os.open(path, flags, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not self.write(pack(header)):
            self.close()
            raise OSError(f"cannot write to {path}: {self.error}")
        self._start = self._size()

    def write(self, packed: bytes) -> bool:
        """Append one packed frame; False, with the cause in ``error``, where that failed."""
        with self.lock:
            return self.append(packed)

    def append(self, packed: bytes) -> bool:
        """Do what ``write`` does, for a caller that holds ``lock``."""
        try:
            written = os.write(self._fd, packed)
        except OSError as error:
            return self._failed(error)
        return written == len(packed) or self._cut(written)

    def append_numbers(self, step: int, values: dict[str, Any]) -> bool:
        """Append a step of numbers, or return False and do nothing for any other one.

        What a log call costs is spent here, so all values are looked at at once, and one by one
        only when they are read. A write that fails is for the caller to try again: ``append``
        says why. The caller holds ``lock``.

        Args:
            step: Its index.
            values: Its values by name, anything.
        """
        try:
            # Of floats, ints and bools alone the sum is a float; no tensor is waited for.
            if type(sum(values.values(), 0.0)) is not float:
                return False
            # These two steer the schedule, so that they are checked before they are observed.
            accuracy, entropy = values.get("accuracy", nan), values.get("entropy", nan)
            if not (0.0 <= accuracy <= 1.0 or accuracy != accuracy):
                return False
            if not (0.0 <= entropy < inf or entropy != entropy):
                return False
            payload = encode((step, now(), values))
            packed = prefix(len(payload), checksum(payload)) + payload
            written = write(self._fd, packed)
        except Exception:  # noqa: BLE001 - a foreign number may raise anything
            return False
        if written != len(packed):
            return self._cut(written)
        self.observe((step, accuracy, entropy))
        # By its number, for to count would cost as much as the checksum.
        if step >= self._full_at:
            self.end_batch(step)
        return True

    def end_batch(self, step: int) -> None:
        """Call ``on_batch`` if it is due at this step, which was written."""
        if step >= self._full_at:
            self._full_at = step + BATCH
            self.on_batch()

    def _cut(self, written: int) -> bool:
        # A part of a frame would hide every later one from the reader.
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, self._size() - written)
        return self._failed(OSError(f"only {written} bytes of the record fitted"))

    def restart(self, end: int, prepare: Callable[[], None]) -> bool:
        """Empty the file down to its header if it ends at ``end``, and say whether it did.

        Args:
            end: Offset up to which everything was confirmed.
            prepare: Called before; with no record being written meanwhile.
        """
        with self.lock:
            if self._fd == CLOSED or self._size() != end:
                return False
            prepare()
            os.ftruncate(self._fd, self._start)
            return True

    def close(self) -> None:
        """Let go of the file and its lock; closing twice is harmless."""
        with self.lock:
            if self._fd != CLOSED:
                # Closing alone would leave the lock to a child that was just forked.
                fcntl.flock(self._fd, fcntl.LOCK_UN)
                os.close(self._fd)
            self._fd = CLOSED

    def abandon_after_fork(self) -> None:
        """In a forked child: leave the file, and its lock, to the parent."""
        self.lock = threading.RLock()
        if self._fd != CLOSED:
            os.close(self._fd)
        self._fd = CLOSED

    def _failed(self, error: OSError) -> bool:
        self.error = str(error)
        return False

    def _size(self) -> int:
        return os.fstat(self._fd).st_size


def _nothing(*_: Any) -> None:
    """There is nobody to tell."""


class Ack(msgspec.Struct, frozen=True):
    """How far the server has confirmed a spool.

    Attributes:
        offset: Frames before this many bytes are settled; 0 before anything is.
        confirmed: Steps that the server holds.
        rejected: Steps that it refused for good.
    """

    offset: int = 0
    confirmed: int = 0
    rejected: int = 0


def ack_path(spool: Path) -> Path:
    """Return the file beside a spool that holds its ``Ack``."""
    return spool.with_suffix(".ack")


def rejected_path(spool: Path) -> Path:
    """Return the file beside a spool that collects what the server refused."""
    return spool.with_suffix(".rejected.jsonl")


def read_ack(spool: Path) -> Ack:
    """Return how far a spool was confirmed; nothing where that is unknown or beyond its end."""
    try:
        ack = msgspec.json.decode(ack_path(spool).read_bytes(), type=Ack)
    except (OSError, msgspec.DecodeError):
        return Ack()
    return ack if ack.offset <= spool.stat().st_size else Ack()


def write_ack(spool: Path, ack: Ack) -> None:
    """Replace the confirmed offset in one move, so that a reader never sees half of it.

    Raises:
        OSError: The directory cannot be written.
    """
    draft = spool.with_suffix(".ack.new")
    draft.write_bytes(msgspec.json.encode(ack))
    draft.replace(ack_path(spool))


def read_header(spool: Path) -> tuple[Header, int]:
    """Return the header of a spool and the offset after it.

    Raises:
        SpoolError: The file does not begin with the header of a spool that this version reads.
        OSError: The file cannot be read.
    """
    with spool.open("rb") as file:
        for frame, end in read_frames(file):
            if isinstance(frame, Header):
                return frame, end
            break
    raise SpoolError(f"{spool} is not a spool: it does not begin with a header")


def is_live(spool: Path) -> bool:
    """Say whether a process is still writing to this spool."""
    with spool.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
