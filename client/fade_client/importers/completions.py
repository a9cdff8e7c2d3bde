"""TRL's completions, ``completions/completions_00010.parquet``: every rollout with its advantage.

The rollouts of one prompt stand together, so that the whole distribution of a step is there:
solve rates, tails, masses. Needs pyarrow. Several reward functions are added up without weights,
for their weights are not in the file.

Shapes: ``P`` prompts, ``G`` rollouts of each.
"""

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from fade_client.errors import LogError
from fade_client.importers.draft import Draft
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.numbers import step_of
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, run_name

PATTERN = "completions_*.parquet"
_TEXTS = frozenset({"step", "prompt", "completion", "advantage", "timestamp"})
_MAGIC = b"PAR1"
_PIECE = 1024
"""Rows that are unpacked at once."""


def recognises(sample: Sample) -> bool:
    """Say whether this is a parquet file."""
    return sample.head.startswith(_MAGIC)


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one file, or those of a folder as one run.

    Raises:
        LogError: pyarrow is missing, or a file is not TRL's.
    """
    draft = Draft(run_name(path), FORMAT.id, mapping)
    for file in sorted(path.glob(PATTERN)) if path.is_dir() else [path]:
        table = read_parquet(file)
        if not {"step", "prompt", "advantage"} <= table.keys():
            raise LogError(f"{file} has no columns step, prompt and advantage: not TRL's")
        rows = range(len(table["step"]))
        for step, group in groupby(rows, key=lambda row: step_of(table["step"][row])):
            _add(draft, step, table, list(group))
    return [draft.finish()]


def read_parquet(file: Path) -> dict[str, list[Any]]:
    """Return the columns of a Parquet file.

    Raises:
        LogError: pyarrow is missing, or the file cannot be read.
    """
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415  optional, and large
    except ImportError as error:
        raise LogError(
            f"{file} is a parquet file; reading it needs pyarrow: pip install pyarrow"
        ) from error
    try:
        columns: dict[str, list[Any]] = parquet.read_table(file).to_pydict()
    except (ArrowException, OSError) as error:
        raise LogError(f"{file} is no parquet file that can be read: {error}") from error
    return columns


def check_unpacked(file: Path, most_bytes: int) -> None:
    """Refuse a Parquet file that is far more than it seems; any other file is what it is.

    Its own word on its size is not enough: a column that says one value a million times is a few
    bytes, so that it is unpacked piece by piece until it is too much.

    Args:
        file: Anything.
        most_bytes: That its values may take, at least eight for each of them.

    Raises:
        LogError: It holds more, or cannot be read.
    """
    with file.open("rb") as opened:
        if opened.read(len(_MAGIC)) != _MAGIC:
            return
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415  optional, and large
    except ImportError:
        return  # nothing will be unpacked either
    try:
        with parquet.ParquetFile(file) as packed:
            groups = range(packed.metadata.num_row_groups)
            announced = sum(packed.metadata.row_group(index).total_byte_size for index in groups)
            left = most_bytes - announced
            if left >= 0:
                left = most_bytes
                for piece in packed.iter_batches(_PIECE):
                    left -= max(piece.nbytes, 8 * piece.num_rows * piece.num_columns)
                    if left < 0:
                        break
    except (ArrowException, OSError) as error:
        raise LogError(f"{file} is no parquet file that can be read: {error}") from error
    if left < 0:
        raise LogError(f"{file} holds over {most_bytes} bytes once it is unpacked")


def _add(draft: Draft, step: int | None, table: dict[str, list[Any]], rows: Sequence[int]) -> None:
    if step is None:
        draft.skip("rollout without a step")
        return
    names = [name for name in table if name not in _TEXTS and _is_reward(table[name])]
    prompts = [_plain(table["prompt"][row]) for row in rows]
    rewards = [[_float(table[name][row]) for name in names] for row in rows]
    # A reward function may pass on a rollout; one that all pass on has no reward.
    totals = [sum(v for v in each if not math.isnan(v)) for each in rewards]
    advantages = [_float(table["advantage"][row]) for row in rows]
    values: dict[str, Any] = {
        f"rewards/{name}/mean": _mean([each[index] for each in rewards])
        for index, name in enumerate(names)
    }
    if names:
        values |= _summary(_groups(prompts), totals, advantages, draft)
    draft.add(values, step=step)


def _summary(
    groups: list[int], rewards: list[float], advantages: list[float], draft: Draft
) -> dict[str, Any]:
    # Here, because numpy costs more to load than the rest of the importers.
    import numpy as np  # noqa: PLC0415

    from fade_core.weights import summarise_rewards, summarise_weights  # noqa: PLC0415

    size = _group_size(groups)
    if size is None:
        draft.skip("step whose prompts have different numbers of rollouts: no advantage fields")
        return {"reward_mean": _mean(rewards)}
    rewards_PG = np.asarray(rewards).reshape(-1, size)
    weights_PG = np.asarray(advantages).reshape(-1, size)
    with np.errstate(all="ignore"):
        return summarise_rewards(rewards_PG) | summarise_weights(rewards_PG, weights_PG)


def _groups(prompts: Sequence[str]) -> list[int]:
    return [len(list(group)) for _, group in groupby(prompts)]


def _group_size(groups: Sequence[int]) -> int | None:
    """Return G; a prompt that was drawn twice in a row makes one run of 2 G."""
    size = min(groups)
    return size if all(group % size == 0 for group in groups) else None


def _is_reward(column: Sequence[Any]) -> bool:
    return all(each is None or isinstance(each, int | float) for each in column)


def _plain(prompt: Any) -> str:
    return prompt if isinstance(prompt, str) else repr(prompt)


def _float(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


FORMAT = Format("trl_completions", "TRL completions parquet", recognises, read)
