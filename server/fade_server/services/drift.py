"""Whether the trainer really uses the schedule that the server computed from the same records."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from fade_core.findings import Finding, Text
from fade_server.queries import runs as run_queries
from fade_server.queries import watches as watch_queries
from fade_server.queries.runs import RunRow

Record = Mapping[str, Any]

ID = "schedule_drift"
NEEDS = frozenset({"alpha", "delta", "schedule_version"})
TOLERANCE = 1e-9
"""Both sides compute the same function of the same numbers; more than this is another chain."""

LOOK_BACK = 256
"""Schedules before a chunk that its records may have used: a trainer may lag behind."""

TEXT = Text(
    "The trainer uses another alpha or delta than the server computed from the same records.",
    "What the dashboard shows and recommends is not what the training does.",
    (
        "Restore the client's scheduler with the checkpoint (the adapters do); a trainer that "
        "starts afresh computes from its own records only.",
        "Give every attempt of the run the same scheduler settings.",
        "Report the accuracy and entropy of the whole batch, the same on every rank.",
    ),
)


class Chain(NamedTuple):
    """What the trainer may have used.

    Attributes:
        computed: Alpha and delta by version.
        pins: Pairs that a person had put in force of late.
        override: What is pinned now, or None.
        confirmed_from: First step that the trainer says it used ``override``, or its release,
            for; None while it has not, or nothing was ever pinned.
    """

    computed: Mapping[int, tuple[float, float]]
    pins: Sequence[tuple[float, float]] = ()
    override: Mapping[str, Any] | None = None
    confirmed_from: int | None = None


def read_chain(session: Session, run: RunRow, records: Sequence[Record]) -> Chain | None:
    """Return the chain to compare these records with; None when there is nothing to compare.

    Args:
        session: Open session.
        run: In ``control`` mode.
        records: Of one run, in order.
    """
    steps = [one["step"] for one in records if _used(one) is not None]
    if not steps:
        return None
    limit = len(records) + LOOK_BACK
    rows = watch_queries.recent_schedules(session, run.pk, max(steps), limit)
    pairs = [(row, (row["alpha"], row["delta"])) for row in rows]
    return Chain(
        {row["version"]: pair for row, pair in pairs if row["event"] == "computed"},
        [pair for row, pair in pairs if row["event"] == "pinned"],
        run.override,
        run.override_step,
    )


def controlled_attempts(session: Session, run: RunRow, attempts: Iterable[int]) -> set[int]:
    """Return which of these attempts apply the schedule."""
    found = (run_queries.find_attempt(session, run.pk, ordinal) for ordinal in attempts)
    return {one.ordinal for one in found if one is not None and one.mode == "control"}


def check(record: Record, chain: Chain) -> Finding | None:
    """Compare what the trainer says it used with what it should have.

    Good at: two schedulers that run apart. Bad at: the time between a pin and its confirmation,
    in which either pair may be in use.

    Args:
        record: One step.
        chain: What may have been in use.

    Returns:
        A finding with both pairs; None when they agree, or cannot be compared.
    """
    used = _used(record)
    if used is None:
        return None
    version, alpha, delta = used
    wanted = chain.computed.get(version)
    if wanted is None:
        return None
    step = record["step"]
    allowed = _allowed(wanted, chain, step)
    if any(_same(alpha, a) and _same(delta, d) for a, d in allowed):
        return None
    alpha_wanted, delta_wanted = allowed[0]
    evidence = {
        "alpha_used": alpha,
        "alpha_expected": alpha_wanted,
        "delta_used": delta,
        "delta_expected": delta_wanted,
        "schedule_version": float(version),
    }
    return Finding(ID, "warning", step, step, evidence, TEXT)


def _used(record: Record) -> tuple[int, float, float] | None:
    names = ("schedule_version", "alpha", "delta")
    values = [record.get(name, math.nan) for name in names]
    if not all(math.isfinite(value) for value in values):
        return None
    return int(values[0]), values[1], values[2]


def _allowed(computed: tuple[float, float], chain: Chain, step: int) -> list[tuple[float, float]]:
    """Return the pairs that may be in use at a step, the one that should be first."""
    present = _pinned(computed, chain.override)
    if chain.confirmed_from is not None and step >= chain.confirmed_from:
        return [present]
    alphas = [computed[0], present[0], *(alpha for alpha, _ in chain.pins)]
    deltas = [computed[1], present[1], *(delta for _, delta in chain.pins)]
    return [computed, *((alpha, delta) for alpha in alphas for delta in deltas)]


def _pinned(
    computed: tuple[float, float], override: Mapping[str, Any] | None
) -> tuple[float, float]:
    if override is None:
        return computed
    alpha, delta = (override.get(name) for name in ("alpha", "delta"))
    return (computed[0] if alpha is None else alpha, computed[1] if delta is None else delta)


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= TOLERANCE * max(1.0, abs(other))
