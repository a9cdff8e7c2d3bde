"""Reading what the command line was given, and sending it: the work of ``import``."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import msgspec

from fade_client import endpoints
from fade_client.errors import ClientError
from fade_client.importers.detecting import find
from fade_client.importers.mapping import KeyMapping, load_mapping
from fade_client.importers.reading import format_of, read, read_log
from fade_client.importers.result import ImportedRun
from fade_client.importers.spooling import Spooled
from fade_client.sync import SyncReport, sync

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Targets:
    """What was found at the places that were named.

    Attributes:
        runs: Each with the file, folder or address that it was in.
        failed: Places that cannot be read, and why.
        unknown: Files of a folder that look like logs and hold no metrics.
    """

    runs: list[tuple[str, ImportedRun]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    unknown: list[Path] = field(default_factory=list)


def read_targets(
    targets: Iterable[str], log_format: str | None, mapping_file: Path | None
) -> Targets:
    """Read every log at some places; what cannot be read is in the answer, not raised.

    Args:
        targets: Files, folders and addresses.
        log_format: Id of the format of all of them; None to tell it by the content.
        mapping_file: What the logs call the canonical fields; None for what is built in.
    """
    found = Targets()
    try:
        mapping = load_mapping(mapping_file) if mapping_file else KeyMapping()
        if log_format:
            format_of(log_format)
    except ClientError as error:
        found.failed.append((str(mapping_file or log_format), str(error)))
        return found
    for target in targets:
        _read_one(target, log_format, mapping, found)
    return found


def _read_one(target: str, log_format: str | None, mapping: KeyMapping, found: Targets) -> None:
    path = Path(target)
    if log_format or "://" in target or not path.is_dir():
        _attempt(target, partial(read, target, log_format, mapping), found)
        return
    inside = find(path)
    found.unknown.extend(inside.unknown)
    for log in inside.logs:
        _attempt(str(log.path), partial(read_log, log.path, log.format, mapping), found)
    if not inside.logs:
        found.failed.append((target, "no log in a known format is in this folder"))


def _attempt(place: str, reading: Callable[[], list[ImportedRun]], found: Targets) -> None:
    try:
        found.runs.extend((place, run) for run in reading() if run.attempts)
    except (ClientError, OSError) as error:
        found.failed.append((place, str(error)))


def deliver(
    spooled: Spooled, server: str | None, api_key: str | None, advance: Advance
) -> SyncReport:
    """Send the spools of an import, and nothing else that is in the spool folder.

    Args:
        spooled: The run.
        server: Address; None for the default.
        api_key: Key; None for the default.
        advance: Told how many more steps the server has confirmed.

    Raises:
        ConfigError: The address or the key cannot be used.
    """

    def count(response: httpx.Response) -> None:
        if response.request.url.path.endswith("/steps") and response.is_success:
            response.read()
            advance(_confirmed(response.content))

    def connect(address: str, key: str | None) -> httpx.Client:
        client = endpoints.connect(address, key)
        client.event_hooks["response"].append(count)
        return client

    return sync(spooled.folder, server, api_key, connect=connect)


def _confirmed(content: bytes) -> int:
    try:
        answer = msgspec.json.decode(content, type=dict[str, object])
    except msgspec.DecodeError:
        return 0
    parts = (answer.get("accepted"), answer.get("duplicates"))
    return sum(part for part in parts if isinstance(part, int))
