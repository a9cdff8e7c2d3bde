"""Wait at the server for what a person pins and what is alerted, from one background thread."""

import threading
from collections.abc import Callable
from time import monotonic

import httpx
import tenacity

from fade_client.bell import Bell
from fade_client.endpoints import Api, Reply, spare_request_log
from fade_client.errors import DeliveryError
from fade_client.ledger import Ledger

THREAD_NAME = "fade-listener"

WAIT_S = 20.0
"""How long the server is asked to keep one request waiting."""

PAUSE_S = 1.0
"""Least time between two requests that brought nothing new."""


class Listener:
    """Hold one request open at the server, so that an override or an alert arrives at once.

    Promises; ``tests/unit/client/test_listener.py`` has one test for each:

    1. It has a connection and a thread of its own: a batch never waits for it.
    2. While nothing changes there is one request every ``WAIT_S`` seconds; a server that does
       not wait is asked once in ``PAUSE_S`` seconds at most.
    3. While the server is away it tries again at growing intervals, for as long as the run lives.
    4. ``stop`` waits for nothing.

    Args:
        run_id: The run, which the server knows already.
        connect: Opens the connection, in the thread.
        ledger: Says what went wrong, once.
        on_reply: Handed every answer, in the thread.
    """

    def __init__(
        self,
        run_id: str,
        connect: Callable[[], httpx.Client],
        ledger: Ledger,
        *,
        on_reply: Callable[[Reply], None],
    ) -> None:
        self._run_id, self._connect = run_id, connect
        self._ledger, self._on_reply = ledger, on_reply
        self._stopped = False
        self._bell = Bell()
        self.thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)

    def start(self) -> None:
        """Begin, once the server knows the run; a second call changes nothing."""
        if self.thread.ident is None:
            self.thread.start()

    def stop(self) -> None:
        """Let the thread end when the request that it holds does."""
        self._stopped = True
        self._bell.ring()

    def renew_after_fork(self) -> None:
        """In a forked child, which has no thread: a bell that no vanished thread holds."""
        self._bell = Bell()

    def _run(self) -> None:
        spare_request_log(THREAD_NAME)
        try:
            with self._connect() as client:
                api = Api(client, stop=self._give_up, sleep=self._pause, quiet=True)
                self._listen(api)
        except Exception:  # noqa: BLE001 - a fault here costs the overrides between batches only
            self._ledger.warn("listener", "overrides come with the batches only", exc_info=True)

    def _listen(self, api: Api) -> None:
        known: Reply | None = None
        while not self._stopped:
            started = monotonic()
            try:
                reply = api.wait_for_change(self._run_id, known, WAIT_S)
            except DeliveryError:
                # The sender says what is wrong, and makes a run known that the server forgot.
                self._pause(PAUSE_S)
                continue
            new, known = known is None or _is_new(reply, known), reply
            if not self._stopped:
                self._on_reply(reply)
            if not new and monotonic() - started < PAUSE_S:
                self._pause(PAUSE_S)

    def _give_up(self, _state: tenacity.RetryCallState) -> bool:
        return self._stopped

    def _pause(self, seconds: float) -> None:
        until = monotonic() + seconds
        while not self._stopped and (left := until - monotonic()) > 0:
            self._bell.wait(left)


def _is_new(reply: Reply, known: Reply) -> bool:
    overridden = reply.override_version != known.override_version
    return overridden or reply.alert_version != known.alert_version
