"""The process that does the work behind the requests; ``worker`` starts it and talks with it.

Run as ``python -m fade_server.services.worker_child``. It ends when its standard input does, and at
nothing else: a signal to the whole group is for the server to answer, which may go on for a while.
"""

import os
import signal
import sys
import time
from contextlib import suppress

import orjson

from fade_server.logs import configure_logging
from fade_server.queries.engine import Store
from fade_server.services.background import Background, Job
from fade_server.services.context import Context
from fade_server.services.following import jobs_of, sweep
from fade_server.services.notifier import Notifier
from fade_server.settings import Settings

CONNECTIONS = 2
"""To the database: one thread works, and one looks for what was left undone."""

REST_S = 0.2
"""A trainer that sends many steps a second is watched some times a second: its alerts come that
much later, and its own batches hardly ever wait for the work behind them."""

NICENESS = 5
"""Requests go first where the processor is short."""


def main() -> None:
    """Work until standard input ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    lines = sys.stdin.buffer
    settings = Settings.model_validate_json(lines.readline())
    configure_logging(settings.log_format, settings.log_level)
    jobs: list[Job] = []
    heard = 0

    def report() -> None:
        _say(left=background.backlog, heard=heard)

    background = Background(jobs, report, REST_S)
    store = Store(settings.database_url, connections=CONNECTIONS, wait_s=settings.database_wait_s)
    notifier = Notifier(lambda run_id: _say(news=run_id))
    context = Context(store, settings, notifier, time.time, background)
    jobs += jobs_of(context)
    background.start()
    sweep(context)
    for line in lines:
        heard += 1
        background.changed(line.decode().rstrip("\n"))
    background.stop(settings.grace_s)
    store.close()


def _say(**what: object) -> None:
    with suppress(BrokenPipeError):  # nobody is left to listen; then standard input ends too
        sys.stdout.buffer.write(orjson.dumps(what, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
