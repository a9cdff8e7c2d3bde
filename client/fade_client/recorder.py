"""What a run has logged, on its way into the spool and to the scheduler."""

import weakref
from collections.abc import Callable
from functools import partial
from math import inf, nan
from operator import countOf
from threading import RLock
from time import time as now
from typing import Any

from msgspec import structs

from fade_client.device import MAX_WAITING, Copier, Later, has_any
from fade_client.frames import Array, StepFrame, pack
from fade_client.ledger import Ledger
from fade_client.record import observed, step_frame
from fade_client.schedule import LocalScheduler
from fade_client.spool import SpoolWriter


class Recorder:
    """Writes steps, at once or when a device has delivered their values, and observes them.

    Attributes:
        lock: Held by whoever calls a method here, except ``catch_up``; the spool's own.
        append_numbers: Writes a step of numbers; see ``SpoolWriter.append_numbers``.
        on_batch: Called when a batch of steps is written.
        later: What waits for a device, and every step behind it; None before there was one.

    Args:
        writer: The spool, or None where there is none.
        ledger: Counts what becomes of the steps.
        scheduler: Observes them.
        mute: Recording nothing is right here, and no loss.
    """

    def __init__(
        self, writer: SpoolWriter | None, ledger: Ledger, scheduler: LocalScheduler, *, mute: bool
    ) -> None:
        self._writer, self._ledger, self._mute = writer, ledger, mute
        self._scheduler, self._observe = scheduler, scheduler.observe
        self.lock = writer.lock if writer else RLock()
        self.append_numbers: Callable[..., bool] = _nowhere
        if writer:
            self.append_numbers = writer.append_numbers
            writer.observe, writer.on_batch = scheduler.observe, self._end_batch
        self.on_batch: Callable[[], None] = _nothing
        self._copier = Copier()
        self.later: Later | None = None

    def record(
        self, step: int, scalars: dict[str, Any], arrays: dict[str, Any], override_version: int
    ) -> None:
        """Write any step; see ``step_frame``.

        Args:
            step: Its index.
            scalars: Values by name.
            arrays: ``rewards``, ``advantages`` and ``pass_at_k``, each of them or None.
            override_version: Where the step is the first with another override; else -1.
        """
        if self.later is None:
            if self._record_packed(step, scalars, arrays, override_version):
                return
            if not (has_any(scalars) or has_any(arrays)):
                self._write(step, now(), scalars, arrays, override_version)
                return
            self.later = Later()
            weakref.finalize(self, self.later.close).atexit = False
        scalars, events = self._copier.held(scalars)
        arrays, more = self._copier.held(arrays)
        write = partial(self._write_later, step, now(), scalars, arrays, override_version)
        if not self.later.put([*events, *more], write):
            self._ledger.lose("device", "a step is lost: the device is %d behind", MAX_WAITING)

    def catch_up(self, timeout_s: float | None = None) -> None:
        """Wait until what was logged is recorded, on a device too, but no longer than that."""
        if self.later is not None:
            self.later.wait(timeout_s)

    def renew_after_fork(self) -> None:
        """In a forked child: nothing waits, and no vanished thread holds a lock."""
        self.lock, self.later = RLock(), None

    def _record_packed(
        self, step: int, scalars: dict[str, Any], arrays: dict[str, Any], override_version: int
    ) -> bool:
        # An adapter has packed its arrays and knows their accuracy: there is nothing to look into.
        rewards, advantages = arrays["rewards"], arrays["advantages"]
        if not type(rewards) is type(advantages) is Array or arrays["pass_at_k"] is not None:
            return False
        if self._writer is None or countOf(map(type, scalars.values()), float) != len(scalars):
            return False
        accuracy, entropy = scalars.get("accuracy", nan), scalars.get("entropy", nan)
        if not (0.0 <= accuracy <= 1.0 and (0.0 <= entropy < inf or entropy != entropy)):
            return False
        frame = StepFrame(step, now(), scalars, {}, {}, rewards, advantages, override_version)
        kept = self._writer.append(pack(frame))
        self._settle(step, accuracy, entropy, kept=kept)
        return True

    def _write(
        self,
        step: int,
        time: float,
        scalars: dict[str, Any],
        arrays: dict[str, Any],
        override_version: int,
    ) -> None:
        frame = step_frame(step, time, scalars=scalars, drop=self._ledger.drop, **arrays)
        if override_version != -1:
            frame = structs.replace(frame, override_version=override_version)
        kept = self._writer is not None and self._writer.append(pack(frame))
        self._settle(step, *observed(frame), kept=kept)

    def _settle(self, step: int, accuracy: float, entropy: float, *, kept: bool) -> None:
        self._observe((step, accuracy, entropy))
        if kept and self._writer:
            self._writer.end_batch(step)
        elif not self._mute:
            why = self._writer.error if self._writer else "there is no spool"
            self._ledger.lose("disk", "a step is lost: %s", why)

    def _end_batch(self) -> None:
        self._scheduler.bound()
        self.on_batch()

    def _write_later(self, *step: Any) -> None:
        try:
            with self.lock:
                self._write(*step)
        except Exception:  # noqa: BLE001 - a step that was logged never raises; it is counted
            self._ledger.lose("error", "a step could not be recorded", exc_info=True)


def _nowhere(*_step: Any) -> bool:
    return False


def _nothing() -> None:
    """There is nobody to tell."""
