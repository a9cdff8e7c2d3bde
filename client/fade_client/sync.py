"""Send what is left in spools: the work of ``fadewatch sync`` and ``fadewatch spool``."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import tenacity

from fade_client import api
from fade_client.courier import Courier
from fade_client.errors import DeliveryError, SpoolError, Unavailable
from fade_client.frames import FinishFrame, Header, StepFrame, read_frames
from fade_client.ledger import Ledger
from fade_client.options import server_address, server_key, spool_directory
from fade_client.spool import SUFFIX, is_live, read_ack, read_header

TRIES = 4
"""How often a request is tried before a sync gives up."""


@dataclass(frozen=True, slots=True)
class SpoolInfo:
    """One spool file.

    Attributes:
        path: The file.
        header: Whose it is.
        steps: Steps that are in it.
        pending: Steps that no server has confirmed.
        live: A process is still writing to it.
        finished: The run was finished.
        torn_bytes: Bytes at its end that are no whole frame.
    """

    path: Path
    header: Header
    steps: int
    pending: int
    live: bool
    finished: bool
    torn_bytes: int


@dataclass(slots=True)
class SyncReport:
    """What a sync did.

    Attributes:
        sent: Steps that the server confirmed.
        rejected: Steps that it refused for good; ``*.rejected.jsonl`` says why.
        done: Spools that are wholly delivered.
        live: Spools that were left to the process that writes them.
        failed: Spools that could not be delivered, and why.
    """

    sent: int = 0
    rejected: int = 0
    done: list[Path] = field(default_factory=list)
    live: list[Path] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)


def list_spools(directory: str | os.PathLike[str] | None = None) -> list[SpoolInfo]:
    """Return every spool under a directory, the oldest attempt first.

    Args:
        directory: Where to look; None for where runs are spooled by default.
    """
    found = []
    for path in spool_directory(directory).rglob(f"*{SUFFIX}"):
        try:
            found.append(_inspect(path))
        except (SpoolError, OSError):
            # Not ours, or deleted meanwhile by the run whose last record was confirmed.
            continue
    return sorted(found, key=lambda info: (info.header.created_at, info.path))


def sync(
    directory: str | os.PathLike[str] | None = None,
    server: str | None = None,
    api_key: str | None = None,
    on_progress: Callable[[SpoolInfo], None] | None = None,
    connect: Callable[[str, str | None], httpx.Client] = api.connect,
) -> SyncReport:
    """Deliver every spool that has unconfirmed records and no living writer.

    A spool that was wholly delivered is deleted, unless its run was local: there it is the
    run's own record. Network trouble is in the report, not raised.

    Args:
        directory: Where the spools are; None for where runs are spooled by default.
        server: Address; None for FADEWATCH_SERVER or this machine's.
        api_key: Key; None for FADEWATCH_API_KEY or none.
        on_progress: Told of each spool before it is sent.
        connect: Opens the connection, from the address and the key.

    Raises:
        ConfigError: The address or the key cannot be used.
    """
    spools = list_spools(directory)
    report = SyncReport(live=[info.path for info in spools if info.live])
    due = [info for info in spools if not info.live and _is_due(info)]
    with connect(server_address(server), server_key(api_key)) as client:
        requests = api.Api(client, stop=tenacity.stop_after_attempt(TRIES), sleep=time.sleep)
        for position, info in enumerate(due):
            if on_progress:
                on_progress(info)
            try:
                _deliver(info, requests, report)
            except Unavailable as error:
                # Each of the others would only wait for the same.
                report.failed.extend((late.path, str(error)) for late in due[position:])
                break
            except (DeliveryError, SpoolError, OSError) as error:
                report.failed.append((info.path, str(error)))
    return report


def _is_due(info: SpoolInfo) -> bool:
    # Of a server's run nothing may stay behind, not even a file without a pending step.
    return info.pending > 0 or info.header.mode != "local"


def _deliver(info: SpoolInfo, requests: api.Api, report: SyncReport) -> None:
    ledger, before = Ledger(), read_ack(info.path)
    courier = Courier(info.path, requests, ledger)
    try:
        courier.drain()
    finally:
        report.sent += max(0, ledger.confirmed - before.confirmed)
        report.rejected += max(0, ledger.rejected - before.rejected)
    if info.header.mode != "local":
        courier.discard()
    report.done.append(info.path)


def _inspect(path: Path) -> SpoolInfo:
    header, start = read_header(path)
    confirmed_end = read_ack(path).offset
    steps = pending = 0
    finished, end = False, start
    with path.open("rb") as file:
        for frame, end in read_frames(file, start):
            if isinstance(frame, StepFrame):
                steps += 1
                pending += end > confirmed_end
            finished = finished or isinstance(frame, FinishFrame)
    torn_bytes = path.stat().st_size - end
    return SpoolInfo(path, header, steps, pending, is_live(path), finished, torn_bytes)
