"""Tensors on a CUDA device: copied beside the training stream, and read when the copy is done.

A plain ``tensor.item()`` or ``tensor.cpu()`` makes the host wait until the device has done all
that was asked of it before, and then the device wait for the host. Here a step that has a tensor
on a device is recorded later, by a thread, and the training stream waits for nothing.
"""

import copy
import logging
import queue
import sys
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Protocol

from fade_client.values import is_tensor

log = logging.getLogger("fade_client")

THREAD_NAME = "fade-device"

MAX_WAITING = 256
"""Steps that may wait for their copies; more mean that the device does not get on."""


class Event(Protocol):
    """A point in a stream; ``torch.cuda.Event``."""

    def synchronize(self) -> None:
        """Have this thread wait until the device is there, and nothing else."""


def is_on_device(candidate: object) -> bool:
    """Say whether this is a tensor on a CUDA (or ROCm) device."""
    return is_tensor(candidate) and candidate.device.type == "cuda"  # type: ignore[attr-defined]


def has_any(values: Mapping[str, Any]) -> bool:
    """Say whether one of these values is on a device."""
    # Nearly all of them are floats, which need no closer look.
    return any(is_on_device(one) for one in values.values() if type(one) is not float)


Task = tuple[list[Event], Callable[[], None]]


class Copier:
    """Copies tensors into pinned memory of the host, on one stream of its own a device."""

    def __init__(self) -> None:
        self._streams: dict[Any, Any] = {}

    def held(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[Event]]:
        """Return these values as they are now, to be read when the events have happened.

        Args:
            values: By name; tensors on a device are copied, and all that the caller might change.
        """
        devices = {one.device for one in values.values() if is_on_device(one)}
        held = {name: self._held(one) for name, one in values.items()}
        return held, [self._stream(device).record_event() for device in devices]

    def _held(self, value: Any) -> Any:
        if is_on_device(value):
            return self._copied(value.detach())
        return value.detach().clone() if is_tensor(value) else copy.deepcopy(value)

    def _copied(self, tensor: Any) -> Any:
        torch = sys.modules["torch"]
        # The trainer may change its tensor at once; the clone is made in the order of its work.
        snapshot, side = tensor.clone(), self._stream(tensor.device)
        side.wait_stream(torch.cuda.current_stream(tensor.device))
        with torch.cuda.stream(side):
            pinned = torch.empty(snapshot.shape, dtype=snapshot.dtype, pin_memory=True)
            pinned.copy_(snapshot, non_blocking=True)
        # Else its memory could be given away before the copy has read it.
        snapshot.record_stream(side)
        return pinned

    def _stream(self, device: Any) -> Any:
        if device not in self._streams:
            self._streams[device] = sys.modules["torch"].cuda.Stream(device)
        return self._streams[device]


class Later:
    """Steps that are recorded when the device has delivered their values, in their order.

    Promises; ``tests/unit/client/test_device.py`` has one test for each:

    1. ``put`` waits for nothing, and steps are recorded in the order in which they were put.
    2. ``wait`` returns when all that was put before is recorded, or when its time is over.
    3. At most ``MAX_WAITING`` steps wait; what is beyond is refused.
    """

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._progress = threading.Condition()
        self._put = self._done = 0
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
        self._thread.start()

    def put(self, events: list[Event], record: Callable[[], None]) -> bool:
        """Have ``record`` called when the events have happened; False where too many wait."""
        if self._put - self._done >= MAX_WAITING:
            return False
        self._put += 1
        self._tasks.put((events, record))
        return True

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait for what was put until now; a device that hangs, no longer than the timeout."""
        wanted = self._put
        deadline = None if timeout_s is None else monotonic() + timeout_s
        with self._progress:
            while self._done < wanted:
                left = None if deadline is None else deadline - monotonic()
                if left is not None and left <= 0.0:
                    return
                self._progress.wait(left)

    def close(self) -> None:
        """Let the thread end after what was put."""
        self._tasks.put(None)

    def _run(self) -> None:
        while task := self._tasks.get():
            events, record = task
            try:
                for event in events:
                    event.synchronize()
                record()
            except Exception:
                log.warning("a step on a device could not be recorded", exc_info=True)
            with self._progress:
                self._done += 1
                self._progress.notify_all()
