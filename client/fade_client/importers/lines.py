"""Lines of a console log: colours and carriage returns removed, endless lines cut."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

MAX_LINE = 1 << 16
"""Longer pieces of a line hold no metrics; they are counted and left out."""

_CHUNK = 1 << 20
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")
_BREAK = re.compile(r"[\r\n]+")


def read_lines(path: Path, skip: Callable[[str], None]) -> Iterator[str]:
    """Yield the pieces of a text between line breaks and carriage returns, without colours.

    Args:
        path: A text in UTF-8, or nearly.
        skip: Told of each piece that is too long.
    """
    rest, cutting = "", False
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        while chunk := file.read(_CHUNK):
            *pieces, rest = _BREAK.split(rest + chunk)
            for piece in pieces:
                if cutting or len(piece) > MAX_LINE:
                    skip("line too long")
                    cutting = False
                elif piece:
                    yield _ANSI.sub("", piece) if "\x1b" in piece else piece
            if len(rest) > MAX_LINE:
                rest, cutting = "", True
    if cutting:
        skip("line too long")
    elif rest:
        yield _ANSI.sub("", rest)
