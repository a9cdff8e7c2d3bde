"""A body of steps, checked field by field; nothing of a wrong body gets further.

Types are checked a whole list at a time, so that a good batch costs a few passes in C; only a
list with something wrong is searched for the place.
"""

import base64
import binascii
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fade_core.records import FIELDS, SCALARS, VECTORS, problem_with
from fade_server.errors import refuse
from fade_server.services.fields import Problems, Values, name_problem
from fade_server.settings import Settings

MAX_STEP = 2**53 - 1
"""Largest step; above it a browser's numbers are no longer exact."""

MAX_TIME = 1e11
"""Largest time: a number of milliseconds is far above it."""

_PARTS = {
    "attempt",
    "steps",
    "times",
    "columns",
    "vectors",
    "pass_at_k",
    "extra",
    "weights",
    "override_applied",
}


@dataclass(frozen=True, slots=True)
class RawWeights:
    """Raw weights of one step; little-endian float32, row-major."""

    step: int
    prompts: int
    group_size: int
    rewards: bytes
    advantages: bytes
    sampled: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """What the trainer says of the override: its version, and the first step used with it."""

    version: int
    step: int


@dataclass(frozen=True, slots=True)
class StepBatch:
    """A checked batch. Every list is as long as ``steps``.

    Attributes:
        attempt: Ordinal of the attempt.
        steps: Strictly increasing, >= 0.
        times: Seconds since the epoch; None where the client gave none.
        columns: Scalars by field; non-finite ones are what they are, None is not measured.
        vectors: Vectors by field.
        pass_at_k: By k, as text.
        extra: By the trainer's own names.
        weights: Raw weights by step.
        applied: The newest override, or release, that the trainer used; None if it says nothing.
    """

    attempt: int
    steps: list[int]
    times: Values
    columns: dict[str, Values] = field(default_factory=dict)
    vectors: dict[str, list[list[float | str] | None]] = field(default_factory=dict)
    pass_at_k: dict[str, Values] = field(default_factory=dict)
    extra: dict[str, Values] = field(default_factory=dict)
    weights: dict[int, RawWeights] = field(default_factory=dict)
    applied: Applied | None = None


def parse_batch(body: object, settings: Settings) -> StepBatch:
    """Return the batch that a decoded body holds.

    Args:
        body: What came, as builtins.
        settings: Limits.

    Raises:
        InvalidInputError: A field is wrong; every problem found is listed, up to a number.
    """
    if not isinstance(body, dict):
        raise refuse("body", "must be a JSON object with attempt, steps and columns", body)
    found = Problems()
    found.unknown("", body, _PARTS)
    attempt = found.whole("attempt", body.get("attempt"), 1, 2**31 - 1)
    steps = _steps(found, body.get("steps"), settings)
    found.stop()
    count = len(steps)
    batch = StepBatch(
        attempt=attempt,
        steps=steps,
        times=_times(found, body.get("times"), count),
        columns={
            name: _scalar(found, name, values, count)
            for name, values in found.named("columns", body.get("columns"), SCALARS)
        },
        vectors={
            name: _vector(found, name, values, count)
            for name, values in found.named("vectors", body.get("vectors"), VECTORS)
        },
        pass_at_k=_pass_at_k(found, body.get("pass_at_k"), count),
        extra=_extra(found, body.get("extra"), count, settings),
        weights=_weights(found, body.get("weights"), set(steps), settings),
        applied=_applied(found, body.get("override_applied")),
    )
    found.stop()
    return batch


def _steps(found: Problems, value: object, settings: Settings) -> list[int]:
    if not isinstance(value, list) or not 1 <= len(value) <= settings.max_batch_steps:
        found.add("steps", f"must be a list of 1 to {settings.max_batch_steps} integers", value)
        return []
    if set(map(type, value)) == {int} and value[0] >= 0 and value[-1] <= MAX_STEP:
        falls = [i for i in range(1, len(value)) if value[i] <= value[i - 1]]
        for index in falls[:1]:
            message = f"must be larger than the step before it, {value[index - 1]}"
            found.add(f"steps[{index}]", message, value[index])
        return value
    for index, step in enumerate(value):
        found.whole(f"steps[{index}]", step, 0, MAX_STEP)
    return value


def _times(found: Problems, value: object, count: int) -> Values:
    if value is None:
        return [None] * count
    times = found.numbers("times", value, count)
    for index, time in enumerate(times):
        if time is not None and not 0.0 <= time <= MAX_TIME:
            found.add(f"times[{index}]", "must be seconds since the epoch, UTC", time)
    return times


def _scalar(found: Problems, name: str, value: object, count: int) -> Values:
    values = found.numbers(f"columns.{name}", value, count)
    _check_range(found, name, values, lambda index: f"columns.{name}[{index}]")
    return values


