"""Arms of the comparison: which advantage function and which loss a run trains with."""

import re
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

import fade_client
from fade_core.errors import SettingError
from fade_core.losses import check_temperature
from fade_core.torch.advantages import METHODS, advantages
from fade_core.torch.aggregation import whiten

Loss = Literal["clip", "ppo", "apa", "awr"]

SHORT_NAMES = {"asym": "asym_grpo"}
NUMBERED = {"power": "alpha", "asym_grpo": "delta"}
"""Methods that take a number behind their name, as in ``power2``, and what the number is."""
LOSSES: tuple[Loss, ...] = ("ppo", "apa", "awr")
"""Arms that are a loss of their own."""
LAMBDAS: dict[Loss, float] = {"apa": 0.1, "awr": 1.0}
"""Losses with a lambda, as in ``apa0.5``, and what it is without a number: as published."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One advantage function and one loss, by the name that the command line takes.

    Attributes:
        name: Such as ``grpo``, ``fade``, ``power2``, ``asym0.5``, ``ppo`` or ``apa0.5``.
        method: Id of the advantage function.
        params: Its fixed parameters; empty for ``fade``, whose two come from the run's schedule.
        loss: ``clip`` for the arms that differ in the advantages alone. ``ppo``, ``apa`` and
            ``awr`` differ in the loss alone: without a critic, the mean reward of a group stands
            in for the value of its prompt, and the advantages are whitened over the batch.
        temperature: lambda of ``apa`` and ``awr``, in units of the whitened advantage a nat.
    """

    name: str
    method: str
    params: dict[str, float] = field(default_factory=dict)
    loss: Loss = "clip"
    temperature: float = 1.0

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
        weights_PG = advantages(rewards_PG, self.method, **self.params)
        if self.loss == "clip":
            return weights_PG
        return whiten(weights_PG, torch.ones_like(weights_PG))


def parse_arm(name: str) -> Arm:
    """Return the arm of this name.

    Raises:
        SettingError: There is no such arm, or its number is not one it can use.
    """
    match = re.fullmatch(r"([a-z_]+?)(\d+(?:\.\d+)?)?", name)
    word, number = match.groups() if match else ("", None)
    for loss in LOSSES:
        if word == loss and (loss in LAMBDAS or not number):
            return _loss_arm(name, loss, number)
    method = SHORT_NAMES.get(word, word)
    if method not in METHODS or (number and method not in NUMBERED):
        raise SettingError(f"unknown arm {name!r}; there are {', '.join(arm_names())}")
    params = {NUMBERED[method]: float(number)} if number else {}
    arm = Arm(name, method, params)
    if not arm.is_steered:
        advantages(Tensor([[0.0, 1.0]]), method, **params)  # refuses a number out of range
    return arm


def _loss_arm(name: str, loss: Loss, number: str | None) -> Arm:
    temperature = float(number) if number else LAMBDAS.get(loss, 1.0)
    check_temperature(temperature)
    return Arm(name, "grpo", loss=loss, temperature=temperature)


def arm_names() -> list[str]:
    """Return the names of all arms; ``<alpha>`` and the like stand for an optional number."""
    short = {method: name for name, method in SHORT_NAMES.items()}
    numbered = [f"{short.get(method, method)}<{NUMBERED[method]}>" for method in NUMBERED]
    return sorted(METHODS) + numbered + [*(f"{loss}<lambda>" for loss in LAMBDAS), "ppo"]
