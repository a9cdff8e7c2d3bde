"""The handle of a run: what the trainer calls, and that none of it can hurt the training."""

import logging
import threading
from collections.abc import Callable, Mapping
from time import time as now
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from fade_client import lifetime, pushback, state, values
from fade_client.alerts import Alert, Orders, Watch
from fade_client.frames import FinishFrame, Header, StateFrame, pack
from fade_client.ledger import FinishReport, Ledger, RunStats
from fade_client.pushback import Pinned
from fade_client.recorder import Recorder
from fade_client.schedule import LocalScheduler, RunSchedule, applied, neutral
from fade_client.spool import SpoolWriter
from fade_client.values import MAX_STEP
from fade_core.errors import SettingError
from fade_core.scheduler import Schedule, apply_override

if TYPE_CHECKING:
    from fade_client.endpoints import Reply
    from fade_client.listener import Listener
    from fade_client.sender import Sender

log = logging.getLogger("fade_client")


class Run:
    """One attempt of a training run. Made by ``fade_client.init``.

    Promises; ``tests/unit/client/test_run.py`` has a test for each:

    1. ``log_step`` makes one write call and returns: it does not wait for the network, whatever
       that does.
    2. ``log_step`` never raises, whatever it is given; what cannot be used is counted in
       ``stats`` and said once.
    3. ``schedule`` is a function of what was logged and of the override alone, the same that
       ``fade_core.scheduler.replay`` gives.
    4. ``finish`` returns within its timeout and says what is still in the spool.
    5. In a forked child every call is harmless and records nothing.

    Attributes:
        id: The run's id.
        name: What people read.
        mode: ``observe``, ``recommend``, ``control`` or ``local``.
        path: The spool, or None where this process records nothing.

    Args:
        header: Who the run is.
        writer: Its spool, or None where there is none.
        ledger: Counts what becomes of its records.
        mute: Recording nothing is right here, and no loss.
        react: Called with each new alert; see ``orders``.
    """

    def __init__(
        self,
        header: Header,
        writer: SpoolWriter | None,
        ledger: Ledger,
        *,
        mute: bool = False,
        react: Callable[[Alert], Any] | None = None,
    ) -> None:
        self.id, self.name, self.mode = header.run_id, header.name, header.mode
        self.path = writer.path if writer else None
        self._ledger, self._writer = ledger, writer
        self._scheduler = LocalScheduler(header.scheduler)
        self._recorder = Recorder(writer, ledger, self._scheduler, mute=mute)
        # By themselves, for a step would pay for every dot.
        self._append_numbers = self._recorder.append_numbers
        self._sender: Sender | None = None
        self._has_server = header.mode != "local"
        self._share_lock()
        self._listener: Listener | None = None
        self._pinned = Pinned()
        self._watch = Watch(react)
        self._began = 0
        self._told_version = 0
        self._handed_out: tuple[float, float, int, int] | None = None
        self._least = 0
        self._resumed = False
        self._closed = ""
        self._report: FinishReport | None = None
        lifetime.watch(self)

    def log_step(
        self,
        /,
        step: int | None = None,
        scalars: Mapping[str, Any] | None = None,
        *,
        rewards: Any = None,
        advantages: Any = None,
        pass_at_k: Any = None,
        **named: Any,
    ) -> None:
        """Record one rollout batch. Never raises, and never waits for the network.

        Args:
            step: Index of the rollout batch, larger than the last one; None for the next.
            scalars: Values by name, for a trainer that has them in a dict already; a dict is
                cheaper to pass than as many keywords, and is left as it is.
            rewards: ``[P, G]`` tensor, array or lists, before any filtering. The outcome fields
                and, with ``advantages``, the weight fields are computed from it.
            advantages: ``[P, G]``, the advantages that the trainer used for these rewards.
            pass_at_k: pass@k by k, such as ``{16: 0.8}``.
            **named: Any field of ``fade_core.records`` by name, such as ``entropy`` (nats a
                token); what is given here goes before what is computed and before ``scalars``.
                Any other name is kept as an extra series. A number, a 0-d array or a 0-d
                tensor; None is not recorded.
        """
        try:
            # Inside, so that Ctrl-C cannot leave it locked. ``with`` would take 0.1 us more.
            self._acquire()
            number: int | None = self._least if step is None else step
            if type(number) is not int or not self._least <= number < MAX_STEP or self._closed:
                number = self._admitted(number)
                if number is None:
                    return
            given: Any = _merged(scalars, named) if named else scalars
            is_plain = rewards is advantages is pass_at_k is self._handed_out is None
            is_plain = is_plain and self._recorder.later is None
            if not (is_plain and self._append_numbers(number, given)):
                arrays = {"rewards": rewards, "advantages": advantages, "pass_at_k": pass_at_k}
                given, told = self._used(given if type(given) is dict else _merged(given, {}))
                self._recorder.record(number, given, arrays, told)
            self._least = number + 1
        except Exception:  # noqa: BLE001 - promise 2; the ledger logs it
            self._ledger.lose("error", "a step could not be recorded", exc_info=True)
        finally:
            try:  # noqa: SIM105 - suppress() takes longer than the rest of this
                self._release()
            except RuntimeError:  # Ctrl-C came while it was waited for
                pass

    @property
    def schedule(self) -> RunSchedule:
        """The pair for the next rollout batch; read it once a batch.

        In ``control`` and ``local`` mode it is FADE's, with what a person has pinned. In
        ``observe`` and ``recommend`` mode it is the neutral pair, alpha = 1 and delta = 1, so
        that the same training script runs in every mode.
        """
        if self.mode in ("observe", "recommend"):
            return neutral(self._current(), self.mode)
        self._recorder.catch_up()
        pinned = self._pinned
        schedule = applied(apply_override(self._scheduler.current(), pinned.override))
        pair = schedule.alpha, schedule.delta
        self._handed_out = *pair, schedule.version, pinned.version
        return schedule

    def pair(self) -> tuple[float, float, int]:
        """Return alpha, delta and the version for the next rollout batch; for adapters.

        What ``schedule`` holds, or in ``observe`` and ``recommend`` mode ``recommendation``,
        without the reason, which takes longer to write than the pair to compute.
        """
        if self._recorder.later is not None:
            self._recorder.catch_up()
        alpha, delta, version = self._scheduler.pair()
        pinned = self._pinned
        if pinned.override is not None:
            alpha, delta = pinned.override.over(alpha, delta)
        if self.mode not in ("observe", "recommend"):
            self._handed_out = alpha, delta, version, pinned.version
        return alpha, delta, version

    @property
    def recommendation(self) -> RunSchedule:
        """The pair that ``control`` mode would use for the next rollout batch."""
        return applied(self._current())

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The server's alerts that are not over; known in ``control`` and with ``on_alert``."""
        return self._watch.open

    def orders(self) -> Orders:
        """React to new alerts as ``on_alert`` says, and return what the training has to do.

        Call it once a rollout batch, in the thread that trains: a function given as ``on_alert``
        is called here. Every order is in the log with its reason.
        """
        return self._watch.orders(self._began)

    @property
    def stats(self) -> RunStats:
        """Where the steps of this attempt are, as of now."""
        observed = self._scheduler.observed() if self._writer else 0
        return self._ledger.stats(observed, has_server=self._has_server)

    def finish(self, status: str = "finished", timeout_s: float = 5.0) -> FinishReport:
        """End the run: wait for the sender, but not longer than ``timeout_s`` seconds.

        What could not be sent stays in the spool; ``fadewatch sync`` sends it later. Calling it
        again returns the first report.

        Args:
            status: ``finished`` or ``failed``.
            timeout_s: Longest wait, in seconds.
        """
        timeout_s = min(max(0.0, float(timeout_s)), threading.TIMEOUT_MAX)
        self._recorder.catch_up(timeout_s)
        with self._lock:
            first = not self._closed
            self._closed = self._closed or "finished"
            if first:
                status = status if status in ("finished", "failed") else "failed"
                if self._writer:
                    self._writer.write(pack(FinishFrame(status, now())))
        if self._report is None:
            self._stop(timeout_s)
            self._report = self._closing_report(status)
        return self._report

    def state_dict(self) -> dict[str, Any]:
        """Return what the trainer's checkpoint needs to continue the schedule exactly.

        Returns:
            Plain JSON values: ``run_id``, ``step`` (the last one logged, or None), ``schedule``.
        """
        self._recorder.catch_up()
        with self._lock:
            last_step = self._least - 1 if self._least else None
            return state.to_dict(self.id, last_step, self._scheduler.current())

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a checkpoint; call it before the first step is logged.

        Args:
            state_dict: What ``state_dict`` returned in an earlier attempt of the same run; open
                this one with ``init(..., run_id=state_dict["run_id"])``.

        Raises:
            StateError: It is not such a state, it is another run's, or steps were logged already.
        """
        with self._lock:
            last_step, schedule = state.from_dict(state_dict, self.id)
            state.require_fresh(self._scheduler.observed())
            self._resumed = True
            self._began = self._least = 0 if last_step is None else last_step + 1
            self._scheduler.restore(schedule)
            if self._writer:
                self._writer.write(pack(StateFrame(schedule)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.finish("finished" if exc_type is None else "failed")

    def attach(self, sender: "Sender", listener: "Listener | None") -> None:
        """Give the run what talks to the server; ``init`` does."""
        self._sender, self._listener = sender, listener
        self._recorder.on_batch = sender.nudge

    def receive(self, reply: "Reply") -> None:
        """Take what the server answered; the threads that talk to it call this."""
        if reply.attempt > 1 and not self._resumed and self.mode == "control":
            self._ledger.warn(
                "resumed", "run %s continues, but no state was loaded: the schedule starts anew "
                "(see Run.load_state_dict)", self.id,
            )  # fmt: skip
        if reply.alert_version >= 0:
            self._watch.take(reply.alert_version, reply.alerts, anew=reply.created)
        try:
            self._pinned = pushback.newer(self._pinned, reply, self._scheduler.config)
        except SettingError as error:
            self._ledger.warn("override", "an override was not applied: %s", error)
        if drift := pushback.drift(self._scheduler.current(), reply.schedule):
            self._ledger.warn("drift", "%s", drift)

    def flush(self, status: str | None = None) -> None:
        """Send what can be sent soon; the process calls this when it ends without ``finish``.

        Args:
            status: How the run ended, where the end of the process says so; else it is left open,
                and a process that was only interrupted may go on with it.
        """
        if not self._closed:
            self._recorder.catch_up(lifetime.EXIT_TIMEOUT_S)
            self._closed = "finished"
            if status and self._writer:
                self._writer.write(pack(FinishFrame(status, now())))
            self._stop(lifetime.EXIT_TIMEOUT_S)

    def renew_after_fork(self) -> None:
        """Leave the spool and the sending to the parent; a forked child calls this."""
        self._closed = "forked"
        self._recorder.renew_after_fork()
        self._share_lock()
        self._ledger.renew_after_fork()
        self._scheduler.renew_after_fork()
        self._watch.renew_after_fork()
        if self._writer:
            self._writer.abandon_after_fork()
        if self._sender:
            self._sender.renew_after_fork()
        if self._listener:
            self._listener.renew_after_fork()

    def between_batches(self) -> None:
        """Do what can wait; the sender calls this in its thread."""
        self._scheduler.fold()

    def _share_lock(self) -> None:
        self._lock = self._recorder.lock
        self._acquire, self._release = self._lock.acquire, self._lock.release

    def _used(self, scalars: dict[str, Any]) -> tuple[dict[str, Any], int]:
        if self._handed_out is None:
            return scalars, -1
        alpha, delta, version, pin = self._handed_out
        told = -1 if pin == self._told_version else pin
        self._told_version, self._handed_out = pin, None
        used = {"alpha": alpha, "delta": delta, "schedule_version": float(version)}
        return {**used, **scalars}, told

    def _admitted(self, step: Any) -> int | None:
        if self._closed:
            self._ledger.lose(self._closed, "log_step was called in a run that is %s", self._closed)
            return None
        number = values.step_number(step)
        if number is None or number < self._least:
            why = "a step must be an integer >= %d here; not recorded"
            self._ledger.lose("step", why, self._least)
            return None
        return number

    def _current(self) -> Schedule:
        return apply_override(self._scheduler.current(), self._pinned.override)

    def _stop(self, timeout_s: float) -> None:
        if self._closed == "forked":
            return
        if self._listener:
            self._listener.stop()
        if self._sender:
            self._sender.close(timeout_s)
        elif self._writer:
            self._writer.close()

    def _closing_report(self, status: str) -> FinishReport:
        path = self.path if self.path and self.path.exists() else None
        report = FinishReport(status, self.stats, path)
        if report.stats.pending and path:
            log.warning(
                "%d steps are still in the spool; run `fadewatch sync %s`",
                report.stats.pending, path.parent.parent.parent,
            )  # fmt: skip
        return report


def _merged(scalars: Mapping[str, Any] | None, named: dict[str, Any]) -> dict[str, Any]:
    return named if scalars is None else {**scalars, **named}
