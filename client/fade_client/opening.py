"""Open a run: make its spool, start its sender, or neither where it must not."""

import sys
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from fade_client import lifetime
from fade_client.ledger import Ledger
from fade_client.options import Options
from fade_client.run import Run
from fade_client.spool import SpoolWriter

if TYPE_CHECKING:
    import httpx


def open_run(
    options: Options,
    connect: "Callable[[], httpx.Client] | None" = None,
    interval_s: float = 1.0,
) -> Run:
    """Return the run of these options; never raises for the disk's or the network's sake.

    Args:
        options: As resolved.
        connect: Opens the connection to the server; None for the usual one.
        interval_s: Longest time a record waits for its batch to fill, in seconds.
    """
    ledger = Ledger()
    if _rank() != 0:
        ledger.warn("rank", "only rank 0 records; this is rank %d", _rank())
        return Run(options.header, None, ledger, mute=True)
    writer = _writer(options, ledger)
    run = Run(options.header, writer, ledger, react=options.react)
    if writer and options.header.mode != "local":
        _start_sender(run, writer, ledger, options, connect, interval_s)
    elif writer:
        weakref.finalize(run, writer.close)
    return run


def _writer(options: Options, ledger: Ledger) -> SpoolWriter | None:
    try:
        return SpoolWriter(options.path, options.header)
    except OSError as error:
        ledger.warn("spool", "no spool, so nothing of this run is recorded: %s", error)
        return None


def _start_sender(
    run: Run,
    writer: SpoolWriter,
    ledger: Ledger,
    options: Options,
    connect: "Callable[[], httpx.Client] | None",
    interval_s: float,
) -> None:
    # Here and not in the thread: a process that forks while a thread imports can hang. Not at
    # the top: these cost as much as everything else that `import fade_client` loads.
    from fade_client import endpoints, listener, sender  # noqa: PLC0415

    # The threads must not keep a forgotten run alive, nor it them.
    reference = weakref.ref(run)

    def on_reply(reply: endpoints.Reply) -> None:
        if alive := reference():
            alive.receive(reply)

    def between() -> None:
        if alive := reference():
            alive.between_batches()

    def dial(read_timeout_s: float) -> "Callable[[], httpx.Client]":
        usual = partial(endpoints.connect, options.server, options.api_key, read_timeout_s)
        return connect or usual

    ears = None
    if run.mode == "control" or options.react:
        long = dial(endpoints.LONG_TIMEOUT_S)
        ears = listener.Listener(run.id, long, ledger, on_reply=on_reply)
        weakref.finalize(run, ears.stop).atexit = False
    delivery = sender.Sender(
        writer,
        dial(endpoints.REQUEST_TIMEOUT_S),
        ledger,
        on_reply=on_reply,
        between=between,
        on_registered=ears.start if ears else None,
        interval_s=interval_s,
    )
    run.attach(delivery, ears)
    weakref.finalize(run, lifetime.leave, delivery).atexit = False
    lifetime.flush_on_sigterm()


def _rank() -> int:
    """Return this process's rank, 0 where no process group runs; never imports torch."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return 0
    rank: int = distributed.get_rank()
    return rank
