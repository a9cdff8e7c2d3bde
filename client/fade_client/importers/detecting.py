"""Which format a log is in, by its content; and the logs in a folder."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fade_client.errors import LogError
from fade_client.importers import (
    completions,
    exported,
    hf_console,
    jsonl,
    mlflow_database,
    mlflow_files,
    ms_swift,
    openrlhf_console,
    prime_rl,
    spool_file,
    table,
    tensorboard,
    text_console,
    tinker,
    trackio,
    trainer_state,
    verl_console,
    verl_file,
    wandb_offline,
)
from fade_client.importers.source import Format, Sample, read_sample

FORMATS: tuple[Format, ...] = tuple(
    module.FORMAT
    for module in (
        wandb_offline,
        exported,
        completions,
        trackio,
        mlflow_database,
        mlflow_files,
        tensorboard,
        spool_file,
        trainer_state,
        verl_file,
        ms_swift,
        tinker,
        prime_rl,
        jsonl,
        table,
        verl_console,
        openrlhf_console,
        hf_console,
        text_console,
    )
)
"""Every format of a file; the first that recognises it is taken, so the narrow ones come first."""

_SUFFIXES = frozenset(
    {
        ".json", ".jsonl", ".ndjson", ".log", ".txt", ".out", ".csv", ".tsv", ".wandb", ".db",
        ".sqlite", ".sqlite3", ".spool",
    }
)  # fmt: skip
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_TOGETHER = {prime_rl.FORMAT.id}
"""Formats of which all files of a folder are one run."""


@dataclass(frozen=True, slots=True)
class Log:
    """Something that can be read as one unit."""

    path: Path
    format: Format


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a folder.

    Attributes:
        logs: What can be read.
        unknown: Files that look like logs and are in no known format.
    """

    logs: list[Log] = field(default_factory=list)
    unknown: list[Path] = field(default_factory=list)


def detect(path: Path) -> Format:
    """Return the format of a file, or of a folder that is one log.

    Raises:
        LogError: No format recognises it, or it cannot be read.
    """
    if path.is_dir():
        if found := _whole(path):
            return found.format
        raise LogError(f"{path} is no single log")
    try:
        sample = read_sample(path)
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error}") from error
    known = next((each for each in FORMATS if each.recognises(sample)), None)
    if known is None:
        raise LogError(
            f"{path} is in no format known here: no metrics are found in its beginning. "
            f"Known: {', '.join(each.title for each in FORMATS)}"
        )
    return known


def find(path: Path) -> Found:
    """Return the logs in a file or a folder and everything below it."""
    if path.is_file():
        return Found([Log(path, detect(path))])
    found = Found()
    _search(path, found)
    for identity in _TOGETHER:
        if any(log.format.id == identity for log in found.logs):
            together = next(log.format for log in found.logs if log.format.id == identity)
            found.logs[:] = [log for log in found.logs if log.format.id != identity]
            found.logs.append(Log(path, together))
    found.logs.sort(key=lambda log: log.path)
    return found


def _search(folder: Path, found: Found) -> None:
    if whole := _whole(folder):
        found.logs.append(whole)
        if whole.format in (mlflow_files.FORMAT, wandb_offline.FORMAT):
            return
    visible = [path for path in sorted(folder.iterdir()) if not _is_other(path)]
    states = [state for path in visible if (state := _state(path))]
    if states:
        # The newest checkpoint holds the log of the others.
        found.logs.append(Log(max(states, key=_progress), trainer_state.FORMAT))
    for path in visible:
        if path.is_dir() and not _state(path):
            _search(path, found)
        elif path.is_file() and not _state(path) and path.suffix.lower() in _SUFFIXES:
            _take(path, found)


def _is_other(path: Path) -> bool:
    # A link, such as wandb's latest-run, leads to what is found anyway.
    return path.name.startswith(".") or path.is_symlink()


def _state(path: Path) -> Path | None:
    """Return the trainer's state that a path is, or the one of the checkpoint that it is."""
    state = path / "trainer_state.json" if _CHECKPOINT.fullmatch(path.name) else path
    return state if state.name == "trainer_state.json" and state.is_file() else None


def _take(path: Path, found: Found) -> None:
    try:
        found.logs.append(Log(path, detect(path)))
    except LogError:
        found.unknown.append(path)


def _whole(folder: Path) -> Log | None:
    if any(folder.glob(tensorboard.PATTERN)):
        return Log(folder, tensorboard.FORMAT)
    if offline := sorted(folder.glob("*.wandb")):
        return Log(offline[0], wandb_offline.FORMAT)
    if any(folder.glob(completions.PATTERN)):
        return Log(folder, completions.FORMAT)
    if mlflow_files.recognises(Sample(folder, b"")):
        return Log(folder, mlflow_files.FORMAT)
    return None


def _progress(state: Path) -> tuple[int, int]:
    numbered = _CHECKPOINT.fullmatch(state.parent.name)
    # A state in the output folder itself is written when the training has ended.
    return (int(numbered.group(1)), 0) if numbered else (2**62, state.stat().st_size)


def formats() -> Iterator[str]:
    """Yield the ids of all formats of files."""
    return (each.id for each in FORMATS)
