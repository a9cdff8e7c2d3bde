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


def read_steps(
    path: Path, step: re.Pattern[str], skip: Callable[[str], None]
) -> Iterator[tuple[int, str]]:
    """Yield each step of a text that has one a line, with what follows its number.

    Args:
        path: A text in UTF-8, or nearly.
        step: Finds the beginning of a step; its first group is the number.
        skip: Told of each line that has none, and of each that is too long.
    """
    for line in read_lines(path, skip):
        found = step.search(line)
        if found is not None:
            yield int(found.group(1)), line[found.end() :]
        elif not line.isspace():
            skip("line without metrics")
