"""One call of ``log_step`` as a frame: everything usable is kept, the rest named and dropped.

Shapes: ``P`` prompts, ``G`` rollouts of each prompt.
"""

import math
from collections.abc import Callable, Mapping
from operator import countOf
from typing import Any

from numpy.typing import NDArray

from fade_client import values
from fade_client.frames import Array, StepFrame
from fade_client.values import Drop
from fade_core.records import problem_with


def step_frame(
    step: int,
    time: float,
    *,
    rewards: Any,
    advantages: Any,
    pass_at_k: Any,
    scalars: Mapping[str, Any],
    drop: Drop,
) -> StepFrame:
    """Return the frame of one step; good for being packed before the trainer changes anything.

    Args:
        step: Its index.
        time: Seconds since the epoch.
        rewards: ``[P, G]``, or None.
        advantages: ``[P, G]``, or None.
        pass_at_k: A mapping, or None.
        scalars: Values by name; left as they are.
        drop: Told the name and the reason of each value that is left out.
    """
    vectors: dict[str, list[float]] = {}
    floats = scalars if type(scalars) is dict else dict(scalars)
    # The usual case in one pass of C: all of them are floats already.
    if countOf(map(type, floats.values()), float) != len(floats):
        floats, vectors = values.clean_scalars(dict(floats), drop)
    if countOf(map(type, floats), str) != len(floats):
        floats = {str(name): number for name, number in floats.items()}
    # These two steer the schedule, so what is observed here must be what the server will see.
    read = floats.get
    if not (0.0 <= read("accuracy", 0.0) <= 1.0 and 0.0 <= read("entropy", 0.0) < math.inf):
        floats = _without_impossible(floats, drop)
    rewards_PG, weights_PG = _arrays(rewards, advantages, drop)
    if rewards_PG is not None and "accuracy" not in floats:
        accuracy = rewards_PG.solve_rate()
        if accuracy is None:
            accuracy = values.mean_solve_rate(rewards_PG.values())
        if not math.isnan(accuracy):
            floats = floats | {"accuracy": accuracy}
    return StepFrame(
        step,
        time,
        floats,
        vectors,
        {} if pass_at_k is None else values.clean_pass_at_k(pass_at_k, drop),
        rewards_PG,
        weights_PG,
    )


def observed(frame: StepFrame) -> tuple[float, float]:
    """Return the accuracy and the entropy that the scheduler is shown; ``nan`` for none."""
    read = frame.values.get
    return read("accuracy", math.nan), read("entropy", math.nan)


def _without_impossible(floats: dict[str, float], drop: Drop) -> dict[str, float]:
    possible = dict(floats)
    for name in ("accuracy", "entropy"):
        if name in floats and (problem := problem_with(name, floats[name])):
            drop(name, problem)
            del possible[name]
    return possible


def _arrays(rewards_PG: Any, advantages_PG: Any, drop: Drop) -> tuple[Array | None, Array | None]:
    rewards = _array("rewards", rewards_PG, Array.of_rewards, drop)
    weights = _array("advantages", advantages_PG, Array.of, drop)
    if weights is not None and (rewards is None or rewards.shape != weights.shape):
        wanted = "missing" if rewards is None else f"{list(rewards.shape)}"
        drop("advantages", f"advantages {list(weights.shape)} need their rewards, got {wanted}")
        weights = None
    return rewards, weights


def _array(
    name: str, values_PG: Any, hold: Callable[[NDArray[Any]], Array], drop: Drop
) -> Array | None:
    if values_PG is None or type(values_PG) is Array:
        return values_PG
    try:
        return hold(values.grouped(values_PG))
    except Exception as error:  # noqa: BLE001 - a foreign array may raise anything
        drop(name, f"{name} must be [P, G] numbers: {values.describe(error)}")
        return None
