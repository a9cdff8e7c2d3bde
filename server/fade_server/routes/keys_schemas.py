"""What travels of keys, of who calls, and of the audit trail."""

from typing import Any

from pydantic import BaseModel, Field

from fade_server.access import AccessScope
from fade_server.routes.schemas import Finite, Wire


class KeyIn(Wire):
    """A new key."""

    name: str = Field(description="What people call it, such as who or what it is for.")
    scopes: list[AccessScope] = Field(
        min_length=1,
        max_length=4,
        description="`ingest` sends records, `read` looks, `control` steers runs and handles "
        "alerts, `admin` manages the service and has every other scope too.",
    )
    project: str | None = Field(default=None, description="The only project; null for all.")
    expires_at: Finite | None = Field(
        default=None, description="Seconds since the epoch; null for never."
    )


class KeyOut(BaseModel):
    """A key, without what it is kept as."""

    id: str
    name: str
    scopes: list[AccessScope]
    project: str | None
    created_at: float
    created_by: str
    expires_at: float | None
    revoked_at: float | None
    used_at: float | None = Field(description="Last use, to the minute; null for never.")


class NewKeyOut(KeyOut):
    """A new key; the only answer that holds the key itself."""

    key: str = Field(description="What a client presents; it is not shown again.")


class KeysOut(BaseModel):
    """Every key there ever was, the newest first."""

    keys: list[KeyOut]


class MeOut(BaseModel):
    """Who the caller is."""

    name: str
    scopes: list[AccessScope]
    project: str | None = Field(description="The only project they may see; null for all.")
    login: bool = Field(description="Whether they logged in to the dashboard, and can log out.")


class EntryOut(BaseModel):
    """Something that somebody changed in the service."""

    id: int
    at: float
    by: str
    action: str
    target: str
    detail: dict[str, Any]


class TrailPageOut(BaseModel):
    """A page of the audit trail, newest first."""

    entries: list[EntryOut]
    next_cursor: str | None
