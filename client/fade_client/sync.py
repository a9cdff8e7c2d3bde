"""Send what is left in spools: the work of ``fadewatch sync`` and ``fadewatch spool``."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import tenacity

from fade_client import endpoints
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
        rejected: Steps that a server refused for good; ``*.rejected.jsonl`` says why.
    """

    path: Path
    header: Header
    steps: int
    pending: int
    live: bool
    finished: bool
    torn_bytes: int
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """How far a sync is.

    Attributes:
        info: The spool that is being sent.
        settled: Steps of all spools that were confirmed or refused in this sync.
        total: Steps that there were to send at its start.
    """

    info: SpoolInfo
    settled: int
    total: int


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
        directory: Where to look, or one spool; None for where runs are spooled by default.
    """
    place, found = spool_directory(directory), []
    for path in [place] if place.is_file() else place.rglob(f"*{SUFFIX}"):
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
    on_progress: Callable[[SyncProgress], None] | None = None,
    connect: Callable[[str, str | None], httpx.Client] = endpoints.connect,
) -> SyncReport:
    """Deliver every spool that has unconfirmed records and no living writer.

    A spool that was wholly delivered is deleted, unless its run was local: there it is the
    run's own record. Network trouble is in the report, not raised.

    Args:
        directory: Where the spools are, or one of them; None for where runs are spooled by default.
        server: Address; None for FADEWATCH_SERVER or this machine's.
        api_key: Key; None for FADEWATCH_API_KEY or none.
        on_progress: Told of each spool before it is sent, and again after each batch.
        connect: Opens the connection, from the address and the key.

    Raises:
        ConfigError: The address or the key cannot be used.
    """
    spools = list_spools(directory)
    report = SyncReport(live=[info.path for info in spools if info.live])
    due = [info for info in spools if not info.live and _is_due(info)]
    total = sum(info.pending for info in due)

    def tell(info: SpoolInfo, settled_of_it: int) -> None:
        settled = min(total, report.sent + report.rejected + settled_of_it)
        if on_progress:
            on_progress(SyncProgress(info, settled, total))

    with connect(server_address(server), server_key(api_key)) as client:
        requests = endpoints.Api(client, stop=tenacity.stop_after_attempt(TRIES), sleep=time.sleep)
        for position, info in enumerate(due):
            tell(info, 0)
            try:
                _deliver(info, requests, report, tell)
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


def _deliver(
    info: SpoolInfo,
    requests: endpoints.Api,
    report: SyncReport,
    tell: Callable[[SpoolInfo, int], None],
) -> None:
    ledger, before = Ledger(), read_ack(info.path)

    def on_reply(_: endpoints.Reply) -> None:
        settled = ledger.confirmed + ledger.rejected - before.confirmed - before.rejected
        tell(info, max(0, settled))

    courier = Courier(info.path, requests, ledger, on_reply=on_reply)
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
    ack = read_ack(path)
    steps = pending = 0
    finished, end = False, start
    with path.open("rb") as file:
        for frame, end in read_frames(file, start):
            if isinstance(frame, StepFrame):
                steps += 1
                pending += end > ack.offset
            finished = finished or isinstance(frame, FinishFrame)
    torn_bytes = path.stat().st_size - end
    return SpoolInfo(
        path, header, steps, pending, is_live(path), finished, torn_bytes, ack.rejected
    )
