"""What travels about sinks and deliveries."""

from typing import Literal

from pydantic import BaseModel, Field

from fade_server.routes.alert_schemas import Severity
from fade_server.routes.schemas import Wire

Kind = Literal["apprise", "webhook"]
Status = Literal["due", "sent", "failed"]
Event = Literal["firing", "escalated", "resolved", "test"]


class SinkIn(Wire):
    """Where to tell of alerts."""

    name: str = Field(min_length=1, max_length=128, pattern=r"^\S(.*\S)?$")
    kind: Kind
    url: str | None = Field(
        default=None,
        min_length=1,
        max_length=2000,
        description="With its credentials. When a sink is changed, null keeps the one it has.",
    )
    project: str | None = Field(default=None, max_length=256)
    severity: Severity = Field(default="warning", description="Mildest that it is told of.")
    enabled: bool = True


class LastDeliveryOut(BaseModel):
    """How the newest message to a sink went."""

    status: Status
    at: float
    error: str | None


class SinkOut(BaseModel):
    """A sink, without its credentials."""

    id: int
    name: str
    kind: Kind
    url: str = Field(description="Without what may be a credential.")
    project: str | None
    severity: Severity
    enabled: bool
    created_at: float
    last_delivery: LastDeliveryOut | None


class MadeSinkOut(SinkOut):
    """A new sink; the secret is shown only here."""

    secret: str | None = Field(description="Signs a webhook's bodies.")


class SinksOut(BaseModel):
    """Sinks by name."""

    sinks: list[SinkOut]


class DeliveryOut(BaseModel):
    """One message to one sink."""

    id: int
    sink: str
    run: str | None
    event: Event
    status: Status
    tries: int
    due_at: float = Field(description="When it is tried next, while it is due.")
    created_at: float
    sent_at: float | None
    error: str | None


class DeliveriesOut(BaseModel):
    """One page of deliveries, the newest first."""

    deliveries: list[DeliveryOut]
    next_cursor: str | None
