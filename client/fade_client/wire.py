"""From spooled steps to what travels: summaries, columns, raw weights, strict JSON.

Runs in the sender's thread. ``nan`` and infinities become the strings ``"NaN"``, ``"Infinity"``
and ``"-Infinity"``; what was not measured is null.
"""

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from fade_client.frames import Array, Header, StepFrame
from fade_client.values import Drop
from fade_core.records import FIELDS, problem_with
from fade_core.weights import summarise_rewards, summarise_weights

MAX_WEIGHTS = 4096
"""Raw weights of one step that travel; of more, a sample of whole groups."""

MAX_TIME = 1e11
"""Seconds since the epoch that travel; beyond it the server's own clock is used."""

MAX_NAME = 128
"""Characters of the name of an extra value."""


@dataclass(frozen=True, slots=True)
class StepFields:
    """One step record by the names of ``fade_core.records``, everything in its range."""

    step: int
    time: float
    scalars: dict[str, float] = field(default_factory=dict)
    vectors: dict[str, list[float]] = field(default_factory=dict)
    pass_at_k: dict[str, float] = field(default_factory=dict)
    extra: dict[str, float] = field(default_factory=dict)


def fields_of(frame: StepFrame, drop: Drop) -> StepFields:
    """Compute the record of one step: what the trainer gave, and the summaries it did not give.

    Args:
        frame: As spooled.
        drop: Told the name and the reason of each value that is out of its range.
    """
    fields = StepFields(frame.step, frame.time)
    fields.pass_at_k.update({str(k): share for k, share in frame.pass_at_k.items()})
    for name, amount in (_summaries(frame) | frame.values | frame.vectors).items():
        floats = amount if isinstance(amount, list) else [amount]
        if name not in FIELDS:
            _add_extra(fields, name, floats[0], drop)
        elif problem := _first_problem(name, floats):
            drop(name, problem)
        elif isinstance(amount, list):
            fields.vectors[name] = amount
        else:
            fields.scalars[name] = amount
    return fields


def batch_body(attempt: int, frames: Sequence[StepFrame], weights_every: int, drop: Drop) -> bytes:
    """Return the JSON of one columnar batch.

    Args:
        attempt: Ordinal of the attempt, as the server gave it.
        frames: Steps in increasing order.
        weights_every: Raw weights of every k-th step are included; 0 for none.
        drop: Told of each value that is left out.
    """
    rows = [fields_of(frame, drop) for frame in frames]
    weights = (_weights_of(frame, weights_every, drop) for frame in frames)
    body: dict[str, Any] = {
        "attempt": attempt,
        "steps": [row.step for row in rows],
        # A clock may jump to where no server believes it; that must not cost the record.
        "times": [row.time if 0.0 <= row.time <= MAX_TIME else None for row in rows],
        "columns": _columns([row.scalars for row in rows]),
        "vectors": _columns([row.vectors for row in rows]),
        "pass_at_k": _columns([row.pass_at_k for row in rows]),
        "extra": _columns([row.extra for row in rows]),
        "weights": [entry for entry in weights if entry is not None],
    }
    for frame in frames:
        if frame.override_version >= 0:
            body["override_applied"] = {"version": frame.override_version, "step": frame.step}
    return msgspec.json.encode(body)


def registration_body(header: Header) -> bytes:
    """Return the JSON that registers the attempt of a spool."""
    body = {
        "run_id": header.run_id,
        "attempt_key": header.attempt_key,
        "name": header.name,
        # A local run acts on its own pair, as a controlled one does.
        "mode": "control" if header.mode == "local" else header.mode,
        "config": header.config,
        "tags": header.tags,
        "group": header.group,
        "scheduler": header.scheduler,
    }
    return msgspec.json.encode(body)


def strict(number: float) -> float | str:
    """Return a float in the form that strict JSON can carry."""
    if math.isfinite(number):
        return number
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def jsonable(thing: Any) -> Any:
    """Return nested builtins with every non-finite float as its string."""
    if isinstance(thing, float):
        return strict(thing)
    if isinstance(thing, Mapping):
        return {key: jsonable(part) for key, part in thing.items()}
    if isinstance(thing, list | tuple):
        return [jsonable(part) for part in thing]
    return thing


def _summaries(frame: StepFrame) -> dict[str, float | list[float]]:
    if frame.rewards is None:
        return {}
    rewards = frame.rewards.values()
    # Not-a-number rewards and weights are findings, not numpy's to complain about.
    with np.errstate(all="ignore"):
        summary = summarise_rewards(rewards)
        if frame.advantages is not None:
            summary |= summarise_weights(rewards, frame.advantages.values())
    return summary


def _add_extra(fields: StepFields, name: str, number: float, drop: Drop) -> None:
    fit = name.isprintable() and name.strip() and "," not in name
    if fit and len(name) <= MAX_NAME:
        fields.extra[name] = number
    else:
        drop(name, f"a name is 1 to {MAX_NAME} printable characters without commas, got {name!r}")


def _first_problem(name: str, floats: Iterable[float]) -> str | None:
    return next(filter(None, (problem_with(name, number) for number in floats)), None)


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [jsonable(row.get(name)) for row in rows] for name in names}


def _weights_of(frame: StepFrame, every: int, drop: Drop) -> dict[str, Any] | None:
    rewards, weights = frame.rewards, frame.advantages
    if rewards is None or weights is None or every == 0 or frame.step % every != 0:
        return None
    prompts, group_size = rewards.shape
    room = MAX_WEIGHTS // group_size
    if room == 0:
        drop("weights", f"raw weights: one group of {group_size} is over {MAX_WEIGHTS} values")
        return None
    chosen = sample_groups(prompts, room)
    return {
        "step": frame.step,
        "prompts": len(chosen),
        "group_size": group_size,
        "sampled": len(chosen) < prompts,
        "rewards": _base64(rewards, chosen),
        "advantages": _base64(weights, chosen),
    }


def sample_groups(prompts: int, room: int) -> list[int]:
    """Return which groups travel: all, or ``room`` of them evenly spaced over the batch.

    >>> sample_groups(8, 4), sample_groups(3, 4)
    ([0, 2, 4, 6], [0, 1, 2])
    """
    count = min(prompts, room)
    return [index * prompts // count for index in range(count)]


def _base64(array: Array, chosen: list[int]) -> str:
    with np.errstate(all="ignore"):
        sample = array.values()[chosen].astype("<f4")
    return base64.b64encode(sample.tobytes()).decode("ascii")
