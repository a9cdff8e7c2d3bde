"""``read``: a file, a folder or an address -> runs in our names."""

import os
from difflib import get_close_matches
from pathlib import Path

from fade_client.errors import LogError
from fade_client.importers.detecting import FORMATS, detect, find
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format


def read(
    path: str | os.PathLike[str], format: str | None = None, mapping: KeyMapping | None = None
) -> list[ImportedRun]:
    """Read every run of a log.

    Args:
        path: A file, a folder with logs in it, or the address of a run on an MLflow server.
        format: Id of the format; None to tell it by the content.
        mapping: What the log calls the canonical fields, where we do not know it.

    Returns:
        The runs, in the order they were found.

    Raises:
        LogError: There is nothing here that can be read.
    """
    mapping = mapping or KeyMapping()
    if "://" in str(path):
        # httpx costs as much to load as all of the importers.
        from fade_client.importers import mlflow_server  # noqa: PLC0415

        return mlflow_server.read(str(path), mapping)
    place = Path(path)
    if not place.exists():
        raise LogError(f"{place} does not exist")
    if format is not None:
        return read_log(place, format_of(format), mapping)
    if place.is_file():
        return read_log(place, detect(place), mapping)
    logs = find(place).logs
    if not logs:
        raise LogError(f"no log in a known format is in {place}")
    return [run for log in logs for run in read_log(log.path, log.format, mapping)]


def read_log(path: Path, format: Format, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one log in a known format.

    Raises:
        LogError: It cannot be read, or has no record in it.
    """
    try:
        runs = format.read(path, mapping)
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error}") from error
    if not any(run.attempts for run in runs):
        raise LogError(f"{path}, read as {format.title}, has no record of a step")
    return runs


def format_of(identity: str) -> Format:
    """Return a format by its id.

    Raises:
        LogError: There is none of this id.
    """
    known = {each.id: each for each in FORMATS}
    if identity in known:
        return known[identity]
    near = get_close_matches(identity, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise LogError(f"{identity} is no format.{hint} Known: {', '.join(known)}")
