"""Send a spool to the server from one background thread."""

import contextlib
import logging
import threading
from collections.abc import Callable
from time import monotonic, sleep

import httpx
import tenacity

from fade_client.api import Api, Reply
from fade_client.courier import Courier
from fade_client.errors import DeliveryError, Refused, RunUnknown, Unavailable
from fade_client.ledger import Ledger
from fade_client.spool import SpoolWriter

log = logging.getLogger("fade_client")

POLL_S = 2.0
"""How often a controlled run with nothing to send asks for an override."""

THREAD_NAME = "fade-sender"

LAST_TRIES_S = 0.25
"""Pause between tries once the run is closing."""


class Sender:
    """Deliver a spool while it is being written, without ever slowing or failing the trainer.

    Promises; ``tests/unit/client/test_sender.py`` has one test for each:

    1. It holds at most one batch in memory, whatever the outage: the spool file is the queue.
    2. While the server cannot be reached it tries again for as long as the run lives, and says
       so once, and once more when the server is back.
    3. A record that the server refuses costs that record, not its batch.
    4. ``close`` sends what is in the spool and returns within its timeout.
    5. A fault in here is logged and costs delivery, never the trainer or the records.

    Args:
        writer: The spool; closed, and deleted when the server has all of it, by the thread.
        connect: Opens the connection, in the thread.
        ledger: Counts what was confirmed and rejected.
        on_reply: Handed every answer of the server, in the thread.
        between: Called in the thread before each round, for work that can wait.
        polls: Whether to ask for overrides while there is nothing to send.
        interval_s: Longest time a record waits for its batch to fill, in seconds.
    """

    def __init__(
        self,
        writer: SpoolWriter,
        connect: Callable[[], httpx.Client],
        ledger: Ledger,
        *,
        on_reply: Callable[[Reply], None],
        between: Callable[[], None],
        polls: bool = False,
        interval_s: float = 1.0,
    ) -> None:
        self._writer, self._connect, self._ledger = writer, connect, ledger
        self._on_reply, self._between = on_reply, between
        self._polls, self._interval_s = polls, interval_s
        self._last_poll = monotonic()
        self._deadline = float("inf")
        self._wake, self._closing = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
        self.thread.start()

    def nudge(self) -> None:
        """Say that a batch is full; does nothing else."""
        self._wake.set()

    def ask_to_close(self, timeout_s: float) -> None:
        """Have the thread send what is left within ``timeout_s`` seconds and end; no waiting."""
        self._deadline = monotonic() + timeout_s
        self._closing.set()
        self._wake.set()

    def close(self, timeout_s: float) -> None:
        """Send what is left, then stop; give up after ``timeout_s`` seconds."""
        self.ask_to_close(timeout_s)
        self.thread.join(timeout_s)

    def renew_after_fork(self) -> None:
        """In a forked child, which has no thread: events that no vanished thread holds."""
        self._wake, self._closing = threading.Event(), threading.Event()

    def _run(self) -> None:
        # httpx logs every request; that is noise in a trainer's own log.
        logging.getLogger("httpx").addFilter(_is_foreign)
        try:
            with self._connect() as client:
                api = Api(client, stop=self._give_up, sleep=self._pause)
                self._rounds(self._courier(api))
        except Exception:  # promise 5
            log.exception("the sender has stopped; records stay in the spool")
        # The run may go on for days after the sending has stopped; its records still count.
        self._closing.wait()
        self._writer.close()

    def _courier(self, api: Api) -> Courier:
        return Courier(
            self._writer.path,
            api,
            self._ledger,
            on_reply=self._on_reply,
            restart=self._writer.restart,
        )

    def _rounds(self, courier: Courier) -> None:
        more = True
        while more:
            # In this order, and before the round: no wake-up is lost, and what was logged
            # before the close is sent.
            self._wake.clear()
            more = not self._closing.is_set()
            if not self._round(courier):
                return
            if more:
                self._wake.wait(self._interval_s)

    def _round(self, courier: Courier) -> bool:
        try:
            self._between()
            courier.drain()
            self._poll(courier)
        except Refused as error:
            log.error("the server will not have this run: %s; records stay in the spool", error)
            return False
        except Unavailable:
            # Said already, when it began; here the run has ended meanwhile.
            pass
        except (RunUnknown, OSError) as error:
            self._ledger.warn(f"delivery {type(error)}", "records wait in the spool: %s", error)
        except Exception:  # noqa: BLE001 - promise 5; the ledger logs it
            self._ledger.warn("fault", "a fault in the sender; it goes on", exc_info=True)
        if courier.delivered:
            courier.discard()
        return not courier.delivered

    def _poll(self, courier: Courier) -> None:
        if self._polls and not courier.delivered and monotonic() - self._last_poll >= POLL_S:
            self._last_poll = monotonic()
            # The next round asks again, and a lasting trouble shows in the delivery.
            with contextlib.suppress(DeliveryError):
                courier.poll()

    def _give_up(self, _state: tenacity.RetryCallState) -> bool:
        return self._closing.is_set() and monotonic() >= self._deadline

    def _pause(self, seconds: float) -> None:
        if self._closing.is_set():
            # No event to wait for any more; the last tries are close together.
            sleep(max(0.0, min(LAST_TRIES_S, self._deadline - monotonic())))
        else:
            self._closing.wait(seconds)


def _is_foreign(record: logging.LogRecord) -> bool:
    return record.threadName != THREAD_NAME
