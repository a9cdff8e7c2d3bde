"""Logs of other tools as runs: read by whoever knows the formats, stored here in one piece."""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from sqlalchemy.orm import Session

from fade_core.errors import FadeError
from fade_server.errors import ConflictError, refuse
from fade_server.services.batch import StepBatch, parse_batch
from fade_server.services.context import Context
from fade_server.services.ingest import ingest_in
from fade_server.services.listing import read_run
from fade_server.services.runs import RunRequest, checked_columns, finish_in, open_in

Document = dict[str, Any]

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class ForeignRun:
    """One run of a log, as a client of ours would send it.

    Attributes:
        run_id: From the content, so that the same log again is the same run.
        name: Of the run, or of the file.
        format: Id of the log format.
        config: What the log says about the run.
        attempts: For each launch its key and the bodies of its batches, as ``POST /steps`` takes
            them for attempts 1, 2, 3 ...
        recognised: Our name to the log's own key.
        unknown_keys: Keys that kept their own name, and how many rows they were in.
        skipped: Lines and values that are in no record, counted by reason.
        warnings: What a reader of the run should know.
    """

    run_id: str
    name: str
    format: str
    config: Mapping[str, Any]
    attempts: Sequence[tuple[str, Sequence[bytes]]]
    recognised: Mapping[str, str]
    unknown_keys: Mapping[str, int]
    skipped: Mapping[str, int]
    warnings: Sequence[str]


Importer = Callable[[Path, str | None, str, int, int], list[ForeignRun]]
"""Reads a file: its path, its format or None, the project, the most steps of a batch, the most
bytes that the file may take once it is unpacked.

Raises a ``FadeError`` when it cannot.
"""


@dataclass(frozen=True, slots=True)
class Upload:
    """A log that came over the network.

    Attributes:
        name: As the sender calls the file; only what is harmless in it is used.
        content: The file.
        format: Id of its format; None to tell it by the content.
        project: Where its runs go.
        run_id: Id of its only run; None for one made from the content.
    """

    name: str
    content: bytes
    format: str | None
    project: str
    run_id: str | None


_turn = threading.Lock()
"""A log takes many times its size while it is read, so one is read at a time."""


def import_log(context: Context, importer: Importer, upload: Upload) -> Document:
    """Store every run of a log, or after an error none of them.

    Importing the same log again changes nothing.

    Args:
        context: The service's parts.
        importer: Reads logs.
        upload: What came.

    Raises:
        InvalidInputError: The log cannot be read, or a field is wrong.
        ConflictError: A run of this id exists, and is something else.
    """
    with _turn:
        found = _read(context, importer, upload)
        parsed = [_parse(context, upload, run) for run in found]
        with context.store.write() as session:
            stored = [_store(context, session, *one) for one in parsed]
    for run in found:
        context.notifier.notify(upload.run_id or run.run_id)
        context.background.changed(upload.run_id or run.run_id)
    return {
        "runs": [
            counted | _report(run) | {"run": read_run(context, upload.run_id or run.run_id)}
            for run, counted in zip(found, stored, strict=True)
        ]
    }


def safe_name(name: str) -> str:
    """Return a file name that is nothing but one.

    >>> safe_name("../../etc/pass wd"), safe_name("..."), safe_name("a.jsonl")
    ('pass_wd', 'upload', 'a.jsonl')
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    return _UNSAFE.sub("_", last).strip("._-")[-100:] or "upload"


def _read(context: Context, importer: Importer, upload: Upload) -> list[ForeignRun]:
    with TemporaryDirectory(prefix="fadewatch-import-") as folder:
        # A run without a name of its own is called after its folder.
        path = Path(folder) / "imported" / safe_name(upload.name)
        path.parent.mkdir()
        path.write_bytes(upload.content)
        limits = context.settings.max_batch_steps, context.settings.max_body_bytes
        try:
            found = importer(path, upload.format, upload.project, *limits)
        except FadeError as error:
            message = str(error).replace(str(path), path.name)
            raise refuse("file", f"cannot be read: {message}", path.name) from error
    if upload.run_id is not None and len(found) != 1:
        raise refuse("run_id", "is for a log of one run", f"a log of {len(found)} runs")
    return found


_Parsed = tuple[list[tuple[RunRequest, Document]], list[list[StepBatch]]]


def _parse(context: Context, upload: Upload, run: ForeignRun) -> _Parsed:
    requests = [
        RunRequest(
            project=upload.project,
            run_id=upload.run_id or run.run_id,
            attempt_key=key,
            name=run.name,
            mode="observe",
            config=dict(run.config) | {"imported_from": run.format},
            tags=("imported", run.format),
        )
        for key, _ in run.attempts
    ]
    checked = [(request, checked_columns(context, request)) for request in requests]
    settings = context.settings
    batches = [
        [parse_batch(orjson.loads(body), settings) for body in bodies] for _, bodies in run.attempts
    ]
    return checked, batches


def _store(
    context: Context,
    session: Session,
    requests: list[tuple[RunRequest, Document]],
    batches: list[list[StepBatch]],
) -> Document:
    run_id = requests[0][0].run_id
    accepted = duplicates = fresh = 0
    for ordinal, ((request, columns), parts) in enumerate(
        zip(requests, batches, strict=True), start=1
    ):
        created, attempt = open_in(context, session, request, columns)
        if attempt != ordinal:
            raise ConflictError(
                f'run "{run_id}" exists already and is another; take another run_id'
            )
        done = [ingest_in(context, session, run_id, batch) for batch in parts]
        stored = sum(one.accepted for one in done)
        if stored:
            finish_in(context, session, run_id, ordinal, "finished")
        fresh += created
        accepted += stored
        duplicates += sum(one.duplicates for one in done)
    return {"created": bool(fresh), "accepted": accepted, "duplicates": duplicates}


def _report(run: ForeignRun) -> Document:
    return {
        "format": run.format,
        "recognised": dict(run.recognised),
        "unknown_keys": dict(run.unknown_keys),
        "skipped": dict(run.skipped),
        "warnings": list(run.warnings),
    }
