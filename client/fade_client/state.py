"""A run's state in the trainer's checkpoint."""

from dataclasses import asdict
from typing import Any

import msgspec

from fade_client.errors import StateError
from fade_client.values import step_number
from fade_client.wire import jsonable
from fade_core.scheduler import Schedule

_FLOATS = ("alpha", "delta", "p_hat", "h_hat", "h_star")


def to_dict(run_id: str, last_step: int | None, schedule: Schedule) -> dict[str, Any]:
    """Return plain JSON values; a float that is not finite as its string."""
    return {"run_id": run_id, "step": last_step, "schedule": jsonable(asdict(schedule))}


def from_dict(state: dict[str, Any], run_id: str) -> tuple[int | None, Schedule]:
    """Return the last step and the schedule of a state.

    Args:
        state: What ``to_dict`` returned.
        run_id: The run that is to continue.

    Raises:
        StateError: It is not such a state, or it is another run's.
    """
    try:
        owner, last, fields = state["run_id"], state["step"], dict(state["schedule"])
        numbers = {name: float(fields[name]) for name in _FLOATS}
        schedule = msgspec.convert(fields | numbers, Schedule)
    except (KeyError, TypeError, ValueError) as error:
        raise StateError(f"this is not what Run.state_dict returned: {error!r}") from error
    if owner != run_id:
        raise StateError(
            f"the state is of run {owner!r}, this is {run_id!r}; open it with "
            f"init(..., run_id={owner!r})"
        )
    if last is not None and step_number(last) is None:
        raise StateError(f"the state's step must be an integer >= 0, got {last!r}")
    return last, schedule


def require_fresh(logged: int) -> None:
    """Refuse a state once steps were logged.

    Raises:
        StateError: There are some.
    """
    if logged:
        raise StateError(
            f"{logged} steps were already logged in this attempt; a state is loaded before the "
            "first one: finish this run and init again with the same run_id"
        )
