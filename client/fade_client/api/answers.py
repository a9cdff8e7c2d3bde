"""What the API answers. A field that a server of another version lacks has its default here, and
one that this version does not know is left out; the API's documentation says what each means."""

from typing import Any

import msgspec


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """The pair in force for one rollout batch, and the averages behind it."""

    version: int
    step: int
    alpha: float
    delta: float
    p_hat: float
    h_hat: float
    h_star: float
    reason: str
    source: str


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """What is pinned, by whom, why and until when."""

    alpha: float | None = None
    delta: float | None = None
    reason: str = ""
    by: str = ""
    at: float | None = None
    expires_at: float | None = None
    revert_on: str | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A pin, a release, or the trainer's confirmation of one."""

    at: float
    event: str
    step: int
    alpha: float
    delta: float
    source: str = ""
    reason: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run with its last values."""

    id: str
    project: str
    name: str
    mode: str
    status: str
    group: str | None = None
    tags: list[str] = []
    config: dict[str, Any] = {}
    scheduler: dict[str, float | None] = {}
    created_at: float = 0.0
    updated_at: float = 0.0
    attempt: int = 1
    last_step: int | None = None
    step_count: int = 0
    last: dict[str, float] = {}
    metrics: list[str] = []
    schedule: Schedule
    override: Override | None = None
    override_version: int = 0
    override_step: int | None = None
    health: str = "unknown"
    headline: str = ""
    alert_version: int = 0
    open_alerts: dict[str, int] = {}


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was opened, and the attempt that steps are sent under."""

    run: Run
    attempt: int
    schedule: Schedule
    override: Override | None = None
    override_version: int = 0


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch."""

    accepted: int
    duplicates: int
    last_step: int
    schedule: Schedule
    override: Override | None = None
    override_version: int = 0


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule that counters a finding, and the masses it would make."""

    alpha: float
    delta: float
    mass_success: float
    mass_failure: float


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One pathology of a run, from its beginning to its end."""

    id: int
    run: str
    project: str
    detector: str
    severity: str
    state: str
    onset_step: int
    first_step: int
    last_step: int
    resolved_step: int | None = None
    headline: str = ""
    cause: str = ""
    effect: str = ""
    variant: str = ""
    evidence: dict[str, Any] = {}
    advice: list[str] = []
    proposal: Proposal | None = None
    created_at: float = 0.0
    updated_at: float = 0.0
    fired_at: float | None = None
    acknowledged_at: float | None = None
    acknowledged_by: str | None = None
    note: str | None = None
    silenced: bool = False
    version: int = 0


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """The schedule in force, with what is pinned and the run's alerts."""

    schedule: Schedule
    override: Override | None = None
    override_version: int = 0
    override_step: int | None = None
    alert_version: int = 0
    alerts: list[Alert] = []


class PreviewBatch(msgspec.Struct, frozen=True, kw_only=True):
    """The masses of one recorded batch: as they were, and as they would have been."""

    step: int
    mass_success: float
    mass_failure: float
    new_mass_success: float
    new_mass_failure: float
    sign_ratio: float
    new_sign_ratio: float


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a pair would have made of the newest batches."""

    batches: list[PreviewBatch] = []


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """The reading of a run."""

    run: str
    health: str = "unknown"
    headline: str = ""
    paragraph: str = ""
    steps: int = 0
    attempt: int | None = None
    step: int | None = None
    coverage: list[dict[str, Any]] = []
    findings: list[dict[str, Any]] = []
    forecast: dict[str, Any] | None = None
    law: dict[str, Any] | None = None
    alerts: list[Alert] = []


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """What not to be told of; None matches every project, run or detector."""

    id: int
    project: str | None = None
    run: str | None = None
    detector: str | None = None
    until: float
    reason: str = ""
    by: str = ""
    created_at: float = 0.0


class Sink(msgspec.Struct, frozen=True, kw_only=True):
    """Where alerts are sent; the address is masked."""

    id: int
    name: str
    kind: str
    url: str = ""
    project: str | None = None
    severity: str = "warning"
    enabled: bool = True
    created_at: float = 0.0
    last_delivery: dict[str, Any] | None = None
    secret: str | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message to a sink, and what became of it."""

    id: int
    sink: str = ""
    status: str = ""
    event: str = ""
    run: str | None = None
    tries: int = 0
    due_at: float = 0.0
    created_at: float = 0.0
    sent_at: float | None = None
    error: str | None = None


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key of the API; ``key`` is there only when it was just made."""

    id: str
    name: str
    scopes: list[str] = []
    project: str | None = None
    created_at: float = 0.0
    created_by: str = ""
    expires_at: float | None = None
    revoked_at: float | None = None
    used_at: float | None = None
    key: str | None = None


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who the caller is."""

    name: str
    scopes: list[str] = []
    project: str | None = None
    login: bool = False


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody changed in the service."""

    id: int
    at: float
    by: str
    action: str
    target: str
    detail: dict[str, Any] = {}


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project that has runs."""

    project: str
    runs: int
    open_alerts: dict[str, int] = {}


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """After how many days without news a project's data is deleted; None for never."""

    project: str = ""
    weights_days: float | None = None
    runs_days: float | None = None


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a log that was imported."""

    run: Run
    created: bool
    accepted: int
    duplicates: int
    format: str
    recognised: dict[str, str] = {}
    unknown_keys: dict[str, int] = {}
    skipped: dict[str, int] = {}
    warnings: list[str] = []


class Masses(msgspec.Struct, frozen=True, kw_only=True):
    """Gradient masses, one a step; None where a method is not defined."""

    mass_success: list[float | None]
    mass_failure: list[float | None]


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """The masses of several methods on the same recorded rewards."""

    run: str
    steps: list[int]
    complete: bool = True
    sampled: bool = False
    recorded: Masses
    methods: dict[str, Masses]


class RunAudit(msgspec.Struct, frozen=True, kw_only=True):
    """What a run's KL penalty and advantage function really are."""

    run: str
    kl: dict[str, Any] | None = None
    advantage: dict[str, Any] | None = None
