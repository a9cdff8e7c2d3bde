"""What travels about advantage functions and KL penalties."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from fade_server.routes.schemas import Number


class MassesOut(BaseModel):
    """Positive and negative gradient mass, one a step; null where a method is not defined."""

    mass_success: list[Number | None]
    mass_failure: list[Number | None]


class WhatIfOut(BaseModel):
    """The masses of several methods on the same rewards."""

    run: str
    steps: list[int] = Field(description="The steps that were used.")
    complete: bool = Field(description="These are all steps with raw weights in the range.")
    sampled: bool = Field(description="Of some batches only a sample of the groups was sent.")
    recorded: MassesOut = Field(description="Of the weights that the run really used.")
    methods: dict[str, MassesOut]


class MatchOut(BaseModel):
    """A known method beside the recorded weights."""

    method: str
    params: dict[str, float]
    factor: float = Field(description="The recorded weights are about this times the method's.")
    distance: float = Field(description="What the factor leaves; 0 is the same, at most 1.")


class CurveOfMethodOut(BaseModel):
    """Masses over the solve rate, of the nearest method times its factor."""

    solve_rate: list[float]
    mass_success: list[Number]
    mass_failure: list[Number]


class AdvantageOut(BaseModel):
    """The method that recorded weights came from."""

    method: str | None = Field(description="Null where no known method gives these weights.")
    params: dict[str, float]
    relation: Literal["equals", "proportional", "none of these"]
    verdict: str
    nearest: MatchOut | None
    group_size: int
    steps: list[int] = Field(description="The steps that were used.")
    sampled: bool
    mass_success: Number
    mass_failure: Number
    sign_ratio: Number
    curve: CurveOfMethodOut | None


class AuditOfRunOut(BaseModel):
    """What a run's KL penalty and advantage function really are."""

    run: str
    kl: dict[str, Any] | None = Field(description="As `fadewatch audit kl --format json` says it.")
    advantage: AdvantageOut | None
