"""Send a spool to the server from one background thread."""

import logging
import threading
from collections.abc import Callable
from time import monotonic, sleep

import httpx
import tenacity

from fade_client.bell import Bell
from fade_client.courier import Courier
from fade_client.endpoints import Api, Reply, spare_request_log
from fade_client.errors import Refused, RunUnknown, Unavailable
from fade_client.ledger import Ledger
from fade_client.spool import SpoolWriter

log = logging.getLogger("fade_client")

THREAD_NAME = "fade-sender"

IDLE_S = 3600.0
"""How often a sender that has stopped looks whether its run goes on; the bell says it sooner."""

REST_S = 0.1
"""Least time between two rounds. In it a full batch wakes nobody: a thread that wakes takes the
interpreter from the trainer, each time for longer than a step takes to log."""

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
    6. It begins a round at most once in ``REST_S`` seconds, however fast batches fill.

    Args:
        writer: The spool; closed, and deleted when the server has all of it, by the thread.
        connect: Opens the connection, in the thread.
        ledger: Counts what was confirmed and rejected.
        on_reply: Handed every answer of the server, in the thread.
        between: Called in the thread before each round and each new try, for work that can wait.
        on_registered: Called in the thread whenever the server was told of the run.
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
        on_registered: Callable[[], None] | None = None,
        interval_s: float = 1.0,
    ) -> None:
        self._writer, self._connect, self._ledger = writer, connect, ledger
        self._on_reply, self._between = on_reply, between
        self._on_registered = on_registered
        self._interval_s = interval_s
        self._deadline, self._closing = float("inf"), False
        self._bell = Bell()
        self._is_full = self._rests = False
        self.thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
        self.thread.start()

    def nudge(self) -> None:
        """Say that a batch is full; wakes the thread only where it waits for that."""
        self._is_full = True
        if not self._rests:
            self._bell.ring()

    def ask_to_close(self, timeout_s: float) -> None:
        """Have the thread send what is left within ``timeout_s`` seconds and end; no waiting."""
        self._deadline = monotonic() + timeout_s
        self._closing = True
        self._bell.ring()

    def close(self, timeout_s: float) -> None:
        """Send what is left, then stop; give up after ``timeout_s`` seconds."""
        self.ask_to_close(timeout_s)
        self.thread.join(timeout_s)

    def renew_after_fork(self) -> None:
        """In a forked child, which has no thread: a bell that no vanished thread holds."""
        self._bell = Bell()

    def _run(self) -> None:
        spare_request_log(THREAD_NAME)
        try:
            with self._connect() as client:
                api = Api(client, stop=self._give_up, sleep=self._pause)
                self._rounds(self._courier(api))
        except Exception:  # promise 5
            log.exception("the sender has stopped; records stay in the spool")
        # The run may go on for days after the sending has stopped; its records still count.
        while not self._closing:
            self._bell.wait(IDLE_S)
        self._writer.close()

    def _courier(self, api: Api) -> Courier:
        return Courier(
            self._writer.path,
            api,
            self._ledger,
            on_reply=self._on_reply,
            on_registered=self._on_registered,
            restart=self._writer.restart,
        )

    def _rounds(self, courier: Courier) -> None:
        more = True
        while more:
            # Asked before the round, so that what was logged before the close is sent.
            more = not self._closing
            self._is_full = False
            if not self._round(courier):
                return
            if more:
                self._rest(min(REST_S, self._interval_s))
                if not (self._is_full or self._closing):
                    self._bell.wait(self._interval_s - REST_S)

    def _round(self, courier: Courier) -> bool:
        try:
            self._between()
            courier.drain()
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

    def _give_up(self, _state: tenacity.RetryCallState) -> bool:
        return self._closing and monotonic() >= self._deadline

    def _pause(self, seconds: float) -> None:
        if self._closing:
            # Nothing to wait for any more; the last tries are close together.
            sleep(max(0.0, min(LAST_TRIES_S, self._deadline - monotonic())))
        self._rest(seconds)
        self._between()

    def _rest(self, seconds: float) -> None:
        self._rests = True
        until = monotonic() + seconds
        while not self._closing and (left := until - monotonic()) > 0:
            self._bell.wait(left)
        self._rests = False
