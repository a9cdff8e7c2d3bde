"""Arms of the comparison: which advantage function a run trains with."""

import re
from dataclasses import dataclass, field

from torch import Tensor

import fade_client
from fade_core.errors import SettingError
from fade_core.torch.advantages import METHODS, advantages

SHORT_NAMES = {"asym": "asym_grpo"}
NUMBERED = {"power": "alpha", "asym_grpo": "delta"}
"""Methods that take a number behind their name, as in ``power2``, and what the number is."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One advantage function, by the name that the command line takes.

    Attributes:
        name: Such as ``grpo``, ``fade``, ``power2`` or ``asym0.5``.
        method: Id of the advantage function.
        params: Its fixed parameters; empty for ``fade``, whose two come from the run's schedule.
    """

    name: str
    method: str
    params: dict[str, float] = field(default_factory=dict)

    @property
    def is_steered(self) -> bool:
        """Whether the run's schedule decides the parameters at every step."""
        return self.method == "fade"

    def check_steered(self, has_schedule: bool) -> None:
        """Refuse to go on without a schedule where the arm needs one.

        Raises:
            SettingError: The arm is ``fade`` and there is no schedule.
        """
        if self.is_steered and not has_schedule:
            raise SettingError(
                f"the arm {self.name!r} takes alpha and delta from a run's schedule, so it needs "
                "the hook; leave out --no-hook, or choose another arm"
            )

    def weigh(self, rewards_PG: Tensor, schedule: fade_client.RunSchedule | None) -> Tensor:
        """Return the advantages ``[P, G]`` of ``P`` groups of ``G`` rewards."""
        self.check_steered(schedule is not None)
        if self.is_steered and schedule is not None:
            weights_PG: Tensor = schedule.advantages(rewards_PG)
            return weights_PG
        return advantages(rewards_PG, self.method, **self.params)


def parse_arm(name: str) -> Arm:
    """Return the arm of this name.

    Raises:
        SettingError: There is no such arm, or its number is not one it can use.
    """
    match = re.fullmatch(r"([a-z_]+?)(\d+(?:\.\d+)?)?", name)
    word, number = match.groups() if match else ("", None)
    method = SHORT_NAMES.get(word, word)
    if method not in METHODS or (number and method not in NUMBERED):
        raise SettingError(f"unknown arm {name!r}; there are {', '.join(arm_names())}")
    params = {NUMBERED[method]: float(number)} if number else {}
    arm = Arm(name, method, params)
    if not arm.is_steered:
        advantages(Tensor([[0.0, 1.0]]), method, **params)  # refuses a number out of range
    return arm


def arm_names() -> list[str]:
    """Return the names of all arms; ``<alpha>`` and the like stand for an optional number."""
    short = {method: name for name, method in SHORT_NAMES.items()}
    numbered = [f"{short.get(method, method)}<{NUMBERED[method]}>" for method in NUMBERED]
    return sorted(METHODS) + numbered
