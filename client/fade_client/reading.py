"""Read a local spool back."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from fade_client.frames import Header, StepFrame, read_frames
from fade_client.spool import read_header
from fade_client.wire import fields_of, jsonable

log = logging.getLogger("fade_client")


def read_run(path: str | os.PathLike[str]) -> tuple[Header, list[dict[str, Any]]]:
    """Return the header and the steps of a spool, such as ``Run.path`` of a local run.

    Args:
        path: A ``*.spool`` file; it may still be written to.

    Returns:
        The header, and one dict a step: ``step``, ``time``, every scalar and vector of
        ``fade_core.records`` that is known, ``pass_at_k`` and ``extra`` as dicts, and
        ``rewards`` and ``advantages`` as ``[P, G]`` arrays where the trainer gave them. Values
        outside their range are left out, as they are on the way to a server.

    Raises:
        SpoolError: The file is not a spool.
        OSError: It cannot be read.
    """
    spool = Path(path)
    header, start = read_header(spool)
    with spool.open("rb") as file:
        frames = [frame for frame, _ in read_frames(file, start)]
    return header, [_step(frame) for frame in frames if isinstance(frame, StepFrame)]


def json_lines(path: str | os.PathLike[str]) -> Iterator[str]:
    """Yield the steps of a spool as strict JSON, one line each; arrays as lists of groups.

    Args:
        path: A ``*.spool`` file; it may still be written to.

    Raises:
        SpoolError: The file is not a spool.
        OSError: It cannot be read.
    """
    spool = Path(path)
    _, start = read_header(spool)
    with spool.open("rb") as file:
        for frame, _ in read_frames(file, start):
            if isinstance(frame, StepFrame):
                row = _step(frame)
                for name in ("rewards", "advantages"):
                    if name in row:
                        row[name] = row[name].tolist()
                yield msgspec.json.encode(jsonable(row)).decode()


def _step(frame: StepFrame) -> dict[str, Any]:
    fields = fields_of(frame, lambda name, why: log.debug("%s: %s", name, why))
    row: dict[str, Any] = {"step": fields.step, "time": fields.time}
    row |= fields.scalars | fields.vectors
    row |= {"pass_at_k": fields.pass_at_k, "extra": fields.extra}
    for name, array in (("rewards", frame.rewards), ("advantages", frame.advantages)):
        if array is not None:
            row[name] = array.values()
    return row
