"""What comes back from the server: a person's override, and its view of the schedule."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fade_core.scheduler import Override, Schedule, SchedulerConfig, check_override

if TYPE_CHECKING:
    from fade_client.endpoints import Reply, ServerSchedule

TOLERANCE = 1e-9
"""Relative difference of two averages that rounding alone may make on two machines."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """What a person pinned, as far as the client knows.

    Attributes:
        override: The pin, or None.
        version: The server's count of pins and releases.
    """

    override: Override | None = None
    version: int = 0


def newer(pinned: Pinned, reply: "Reply", config: SchedulerConfig) -> Pinned:
    """Return what is pinned after an answer; answers may overtake each other.

    Args:
        pinned: Before.
        reply: The answer.
        config: The run's tuning, which holds the guard rails.

    Raises:
        SettingError: The override is outside the guard rails.
    """
    # A server that had to be told of the run counts from the start again.
    if reply.override_version < pinned.version and not reply.created:
        return pinned
    if reply.override is not None:
        check_override(reply.override, config)
    return Pinned(reply.override, reply.override_version)


def drift(ours: Schedule, theirs: "ServerSchedule | None") -> str | None:
    """Say how the server's schedule for a step differs from the client's, or None.

    Both compute it from the same records, so a difference means that the two saw different
    ones, or different settings. Schedules of different steps cannot be compared.

    Args:
        ours: The client's, without what is pinned.
        theirs: The server's, or None where the answer had none.
    """
    if theirs is None or theirs.step != ours.step:
        return None
    for name in ("version", "p_hat", "h_hat", "h_star"):
        mine, other = float(getattr(ours, name)), float(getattr(theirs, name))
        both_nan = math.isnan(mine) and math.isnan(other)
        if not both_nan and not math.isclose(mine, other, rel_tol=TOLERANCE):
            return (
                f"the schedule for step {ours.step} differs: {name} is {mine:g} here and "
                f"{other:g} on the server; a record was lost, or the two have other settings"
            )
    return None
