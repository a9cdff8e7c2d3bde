"""An imported run as spools, so that it goes to a server the ordinary way: ``sync``.

The run's id and its attempts' keys come from the content, so that importing the same log again
is the same run, and the server stores every step once.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fade_client import options
from fade_client.frames import FinishFrame, Header, StepFrame, pack
from fade_client.importers.result import ImportedRun, Record
from fade_client.importers.source import printable
from fade_client.spool import SUFFIX, SpoolWriter
from fade_client.wire import MAX_NAME
from fade_core.errors import FadeError
from fade_core.records import FIELDS, VECTORS
from fade_core.scheduler import SchedulerConfig

MAX_EXTRA = 500
"""Names beside the canonical ones that a server takes of one run."""


class SpoolFault(FadeError, OSError):
    """The spool of an import could not be written."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """A run that lies in the spool.

    Attributes:
        run_id: Its id on the server.
        folder: Where its spools are; pass it to ``sync``.
        steps: Steps in them.
        left_out: Names of values that a server would not take, and how many there were.
    """

    run_id: str
    folder: Path
    steps: int
    left_out: dict[str, int]


def spool_run(
    run: ImportedRun,
    project: str,
    *,
    name: str | None = None,
    directory: str | None = None,
    at: float = 0.0,
) -> Spooled:
    """Write a run's attempts as spools; one that is there already is left as it is.

    Args:
        run: As imported.
        project: Of the server.
        name: Of the run; None for the log's.
        directory: Where spools are; None for where runs are spooled by default.
        at: Time of steps of which the log has none, in seconds since the epoch.

    Raises:
        ConfigError: The project or the name cannot be used.
        SpoolFault: The spool cannot be written.
    """
    run_id = import_id(run, project)
    resolved = options.resolve(
        project,
        printable(name or run.name),
        config={**run.config, "imported_from": run.format},
        mode="observe",
        server=None,
        run_id=run_id,
        tags=("imported", run.format),
        group=None,
        scheduler=SchedulerConfig(),
        directory=directory,
        weights_every=0,
        api_key=None,
    )
    folder = resolved.path.parent
    attempts, left_out = attempts_of(run, run_id, at)
    for key, frames in attempts:
        header = msgspec.structs.replace(resolved.header, attempt_key=key)
        target = folder / f"{key}{SUFFIX}"
        if not target.exists():
            _write(target, header, frames)
    steps = sum(map(len, run.attempts))
    return Spooled(run_id, folder, steps, left_out)


def import_id(run: ImportedRun, project: str) -> str:
    """Return the run's id: the same for the same log in the same project."""
    return f"import-{fingerprint(run, project)}"


def attempts_of(
    run: ImportedRun, run_id: str, at: float
) -> tuple[list[tuple[str, Iterator[StepFrame | FinishFrame]]], dict[str, int]]:
    """Return the launches of a run as frames, with the key of each, and what was left out.

    Args:
        run: As imported.
        run_id: Its id; part of the keys.
        at: Time of steps of which the log has none, in seconds since the epoch.
    """
    extras, left_out = _extras(run)
    attempts = [
        (f"{index:05d}-{run_id}", _frames(run, index, records, extras, at))
        for index, records in enumerate(run.attempts)
    ]
    return attempts, left_out


def fingerprint(run: ImportedRun, project: str) -> str:
    """Return 24 hexadecimal digits that are the same for the same log in the same project."""
    digest = hashlib.sha256(f"{project}\0{run.format}\0{run.name}".encode())
    for records in run.attempts:
        digest.update(b"attempt")
        for record in records:
            digest.update(repr(sorted(record.items())).encode("utf-8", "replace"))
    return digest.hexdigest()[:24]


def _extras(run: ImportedRun) -> tuple[frozenset[str], dict[str, int]]:
    counts: Counter[str] = Counter()
    for records in run.attempts:
        for record in records:
            counts.update(record.keys())
    names = [name for name in counts if name not in FIELDS and name not in ("step", "pass_at_k")]
    fit = [name for name in names if _fits(name)]
    # The ones that are there most often; equal ones in the order of their names.
    kept = frozenset(sorted(fit, key=lambda name: (-counts[name], name))[:MAX_EXTRA])
    return kept, {name: counts[name] for name in names if name not in kept}


def _fits(name: str) -> bool:
    return bool(name.strip()) and name.isprintable() and "," not in name and len(name) <= MAX_NAME


def _frames(
    run: ImportedRun, index: int, records: Iterable[Record], extras: frozenset[str], at: float
) -> Iterator[StepFrame | FinishFrame]:
    time = at
    for record in records:
        time = run.times.get((index, record["step"]), time)
        yield _frame(record, time, extras)
    yield FinishFrame("finished", time)


def _frame(record: Record, time: float, extras: frozenset[str]) -> StepFrame:
    values: dict[str, float] = {}
    vectors: dict[str, Any] = {}
    for name, value in record.items():
        if name in VECTORS:
            vectors[name] = value
        elif name in FIELDS or name in extras:
            values[name] = value
    return StepFrame(record["step"], time, values, vectors, record.get("pass_at_k", {}))


def _write(target: Path, header: Header, frames: Iterable[StepFrame | FinishFrame]) -> None:
    # Under another name until it is whole: what is cut is written anew.
    draft = target.with_suffix(".part")
    try:
        draft.unlink(missing_ok=True)
        writer = SpoolWriter(draft, header)
    except OSError as error:
        raise SpoolFault(f"no spool for the import: {error}") from error
    try:
        for frame in frames:
            if not writer.write(pack(frame)):
                raise SpoolFault(f"cannot write {draft}: {writer.error}")
    finally:
        writer.close()
    draft.replace(target)
