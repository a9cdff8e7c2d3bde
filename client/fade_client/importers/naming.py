"""From the log's keys to canonical names, decided once for the whole run."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from fade_client.importers.keys import Match, is_bookkeeping, match, pass_at
from fade_client.importers.result import Record
from fade_core.records import EXTRAS, FIELDS, problem_with

Launch = Mapping[int, dict[str, Any]]

ROUNDING = 1e-6
"""Fractions of float32 may miss their range by this much, and are cut to it."""


_NEVER = (math.inf, -math.inf)
"""A range with nothing in it: every value takes the slow way."""


class Named(NamedTuple):
    """The records of a run, and how they came by their names.

    Attributes:
        attempts: Records by launch.
        recognised: Canonical name to the log's key.
        unknown: Keys that kept their own name, with the number of rows they are in.
        warnings: What did not fit.
    """

    attempts: list[list[Record]]
    recognised: dict[str, str]
    unknown: dict[str, int]
    warnings: tuple[str, ...]


class Target(NamedTuple):
    """Where the values of a key go."""

    name: str
    low: float = -math.inf
    high: float = math.inf
    scale: float = 1.0


def rename(launches: Iterable[Launch], custom: Mapping[str, str]) -> Named:
    """Give the rows their canonical names.

    Args:
        launches: Rows by step.
        custom: The log's key to the canonical name, as the user says.
    """
    kept = list(launches)
    counts: Counter[str] = Counter()
    for launch in kept:
        for row in launch.values():
            counts.update(row.keys())
    chosen = _choose(counts, custom)
    _correct(chosen, kept)
    # A key that happens to be called like a field whose values come from another key, or that
    # is not what its name says, may not be stored under that name.
    plan = {key: _target(chosen.get(key), key) for key in counts}
    odd: Counter[str] = Counter()
    attempts = [[_record(step, row, plan, odd) for step, row in launch.items()] for launch in kept]
    recognised = {found.name: key for key, found in chosen.items()}
    recognised |= {key: key for key in counts if key in EXTRAS and key not in chosen}
    unknown = {
        key: count
        for key, count in sorted(counts.items())
        if key not in recognised.values() and pass_at(key) is None and not is_bookkeeping(key)
    }
    warnings = tuple(
        f"{key}: {count} values cannot be its {plan[key].name} and are kept as {_own(key)}"
        for key, count in sorted(odd.items())
    )
    return Named(attempts, recognised, unknown, warnings)


def _choose(counts: Counter[str], custom: Mapping[str, str]) -> dict[str, Match]:
    candidates: dict[str, list[tuple[int, str, Match]]] = {}
    for key in counts:
        found = Match(custom[key], -1) if key in custom else match(key)
        if found:
            candidates.setdefault(found.name, []).append((found.rank, key, found))
    chosen: dict[str, Match] = {}
    for ranked in candidates.values():
        most = max(counts[key] for _, key, _ in ranked)
        # A better name is no use where it is in a row here and there only.
        usual = [each for each in ranked if each[0] < 0 or 2 * counts[each[1]] >= most]
        _, key, found = min(usual)
        chosen[key] = found
    return chosen


def _correct(chosen: dict[str, Match], launches: list[Launch]) -> None:
    for key, found in list(chosen.items()):
        if found.name == "accuracy" and found.rank and _leaves(key, launches, 0.0, 1.0 + ROUNDING):
            # A reward that is called correctness, such as 2 for a right answer.
            del chosen[key]
        elif found.name == "kl_k3" and _leaves(key, launches, 0.0, math.inf):
            # k3 is never negative, so this is the first-order estimate.
            if "kl_k1" in {each.name for each in chosen.values()}:
                del chosen[key]
            else:
                chosen[key] = found._replace(name="kl_k1")


def _leaves(key: str, launches: list[Launch], low: float, high: float) -> bool:
    rows = (row for launch in launches for row in launch.values())
    return any(
        math.isfinite(value) and not low <= value <= high
        for row in rows
        if (value := row.get(key)) is not None
    )


def _own(key: str) -> str:
    return f"{key} (as logged)" if key in FIELDS or key in ("step", "pass_at_k") else key


def _target(found: Match | None, key: str) -> Target:
    if found is None:
        return Target("pass_at_k", *_NEVER) if pass_at(key) else Target(_own(key))
    field = FIELDS.get(found.name)
    if field is None:
        return Target(found.name, scale=found.scale)
    if field.kind == "vector":
        return Target(found.name, *_NEVER)
    if found.scale != 1.0:
        return Target(found.name, *_NEVER, found.scale)
    return Target(found.name, field.low, field.high)


def _record(
    step: int, row: Mapping[str, Any], plan: Mapping[str, Target], odd: Counter[str]
) -> Record:
    record: Record = {"step": step}
    for key, value in row.items():
        name, low, high, _ = target = plan[key]
        if type(value) is float and low <= value <= high:
            record[name] = value
        else:
            _slow(record, key, value, target, odd)
    _derive(record)
    return record


def _slow(record: Record, key: str, value: Any, target: Target, odd: Counter[str]) -> None:
    if isinstance(value, list):
        record[target.name] = value
        return
    value = float(value) * target.scale
    k = pass_at(key) if target.name == "pass_at_k" else None
    if k and 0.0 <= value <= 1.0:
        record.setdefault("pass_at_k", {})[k] = value
        return
    field = FIELDS.get(target.name)
    if k is None and (field is None or problem_with(target.name, value) is None):
        record[target.name] = value
    elif field and field.low - ROUNDING <= value <= field.high + ROUNDING:
        record[target.name] = min(max(value, field.low), field.high)
    else:
        record[_own(key)] = value
        odd[key] += 1


def _derive(record: Record) -> None:
    solved, unsolved = record.get("all_solved_fraction"), record.get("none_solved_fraction")
    if solved is not None and unsolved is not None:
        record.setdefault("zero_variance_fraction", min(solved + unsolved, 1.0))
