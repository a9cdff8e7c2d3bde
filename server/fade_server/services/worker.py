"""The work behind the requests in a process of its own: it never takes the interpreter from them.

The two talk in lines. To the worker: the settings, then the id of every run that changed. From it:
JSON objects, with ``news``, a run whose alerts changed, or with ``left``, how many runs have work
left, and ``heard``, how many ids have come so far.
"""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

import orjson

from fade_server.settings import Settings

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "fade_server.services.worker_child")

PAUSE_S = 1.0
"""Before a worker that died is followed by the next."""


class Worker:
    """Does in a child process what ``Background`` does in a thread.

    1. ``changed`` never waits: what does not fit into the pipe is left to the sweep.
    2. A worker that dies is followed by another, which finds what was left undone in the store.
    3. The worker ends with this process, however that ends: its standard input does.

    Args:
        settings: Of the service.
        news: Given the id of a run whose alerts changed; called in a thread of its own.
    """

    def __init__(self, settings: Settings, news: Callable[[str], None]) -> None:
        self._settings, self._news = settings, news
        self._state = threading.Condition()
        self._child: subprocess.Popen[bytes] | None = None
        self._told, self._heard, self._left = 0, 0, 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the worker, and a thread that listens to it."""
        self._stopping.clear()
        child = self._spawn()
        self._thread = threading.Thread(
            target=self._attend, args=(child,), name="fadewatch-worker", daemon=True
        )
        self._thread.start()

    def stop(self, timeout_s: float | None = None) -> None:
        """End the worker after the piece of work at hand.

        Args:
            timeout_s: How long to wait for that, in seconds; None for as long as it takes.
        """
        with self._state:
            self._stopping.set()
            child, self._child = self._child, None
        if child is not None:
            _hang_up(child)
            try:
                child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                log.warning("the work at hand is left to the next start")
                child.kill()
        if self._thread is not None:
            self._thread.join()

    def changed(self, run_id: str) -> None:
        """Say that a run has new records."""
        with self._state:
            if self._child is None or self._child.stdin is None:
                return
            try:
                # One write of a short line is all or nothing.
                os.write(self._child.stdin.fileno(), f"{run_id}\n".encode())
            except OSError:  # full, or the worker has just died: promises 1 and 2
                return
            self._told += 1

    @property
    def backlog(self) -> int:
        """How many runs have work left, as far as is known."""
        with self._state:
            return max(self._left, int(self._told > self._heard))

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing is left to do, and return whether that was so in time."""
        with self._state:
            return self._state.wait_for(
                lambda: self._left == 0 and self._heard == self._told, timeout_s
            )

    def _spawn(self) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdin is not None
        secrets = {"config", "api_key", "password", "secret_key"}  # which it has no use for
        with suppress(BrokenPipeError):  # it has died already, which ``_attend`` sees to
            child.stdin.write(self._settings.model_dump_json(exclude=secrets).encode() + b"\n")
            child.stdin.flush()
        os.set_blocking(child.stdin.fileno(), False)
        with self._state:
            self._told, self._heard, self._left = 0, 0, 0
            if self._stopping.is_set():
                _hang_up(child)  # ``stop`` came while it was started, and did not know it
            else:
                self._child = child
        return child

    def _attend(self, child: subprocess.Popen[bytes]) -> None:
        while True:
            self._listen(child)
            status = child.wait()
            if self._stopping.wait(0):
                return
            log.error("the worker ended with status %d and is started again", status)
            with self._state:
                self._child = None
            _hang_up(child)
            if self._stopping.wait(PAUSE_S):
                return
            child = self._spawn()

    def _listen(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdout is not None
        with child.stdout as lines:
            for line in lines:
                said = orjson.loads(line)
                if "news" in said:
                    self._news(said["news"])
                else:
                    with self._state:
                        self._left, self._heard = said["left"], said["heard"]
                        self._state.notify_all()


def _hang_up(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    with suppress(BrokenPipeError):
        child.stdin.close()
