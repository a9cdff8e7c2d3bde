"""What a run has logged, on its way into the spool and to the scheduler."""

import weakref
from collections.abc import Callable
from functools import partial
from math import nan
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

BATCH = 256
"""Steps after which the sender is woken before its timer."""


class Recorder:
    """Writes steps, at once or when a device has delivered their values, and observes them.

    Attributes:
        lock: Held by whoever calls a method here, except ``catch_up``; the spool's own.
        append: Writes a step of numbers; see ``SpoolWriter.append_numbers``.
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
        self.append: Callable[..., bool | None] = writer.append_numbers if writer else _nowhere
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

    def settle(self, step: int, accuracy: float, entropy: float, *, kept: bool) -> None:
        """Count a step that was written, or was not, and let the scheduler observe it."""
        if kept:
            self._ledger.logged = logged = self._ledger.logged + 1
            if logged % BATCH == 0:
                self.end_batch()
        elif not self._mute:
            why = self._writer.error if self._writer else "there is no spool"
            self._ledger.lose("disk", "a step is lost: %s", why)
        self._observe((step, accuracy, entropy))

    def end_batch(self) -> None:
        """Do what is due after every ``BATCH`` steps."""
        self._scheduler.bound()
        self.on_batch()

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
        accuracy, entropy = scalars.get("accuracy", nan), scalars.get("entropy", nan)
        frame = StepFrame(step, now(), scalars, {}, {}, rewards, advantages, override_version)
        kept = None if accuracy != accuracy else self.append(frame, scalars, accuracy, entropy)
        if kept is not None:
            self.settle(step, accuracy, entropy, kept=kept)
        return kept is not None

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
        self.settle(step, *observed(frame), kept=kept)

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
