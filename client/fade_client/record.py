"""One call of ``log_step`` as a frame: everything usable is kept, the rest named and dropped.

Shapes: ``P`` prompts, ``G`` rollouts of each prompt.
"""

import math
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from fade_client import values
from fade_client.frames import Array, StepFrame
from fade_client.values import Drop
from fade_core.records import problem_with


def step_frame(
    step: int,
    time: float,
    rewards_PG: Any,
    advantages_PG: Any,
    pass_at_k: Any,
    scalars: dict[str, Any],
    drop: Drop,
) -> StepFrame:
    """Return the frame of one step; the arrays are copied, for the trainer may change them.

    Args:
        step: Its index.
        time: Seconds since the epoch.
        rewards_PG: ``[P, G]``, or None.
        advantages_PG: ``[P, G]``, or None.
        pass_at_k: A mapping, or None.
        scalars: Values by name; emptied of what is not a scalar.
        drop: Told the name and the reason of each value that is left out.
    """
    floats, vectors = values.clean_scalars(scalars, drop)
    # These two steer the schedule, so what is observed here must be what the server will see.
    for name in ("accuracy", "entropy"):
        if name in floats and (problem := problem_with(name, floats[name])):
            drop(name, problem)
            del floats[name]
    rewards = weights = None
    if rewards_PG is not None or advantages_PG is not None:
        rewards, weights = _arrays(rewards_PG, advantages_PG, drop)
    if rewards is not None and "accuracy" not in floats:
        accuracy = values.mean_solve_rate(rewards)
        if not math.isnan(accuracy):
            floats["accuracy"] = accuracy
    return StepFrame(
        step,
        time,
        floats,
        vectors,
        {} if pass_at_k is None else values.clean_pass_at_k(pass_at_k, drop),
        None if rewards is None else Array.of(rewards),
        None if weights is None else Array.of(weights),
    )


def encodable(frame: StepFrame) -> StepFrame:
    """Return the frame with every name of a value fit for UTF-8; a lone surrogate is not."""
    values_by_name = {
        name.encode("utf-8", "replace").decode(): number for name, number in frame.values.items()
    }
    return structs.replace(frame, values=values_by_name)


def _arrays(
    rewards_PG: Any, advantages_PG: Any, drop: Drop
) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    rewards = _array("rewards", rewards_PG, drop)
    weights = _array("advantages", advantages_PG, drop)
    if weights is not None and (rewards is None or rewards.shape != weights.shape):
        wanted = "missing" if rewards is None else f"{list(rewards.shape)}"
        drop("advantages", f"advantages {list(weights.shape)} need their rewards, got {wanted}")
        weights = None
    return rewards, weights


def _array(
    name: str, values_PG: Any, drop: Drop
) -> NDArray[np.float64] | NDArray[np.float32] | None:
    if values_PG is None:
        return None
    try:
        return values.grouped(values_PG)
    except Exception as error:  # noqa: BLE001 - a foreign array may raise anything
        drop(name, f"{name} must be [P, G] numbers: {values.describe(error)}")
        return None
