"""What travels about alerts and silences."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from fade_server.routes.schemas import APPLIED, Finite, Number, OverrideOut, ScheduleOut, Wire

Severity = Literal["info", "warning", "critical"]
State = Literal["pending", "firing", "acknowledged", "resolved"]


class ProposalOut(BaseModel):
    """A schedule that counters a finding, and the masses it would make."""

    alpha: float
    delta: float
    mass_success: float
    mass_failure: float


class AlertOut(BaseModel):
    """One pathology of a run, from its beginning to its end."""

    id: int
    run: str
    project: str
    detector: str
    severity: Severity
    state: State
    onset_step: int = Field(description="Where it is estimated to have begun.")
    first_step: int = Field(description="Where it was first seen.")
    last_step: int = Field(description="Where it was last seen.")
    resolved_step: int | None
    headline: str
    cause: str
    effect: str
    variant: str = Field(description="Which form of it; empty where there is one.")
    evidence: dict[str, Number | str | list[int]] = Field(
        description="Numbers by name, in the units of the record, and the window of steps."
    )
    advice: list[str]
    proposal: ProposalOut | None
    created_at: float
    updated_at: float
    fired_at: float | None
    acknowledged_at: float | None
    acknowledged_by: str | None
    note: str | None
    silenced: bool
    version: int = Field(description="The run's alert_version at the newest change.")


class AlertsOut(BaseModel):
    """One page of alerts, the newest first."""

    alerts: list[AlertOut]
    next_cursor: str | None


class AckIn(Wire):
    """Who sees to it may say how."""

    note: str | None = Field(default=None, max_length=2000)


class SilenceIn(Wire):
    """What not to be told of, and until when: `duration_s` or `until`."""

    project: str | None = Field(default=None, max_length=256)
    run: str | None = Field(default=None, max_length=64)
    detector: str | None = Field(default=None, max_length=64)
    duration_s: float | None = Field(default=None, gt=0, le=366 * 86400)
    until: Finite | None = Field(default=None, description="Seconds since the epoch.")
    reason: str = Field(min_length=1, max_length=500, pattern=r"\S")


class SilenceOut(BaseModel):
    """A silence; null matches every project, run or detector."""

    id: int
    project: str | None
    run: str | None
    detector: str | None
    until: float
    reason: str
    by: str
    created_at: float


class SilencesOut(BaseModel):
    """The silences that are in force, the one that ends first at the top."""

    silences: list[SilenceOut]


class CoverageOut(BaseModel):
    """Whether a detector could look, and what it lacks."""

    detector: str
    status: Literal["checked", "not_checked", "error"]
    reason: str


class AdviceOut(BaseModel):
    """The reading of a finding."""

    variant: str
    cause: str
    effect: str
    do: list[str]
    schedule: ProposalOut | None


class FindingOut(BaseModel):
    """What a detector saw, from its first alert to its end."""

    detector: str
    severity: Severity
    onset_step: int
    first_alert_step: int
    resolved_step: int | None
    evidence: dict[str, Any]
    advice: AdviceOut


class ForecastOut(BaseModel):
    """When the entropy reaches its floor if it goes on as it does."""

    floor: float
    step: float
    earliest: float
    latest: float | None
    fit: float


class LawOut(BaseModel):
    """The fitted law R = b - a e^H."""

    a: float
    b: float
    ceiling: float
    fit: float


class DiagnosisOut(BaseModel):
    """The reading of a run."""

    run: str
    steps: int = Field(description="Records that the detectors have read.")
    attempt: int | None = Field(description="Attempt of the newest of them.")
    step: int | None = Field(description="Step of the newest of them.")
    health: Literal["unknown", "healthy", "warning", "critical"]
    headline: str
    paragraph: str
    coverage: list[CoverageOut]
    findings: list[FindingOut]
    forecast: ForecastOut | None
    law: LawOut | None
    alerts: list[AlertOut]


class LiveOut(BaseModel):
    """The schedule in force."""

    schedule: ScheduleOut
    override: OverrideOut | None
    override_version: int = Field(description="Changes with every pin and release.")
    override_step: int | None = Field(description=APPLIED)
    alert_version: int = Field(description="Changes with every change of the run's alerts.")
    alerts: list[AlertOut] = Field(
        description="Those not resolved, and with `alerts_after` those that changed since."
    )


class ChangeOut(BaseModel):
    """A pin, a release, or the trainer's confirmation of one."""

    at: float = Field(description="Seconds since the epoch.")
    event: Literal["pinned", "released", "applied"]
    step: int = Field(description="Of a confirmation, the first step that was trained with it.")
    alpha: float
    delta: float
    source: Literal["fade", "override", "fallback"]
    reason: str = Field(description="Who, and why.")


class ChangesOut(BaseModel):
    """One page of changes, the newest first."""

    changes: list[ChangeOut]
    next_cursor: str | None


class PreviewIn(Wire):
    """What to try; what is left out stays as it is in force."""

    alpha: Finite | None = Field(default=None, ge=1, le=100)
    delta: Finite | None = Field(default=None, gt=0, le=1)


class PreviewBatchOut(BaseModel):
    """The masses of one recorded batch: as they were, and as they would have been."""

    step: int
    mass_success: Number
    mass_failure: Number
    new_mass_success: Number
    new_mass_failure: Number
    sign_ratio: Number
    new_sign_ratio: Number


class PreviewOut(BaseModel):
    """What a pair would have made of the newest batches, oldest first."""

    alpha: float
    delta: float
    batches: list[PreviewBatchOut]
