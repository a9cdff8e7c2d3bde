"""MLflow's file store: ``<run>/metrics/<key>``, a line a value: time, value, step."""

import re
from collections.abc import Iterator
from pathlib import Path

from fade_client.errors import LogError
from fade_client.importers.draft import Draft
from fade_client.importers.lines import read_lines
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.mlflow_database import Value, add_values
from fade_client.importers.numbers import number, step_of
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, printable

_NAME = re.compile(r"^run_name:\s*(.+?)\s*$", re.MULTILINE)


def recognises(sample: Sample) -> bool:
    """Say whether a folder is one run of such a store, or a file describes one."""
    folder = sample.path if sample.path.is_dir() else sample.path.parent
    described = sample.path.is_dir() or sample.path.name == "meta.yaml"
    return described and (folder / "meta.yaml").is_file() and (folder / "metrics").is_dir()


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one run.

    Raises:
        LogError: The folder is no run.
    """
    folder = path if path.is_dir() else path.parent
    try:
        named = _NAME.search((folder / "meta.yaml").read_text(errors="replace"))
    except OSError as error:
        raise LogError(f"{folder} is no run of an MLflow file store: {error}") from error
    name = named.group(1).strip("'\"") if named else folder.name
    draft = Draft(printable(name), FORMAT.id, mapping)
    for file in sorted((folder / "params").glob("**/*")):
        if file.is_file():
            key = file.relative_to(folder / "params").as_posix()
            draft.config[key] = file.read_text(errors="replace").strip()
    values = sorted(_values(folder / "metrics", draft), key=lambda value: value[:2])
    add_values(draft, values)
    return [draft.finish()]


def _values(folder: Path, draft: Draft) -> Iterator[Value]:
    for file in sorted(folder.glob("**/*")):
        if not file.is_file():
            continue
        key = file.relative_to(folder).as_posix()
        for line in read_lines(file, draft.skip):
            found = _value(key, line.split())
            if found:
                yield found
            else:
                draft.skip("line that is not 'time value step'")


def _value(key: str, parts: list[str]) -> Value | None:
    if len(parts) not in (2, 3):
        return None
    time, amount = step_of(parts[0]), number(parts[1])
    step = step_of(parts[2]) if len(parts) == 3 else 0
    if time is None or amount is None or step is None:
        return None
    return Value(time, step, key, amount)


FORMAT = Format("mlflow_files", "MLflow file store", recognises, read)
