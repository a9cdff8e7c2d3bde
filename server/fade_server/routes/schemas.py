"""What travels, for the documentation and for the small bodies that pydantic checks."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from fade_core.records import SCALARS, VECTORS

Identifier = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$",
        description="Up to 64 letters, digits, `_` and `-`, starting with a letter or digit.",
    ),
]
APPLIED = "First step that the trainer used it for, or its release; null while it has not."
Number = float | Literal["NaN", "Infinity", "-Infinity"]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Wire(BaseModel):
    """Base: an unknown field is refused, not ignored, and types are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class SchedulerIn(Wire):
    """Tuning of the scheduler; what is not given has its default."""

    alpha_max: Finite | None = Field(default=None, description="Largest difficulty focus, >= 1.")
    delta_min: Finite | None = Field(default=None, description="Smallest sign balance, in (0, 1].")
    ema_weight_new: Finite | None = Field(default=None, description="Weight of the newest batch.")
    p_hat_initial: Finite | None = Field(
        default=None, description="Solve rate before the first batch."
    )
    h_initial: Finite | None = Field(
        default=None, description="Entropy of the initial policy, nats."
    )
    h_star: Finite | None = Field(default=None, description="Entropy target, nats a token.")
    entropy_scale: Finite | None = Field(default=None, description="Nats that lower delta by 1.")


class RunIn(Wire):
    """A trainer that starts, or starts again."""

    run_id: Identifier
    attempt_key: Identifier
    name: str | None = Field(default=None, description="For people; the run's id when left out.")
    mode: Literal["observe", "recommend", "control"] = "observe"
    config: dict[str, Any] = Field(default_factory=dict, description="The trainer's settings.")
    tags: list[str] = Field(default_factory=list)
    group: str | None = None
    scheduler: SchedulerIn = Field(default_factory=SchedulerIn)


class FinishIn(Wire):
    """How an attempt ended."""

    attempt: int = Field(ge=1, lt=2**31)
    status: Literal["finished", "failed"] = "finished"


class OverrideIn(Wire):
    """What to pin; at least one of alpha and delta."""

    alpha: Finite | None = Field(
        default=None, description="In [1, alpha_max], at most 1 from what the trainer uses."
    )
    delta: Finite | None = Field(
        default=None, description="In [delta_min, 1], at most 0.5 from what the trainer uses."
    )
    reason: str = Field(min_length=1, max_length=500, pattern=r"\S")
    duration_s: float | None = Field(
        default=None, gt=0, le=366 * 86400, description="Ends by itself after this time."
    )
    expires_at: Finite | None = Field(
        default=None, description="The same as a time, seconds since the epoch; not both."
    )
    revert_on: Literal["warning", "critical"] | None = Field(
        default=None, description="Ends by itself when the run's health worsens to this."
    )


class WeightsIn(BaseModel):
    """Raw weights of one step."""

    step: int
    prompts: int
    group_size: int
    rewards: str = Field(description="Base64 of little-endian float32, prompts x group_size.")
    advantages: str = Field(description="Base64 of little-endian float32, prompts x group_size.")
    sampled: bool = Field(default=False, description="These are not all groups of the batch.")


class AppliedIn(BaseModel):
    """The newest override, or release, that the trainer used."""

    version: int = Field(description="`override_version` of the answer that brought it.")
    step: int = Field(description="First step that was trained with it.")


class StepsIn(BaseModel):
    """A columnar batch; every list is as long as `steps`, null means not measured."""

    attempt: int = Field(ge=1)
    steps: list[int] = Field(description="Strictly increasing, >= 0.")
    times: list[float | None] | None = Field(
        default=None, description="Seconds since the epoch, UTC."
    )
    columns: dict[str, list[Number | None]] | None = Field(
        None, description="Scalars by field: " + ", ".join(SCALARS) + "."
    )
    vectors: dict[str, list[list[Number] | None]] | None = Field(
        None, description="Vectors by field: " + ", ".join(VECTORS) + "."
    )
    pass_at_k: dict[str, list[Number | None]] | None = Field(default=None, description="By k.")
    extra: dict[str, list[Number | None]] | None = Field(
        default=None, description="By your own names."
    )
    weights: list[WeightsIn] | None = None
    override_applied: AppliedIn | None = None


class ScheduleOut(BaseModel):
    """The pair in force for one rollout batch, and the averages behind it."""

    version: int
    step: int
    alpha: Number
    delta: Number
    p_hat: Number
    h_hat: Number
    h_star: Number
    reason: str
    source: Literal["fade", "override", "fallback"]


class OverrideOut(BaseModel):
    """What is pinned, by whom and why."""

    alpha: float | None
    delta: float | None
    reason: str
    by: str
    at: float | None = Field(description="When; null where an older version stored it.")
    expires_at: float | None = Field(description="When it ends by itself.")
    revert_on: Literal["warning", "critical"] | None


class OpenAlertsOut(BaseModel):
    """How many alerts are firing or acknowledged."""

    critical: int
    warning: int


class RunOut(BaseModel):
    """A run with its last values."""

    id: str
    project: str
    name: str
    mode: Literal["observe", "recommend", "control"]
    status: Literal["running", "finished", "failed", "stale"]
    group: str | None
    tags: list[str]
    config: dict[str, Any]
    scheduler: dict[str, float | None]
    created_at: float
    updated_at: float
    attempt: int
    last_step: int | None
    step_count: int
    last: dict[str, Number]
    metrics: list[str]
    schedule: ScheduleOut
    override: OverrideOut | None
    override_version: int = Field(description="Changes with every pin and release.")
    override_step: int | None = Field(description=APPLIED)
    health: Literal["unknown", "healthy", "warning", "critical"]
    headline: str = Field(description="The diagnosis in one line; empty before the first step.")
    alert_version: int = Field(
        description="Changes with every change of the run's alerts or health."
    )
    open_alerts: OpenAlertsOut


class OpenedOut(BaseModel):
    """The run, and the number of the attempt that steps are sent under."""

    run: RunOut
    attempt: int
    schedule: ScheduleOut
    override: OverrideOut | None
    override_version: int = Field(description="Changes with every pin and release.")


class RunsOut(BaseModel):
    """One page of runs."""

    runs: list[RunOut]
    next_cursor: str | None


class AcceptedOut(BaseModel):
    """What became of a batch, and the schedule for the next one."""

    accepted: int
    duplicates: int
    last_step: int
    schedule: ScheduleOut
    override: OverrideOut | None
    override_version: int = Field(description="Changes with every pin and release.")


class TrailOut(BaseModel):
    """Schedules, oldest first."""

    schedules: list[ScheduleOut]
    next_cursor: str | None = Field(description="Of the page with older ones.")


class CurveOut(BaseModel):
    """One metric; both lists are equally long."""

    step: list[int]
    value: list[Number]


class SeriesOut(BaseModel):
    """Metrics over steps."""

    run: str
    attempt: int
    last_step: int | None
    series: dict[str, CurveOut]


class WeightsOut(BaseModel):
    """Raw weights of one step, a list a group."""

    step: int
    prompts: int
    group_size: int
    sampled: bool
    rewards: list[list[Number]]
    advantages: list[list[Number]]


class HealthOut(BaseModel):
    """The service answers."""

    status: Literal["ok"]


class FieldProblemOut(BaseModel):
    """One wrong field."""

    field: str
    message: str
    got: Any


class ProblemOut(BaseModel):
    """Problem details, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str | None = None
    errors: list[FieldProblemOut] | None = None