def _check_range(found: Problems, name: str, values: Values, path: Callable[[int], str]) -> None:
    wanted = FIELDS[name]
    measured = [value for value in values if value is not None]
    if not measured:
        return
    # A sum with nan in it is nan: min and max alone may not notice one.
    inside = wanted.low <= min(measured) and max(measured) <= wanted.high
    if inside and not math.isnan(sum(measured)):
        return
    for index, value in enumerate(values):
        problem = None if value is None else problem_with(name, value)
        if problem:
            found.add(path(index), problem.removeprefix(f"{name} "), value)


def _vector(
    found: Problems, name: str, value: object, count: int
) -> list[list[float | str] | None]:
    length = FIELDS[name].length
    vectors: list[list[float | str] | None] = []
    for index, vector in enumerate(found.sized(f"vectors.{name}", value, count)):
        path = f"vectors.{name}[{index}]"
        if vector is None:
            vectors.append(None)
        elif not isinstance(vector, list) or len(vector) != length:
            found.add(path, f"must be null or a list of {length} numbers", vector)
        else:
            vectors.append(_elements(found, name, path, vector))
    return vectors


def _elements(found: Problems, name: str, path: str, vector: list[Any]) -> list[float | str]:
    floats = found.numbers(path, vector, len(vector))
    if None in floats:
        found.add(f"{path}[{floats.index(None)}]", 'must be a number; "NaN" if it is undefined')
    _check_range(found, name, floats, lambda element: f"{path}[{element}]")
    return vector


def _pass_at_k(found: Problems, value: object, count: int) -> dict[str, Values]:
    columns: dict[str, Values] = {}
    for k, values in found.mapping("pass_at_k", value).items():
        path = f"pass_at_k.{k:.20}"
        if not (k.isascii() and k.isdigit() and k[0] != "0" and len(k) < 10):
            found.add(path, "k must be a positive integer, as text", k)
            continue
        columns[k] = found.numbers(path, values, count)
        for index, share in enumerate(columns[k]):
            if share is not None and math.isfinite(share) and not 0.0 <= share <= 1.0:
                found.add(f"{path}[{index}]", "must be in [0, 1]", share)
    return columns


def _extra(found: Problems, value: object, count: int, settings: Settings) -> dict[str, Values]:
    columns: dict[str, Values] = {}
    for name, values in found.mapping("extra", value).items():
        path = f"extra.{name:.100}"
        if problem := name_problem(name, settings.max_name_length):
            found.add(path, problem, name)
        elif "," in name:
            found.add(path, "must not contain a comma: lists of metrics are cut at commas", name)
        else:
            columns[name] = found.numbers(path, values, count)
    return columns


def _weights(
    found: Problems, value: object, steps: set[int], settings: Settings
) -> dict[int, RawWeights]:
    if value is None:
        return {}
    if not isinstance(value, list):
        found.add("weights", "must be a list of objects", value)
        return {}
    weights: dict[int, RawWeights] = {}
    for index, entry in enumerate(value):
        path = f"weights[{index}]"
        if not isinstance(entry, dict):
            found.add(path, "must be an object", entry)
            continue
        one = _one_weights(found, path, entry, settings)
        if one.step not in steps or one.step in weights:
            found.add(f"{path}.step", "must be one of steps, and once", one.step)
        weights[one.step] = one
    return weights


def _one_weights(
    found: Problems, path: str, entry: dict[str, Any], settings: Settings
) -> RawWeights:
    names = ("step", "prompts", "group_size", "rewards", "advantages", "sampled")
    found.unknown(f"{path}.", entry, names)
    sampled = entry.get("sampled", False)
    if not isinstance(sampled, bool):
        found.add(f"{path}.sampled", "must be true or false", sampled)
    most = settings.max_weight_count
    step = found.whole(f"{path}.step", entry.get("step"), 0, MAX_STEP)
    prompts = found.whole(f"{path}.prompts", entry.get("prompts"), 1, most)
    size = found.whole(f"{path}.group_size", entry.get("group_size"), 1, most)
    if prompts * size > most:
        found.add(path, f"prompts x group_size must be at most {most}", prompts * size)
    rewards, advantages = (
        _floats32(found, f"{path}.{name}", entry.get(name), prompts, size)
        for name in ("rewards", "advantages")
    )
    return RawWeights(step, prompts, size, rewards, advantages, sampled)


def _applied(found: Problems, value: object) -> Applied | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        found.add("override_applied", "must be an object with version and step", value)
        return None
    found.unknown("override_applied.", value, ("version", "step"))
    version = found.whole("override_applied.version", value.get("version"), 0, 2**31 - 1)
    return Applied(version, found.whole("override_applied.step", value.get("step"), 0, MAX_STEP))


def _floats32(found: Problems, path: str, value: object, prompts: int, size: int) -> bytes:
    wanted = f"must be base64 of {prompts} x {size} little-endian float32"
    if not isinstance(value, str):
        found.add(path, wanted, value)
        return b""
    try:
        blob = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        found.add(path, wanted, value)
        return b""
    if len(blob) != 4 * prompts * size:
        found.add(path, f"{wanted}, {4 * prompts * size} bytes; has {len(blob)}")
    return blob
