"""The client's importers at the service's disposal: neither of the two knows the other."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from fade_client.frames import StepFrame
from fade_client.importers.completions import check_unpacked
from fade_client.importers.reading import read
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import printable
from fade_client.importers.spooling import attempts_of, import_id
from fade_client.options import plain_config
from fade_client.wire import batch_body
from fade_server.services.imports import ForeignRun

UPLOAD_STEPS = 1000
"""Steps of one batch of an upload."""


def read_upload(
    path: Path, log_format: str | None, project: str, most_steps: int, most_bytes: int
) -> list[ForeignRun]:
    """Read a log for the server: what ``import`` would spool and send, as what it would send.

    Args:
        path: The file.
        log_format: Id of its format; None to tell it by the content.
        project: Where its runs go.
        most_steps: Most steps of one batch.
        most_bytes: That the file may take once it is unpacked.

    Raises:
        LogError: It cannot be read, or is larger.
    """
    check_unpacked(path, most_bytes)
    found = read(path, log_format)
    return [_foreign(run, project, min(most_steps, UPLOAD_STEPS)) for run in found if run.attempts]


def _foreign(run: ImportedRun, project: str, most_steps: int) -> ForeignRun:
    run_id = import_id(run, project)
    skipped = Counter(run.skipped)
    # A step without a time gets the server's: no clock of ours comes before the epoch.
    launches, left_out = attempts_of(run, run_id, at=-1.0)
    skipped.update({f"a name that is not taken: {name}": n for name, n in left_out.items()})

    def drop(name: str, problem: str) -> None:
        skipped[f"{name}: {problem}"[:200]] += 1

    attempts = []
    for ordinal, (key, frames) in enumerate(launches, start=1):
        steps = (frame for frame in frames if isinstance(frame, StepFrame))
        bodies = [batch_body(ordinal, part, 0, drop) for part in _parts(steps, most_steps)]
        attempts.append((key, bodies))
    return ForeignRun(
        run_id,
        printable(run.name),
        run.format,
        plain_config(run.config),
        attempts,
        run.recognised,
        run.unknown_keys,
        skipped,
        run.warnings,
    )


def _parts(steps: Iterator[StepFrame], size: int) -> Iterator[list[StepFrame]]:
    while part := list(islice(steps, size)):
        yield part
