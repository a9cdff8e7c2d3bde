"""Word of changed runs between the server processes on one PostgreSQL: LISTEN and NOTIFY."""

import logging
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import psycopg
from sqlalchemy import Engine
from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_exponential,
)

log = logging.getLogger(__name__)

NAME = "fadewatch_runs"
LONGEST_WAIT_S = 5.0
"""Longest pause between two tries to connect again."""

Heard = Callable[[str | None], None]
"""Given the id of a run that another process changed, or None: it may be any."""


class Channel:
    """Tell the other processes which runs changed, and hear it from them.

    1. ``send`` never waits. A run that is sent again before its turn is sent once.
    2. What a process sends, every other one hears; itself it does not.
    3. When the connection dies it is made again, until ``stop``. What was missed meanwhile is
       unknown, so that None is heard.

    It has a connection of its own, outside the transactions: a NOTIFY inside one would make all
    commits of the database wait for each other. A process that is killed between its commit and
    the message is what the readers' ``recheck_s`` is for.

    Args:
        engine: Of a PostgreSQL.
    """

    def __init__(self, engine: Engine) -> None:
        arguments, options = engine.dialect.create_connect_args(engine.url)
        # A peer that vanished without a word is noticed within a minute.
        alive = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
        options = {**alive, **options, "application_name": NAME}
        self._connect = partial(psycopg.connect, *arguments, autocommit=True, **options)
        self._lock = threading.Lock()
        self._waiting: dict[str, None] = {}  # an ordered set
        self._wake: socket.socket | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, heard: Heard) -> None:
        """Begin, in a thread of its own, which is also where ``heard`` is called."""
        woken, self._wake = socket.socketpair()
        self._thread = threading.Thread(
            target=self._work, args=(woken, heard), name="fadewatch-channel", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Send what waits, and end."""
        with self._lock:
            self._stopping.set()
            wake, self._wake = self._wake, None
        if wake is not None and self._thread is not None:
            with wake:
                # One that was awake for a message has seen the end by itself.
                with suppress(BrokenPipeError):
                    wake.send(b"\0")
                self._thread.join()

    def send(self, run_id: str) -> None:
        """Say that a run has changed."""
        with self._lock:
            if not self._waiting and self._wake is not None:
                self._wake.send(b"\0")
            self._waiting[run_id] = None

    def _work(self, woken: socket.socket, heard: Heard) -> None:
        retrying = Retrying(
            retry=retry_if_exception_type((psycopg.Error, OSError)),
            wait=wait_exponential(multiplier=0.1, max=LONGEST_WAIT_S),
            stop=stop_when_event_set(self._stopping),
            sleep=sleep_using_event(self._stopping),
            before_sleep=before_sleep_log(log, logging.WARNING),
            retry_error_callback=lambda _: None,
        )
        with woken:
            while not self._stopping.is_set():
                retrying(self._serve, woken, heard)

    def _serve(self, woken: socket.socket, heard: Heard) -> None:
        """Send and hear until ``stop``, or until the connection dies."""
        connection: psycopg.Connection[Any]
        with self._connect() as connection:
            connection.execute(f"LISTEN {NAME}")
            heard(None)
            ends = [connection.fileno(), woken.fileno()]
            while not self._stopping.is_set():
                select.select(ends, [], [])
                self._send_waiting(connection, woken)
                for notice in connection.notifies(timeout=0):
                    if notice.pid != connection.info.backend_pid:
                        heard(notice.payload)
            self._send_waiting(connection, woken)

    def _send_waiting(self, connection: psycopg.Connection[Any], woken: socket.socket) -> None:
        if select.select([woken], [], [], 0)[0]:
            woken.recv(4096)
        with self._lock:
            names, self._waiting = list(self._waiting), {}
        for name in names:
            connection.execute("SELECT pg_notify(%s, %s)", (NAME, name))
