"""What another alpha and delta would have made of the newest batches of a run."""

from typing import Any

import numpy as np

from fade_core.advantages import fade
from fade_core.errors import FadeError, SettingError
from fade_core.gradient_mass import GradientMass, batch_mass
from fade_core.scheduler import Override, apply_override, check_override
from fade_server.errors import ConflictError, NotFoundError, refuse
from fade_server.queries import runs as run_queries
from fade_server.queries import steps as step_queries
from fade_server.services.codec import read_config, read_override, read_schedule, to_wire
from fade_server.services.context import Context

Document = dict[str, Any]
BATCHES = 8
"""Newest batches with raw weights that a preview is computed on."""


def preview(context: Context, run_id: str, *, alpha: float | None, delta: float | None) -> Document:
    """Return the gradient masses of the newest batches, as they were and under another pair.

    The rollouts are those of the policy that the run had: this is the first step of the change,
    not where it leads.

    Args:
        context: The service's parts.
        run_id: The client's name for the run.
        alpha: Difficulty focus to try; None keeps what is in force.
        delta: Sign balance to try; None keeps what is in force.

    Raises:
        NotFoundError: There is no such run, or it sent no raw weights.
        InvalidInputError: A value is outside the guard rails.
        ConflictError: FADE's weights are not defined on the run's rewards.
    """
    with context.store.read() as session:
        run = run_queries.find_run(session, run_id)
        if run is None:
            raise NotFoundError(f'there is no run "{run_id}"')
        rows = step_queries.newest_weights(session, run.pk, run.attempt, BATCHES)
    config = read_config(run.scheduler)
    for name, one in (("alpha", Override(alpha, None, "")), ("delta", Override(None, delta, ""))):
        try:
            if getattr(one, name) is not None:
                check_override(one, config)
        except SettingError as error:
            message = str(error).removeprefix(f"{name} ")
            raise refuse(name, message, getattr(one, name)) from error
    if not rows:
        raise NotFoundError(f'run "{run_id}" has no raw weights to try it on')
    now = apply_override(read_schedule(run.schedule), read_override(run.override))
    pair = (now.alpha if alpha is None else alpha, now.delta if delta is None else delta)
    try:
        batches = [_batch(row, *pair) for row in rows]
    except FadeError as error:
        raise ConflictError(f"it cannot be tried on this run's rewards: {error}") from error
    return {"alpha": pair[0], "delta": pair[1], "batches": batches}


def _batch(row: Document, alpha: float, delta: float) -> Document:
    shape = row["prompts"], row["group_size"]
    rewards_PG, weights_PG = (
        np.frombuffer(row[name], dtype="<f4").reshape(shape).astype(np.float64)
        for name in ("rewards", "advantages")
    )
    was = batch_mass(rewards_PG, weights_PG)
    would = batch_mass(rewards_PG, fade(rewards_PG, alpha, delta))
    return {"step": row["step"], **_masses(was, ""), **_masses(would, "new_")}


def _masses(mass: GradientMass, prefix: str) -> Document:
    return {
        f"{prefix}mass_success": to_wire(mass.success),
        f"{prefix}mass_failure": to_wire(mass.failure),
        f"{prefix}sign_ratio": to_wire(mass.sign_ratio),
    }
