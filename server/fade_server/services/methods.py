"""Advantage functions on the rewards that a run recorded: its own, and what others would do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from fade_core.errors import FadeError
from fade_core.gradient_mass import (
    GradientMass,
    Match,
    RecordedStep,
    batch_mass,
    mass_curve,
    recorded_profile,
)
from fade_core.kl_audit.live import CONFIG_KEY
from fade_core.whatif import RewardStep, parse_methods, what_if_masses
from fade_server.errors import NotFoundError, refuse
from fade_server.queries import runs as run_queries
from fade_server.queries import schedules as schedule_queries
from fade_server.queries import steps as step_queries
from fade_server.queries.runs import RunRow
from fade_server.services.codec import to_wire
from fade_server.services.context import Context
from fade_server.services.weights import group_array

Document = dict[str, Any]

MAX_METHODS = 8
"""Most methods of one question."""

MAX_VALUES = 2**20
"""Most raw weights that one question reads."""

AUDIT_STEPS = 8
"""Steps by which a run's own method is told."""


CURVE_POINTS = 101
"""Solve rates of a curve, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class _Weighed:
    step: int
    sampled: bool
    recorded: RecordedStep


def what_if(
    context: Context, run_id: str, *, advantage: str, first: int, last: int, limit: int
) -> Document:
    """Return the masses that other methods would have given on a run's recorded rewards.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        advantage: Methods with commas between, as ``fade_core.whatif.parse_methods`` reads them.
        first: First step.
        last: Last step.
        limit: Most steps; of more, some are taken evenly, and fewer where batches are large.

    Raises:
        NotFoundError: There is no such run.
        InvalidInputError: A method does not exist, or its parameters are wrong.
    """
    try:
        methods = parse_methods([advantage])
    except FadeError as error:
        raise refuse("advantage", str(error), advantage) from error
    if len(methods) > MAX_METHODS:
        raise refuse("advantage", f"must name at most {MAX_METHODS} methods", len(methods))
    run, found, every = _read(context, run_id, first, last, limit)
    steps = [
        RewardStep(
            one.step, one.recorded.rewards, alpha=one.recorded.alpha, delta=one.recorded.delta
        )
        for one in found
    ]
    with np.errstate(all="ignore"):  # what is not finite is a finding, and said
        own = [batch_mass(one.recorded.rewards, one.recorded.advantages) for one in found]
        others = what_if_masses(steps, methods)
    return {
        "run": run.id,
        "steps": [one.step for one in found],
        "complete": every,
        "sampled": any(one.sampled for one in found),
        "recorded": _masses(own),
        "methods": {label: _masses(masses) for label, masses in others.items()},
    }


def audit_run(context: Context, run_id: str) -> Document:
    """Return what a run's KL penalty and its advantage function really are.

    The verdict on the KL is the one that the hook stored with the run; the advantage function is
    told by the newest raw weights.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.

    Raises:
        NotFoundError: There is no such run.
    """
    run = _find(context, run_id)
    verdict = run.config.get(CONFIG_KEY)
    last = -1 if run.last_step is None else run.last_step
    # The newest quarter: a run may have changed its mind.
    _, found, _ = _read(context, run_id, last - last // 4, last, AUDIT_STEPS)
    if not found:
        _, found, _ = _read(context, run_id, 0, last, AUDIT_STEPS)
    return {
        "run": run.id,
        "kl": verdict if isinstance(verdict, dict) else None,
        "advantage": _advantage(found),
    }


def _advantage(found: list[_Weighed]) -> Document | None:
    profile = recorded_profile([one.recorded for one in found])
    if profile is None:
        return None
    nearest = profile.nearest
    same = nearest is not None and profile.relation != "none of these"
    return {
        "method": nearest.method if nearest is not None and same else None,
        "params": nearest.params if nearest is not None and same else {},
        "relation": profile.relation,
        "verdict": profile.verdict,
        "nearest": None if nearest is None else _match(nearest),
        "group_size": profile.group_size,
        "steps": [one.step for one in found],
        "sampled": any(one.sampled for one in found),
        "mass_success": to_wire(profile.mass.success),
        "mass_failure": to_wire(profile.mass.failure),
        "sign_ratio": to_wire(profile.mass.sign_ratio),
        "curve": None if nearest is None else _curve(nearest, profile.group_size),
    }


def _match(match: Match) -> Document:
    return {
        "method": match.method,
        "params": match.params,
        "factor": match.factor,
        "distance": match.distance,
    }


def _curve(match: Match, group_size: int) -> Document | None:
    try:
        curve = mass_curve(match.method, group_size, CURVE_POINTS, **match.params)
    except FadeError:
        return None
    return {
        "solve_rate": curve.solve_rate,
        "mass_success": [to_wire(match.factor * one) for one in curve.success],
        "mass_failure": [to_wire(match.factor * one) for one in curve.failure],
    }


def _masses(masses: list[GradientMass] | list[GradientMass | None]) -> Document:
    return {
        "mass_success": [None if one is None else to_wire(one.success) for one in masses],
        "mass_failure": [None if one is None else to_wire(one.failure) for one in masses],
    }


def _find(context: Context, run_id: str) -> RunRow:
    with context.store.read() as session:
        run = run_queries.find_run(session, run_id)
    if run is None:
        raise NotFoundError(f'there is no run "{run_id}"')
    return run


def _read(
    context: Context, run_id: str, first: int, last: int, limit: int
) -> tuple[RunRow, list[_Weighed], bool]:
    """Return the run, steps with raw weights spread over [first, last], and whether it is all."""
    run = _find(context, run_id)
    found: list[_Weighed] = []
    room = MAX_VALUES
    with context.store.read() as session:
        parts = run_queries.shown_parts(session, run.pk, max(first, 0), last)
        places = list(_places(session, run.pk, parts, limit + 1))
        every = len(places) <= limit
        for attempt, step in places if every else _spread(session, run.pk, parts, limit):
            one = _weighed(session, run.pk, attempt, step)
            room -= one.recorded.rewards.size
            if found and room < 0:
                return run, found, False
            found.append(one)
    return run, found, every


def _places(
    session: Session, pk: int, parts: list[tuple[int, int, int]], limit: int
) -> Iterator[tuple[int, int]]:
    """Yield the first steps that have raw weights, with their attempts."""
    for attempt, low, high in parts:
        while (
            limit
            and (step := step_queries.next_weights_step(session, pk, attempt, low, high))
            is not None
        ):
            yield attempt, step
            low, limit = step + 1, limit - 1


def _spread(
    session: Session, pk: int, parts: list[tuple[int, int, int]], limit: int
) -> Iterator[tuple[int, int]]:
    """Yield steps that have raw weights: to each of evenly spaced steps the next one."""
    width = (parts[-1][2] - parts[0][1]) / max(limit - 1, 1)
    wanted = [parts[0][1] + round(index * width) for index in range(limit)]
    after = -1
    for target in wanted:
        for attempt, low, high in parts:
            begin = max(target, low, after + 1)
            step = step_queries.next_weights_step(session, pk, attempt, begin, high)
            if step is not None:
                yield attempt, step
                after = step
                break


def _weighed(session: Session, pk: int, attempt: int, step: int) -> _Weighed:
    (row,) = step_queries.read_weights(session, pk, attempt, step, step)
    alpha, delta = step_queries.read_pair(session, pk, attempt, step)
    if alpha is None or delta is None:
        schedule = schedule_queries.schedule_for_step(session, pk, attempt, step)
        if schedule is not None:
            alpha, delta = schedule.alpha, schedule.delta
    rewards, advantages = (
        group_array(row, name).astype(np.float64) for name in ("rewards", "advantages")
    )
    return _Weighed(step, row["sampled"], RecordedStep(rewards, advantages, alpha, delta))
