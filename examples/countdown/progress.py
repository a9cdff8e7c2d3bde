"""How a training says where it is: a bar, lines of JSON for a parent process, or nothing."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class OnStep(Protocol):
    """Called after every step; ``entropy`` is None where it is not measured."""

    def __call__(
        self, phase: str, step: int, total: int, accuracy: float, entropy: float | None
    ) -> None:
        """Take note of one finished step."""


def silent(phase: str, step: int, total: int, accuracy: float, entropy: float | None) -> None:
    """Say nothing."""


def json_lines(phase: str, step: int, total: int, accuracy: float, entropy: float | None) -> None:
    """Write one JSON object on a line of its own, and flush it."""
    event = {
        "phase": phase, "step": step, "total": total, "accuracy": accuracy, "entropy": entropy
    }  # fmt: skip
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


@contextmanager
def bar() -> Iterator[OnStep]:
    """Draw one bar a phase, on stderr."""
    columns = (
        TextColumn("{task.description:<8}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks = {}

        def draw(phase: str, step: int, total: int, accuracy: float, entropy: float | None) -> None:
            if phase not in tasks:
                tasks[phase] = progress.add_task(phase, note="")
            note = f"accuracy {accuracy:.3f}"
            note += f"  entropy {entropy:.3f}" if entropy is not None else ""
            progress.update(tasks[phase], completed=step, total=total, note=note)

        yield draw


@contextmanager
def open_progress(style: str) -> Iterator[OnStep]:
    """Yield the callback for ``bar``, ``jsonl`` or ``none``."""
    if style == "bar":
        with bar() as draw:
            yield draw
    else:
        yield json_lines if style == "jsonl" else silent
