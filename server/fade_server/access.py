"""Who calls, and what they may do."""

from dataclasses import dataclass
from typing import Literal

AccessScope = Literal["ingest", "read", "control", "admin"]

SCOPES: frozenset[AccessScope] = frozenset({"ingest", "read", "control", "admin"})
"""``ingest`` sends records, ``read`` looks, ``control`` steers runs and handles alerts, ``admin``
manages keys, sinks and retention and has every other scope too."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A request's origin, as the gate in front knows it.

    Attributes:
        name: For the audit trail.
        scopes: What they may do.
        project: The only project they may see; None for all.
        key_id: Of the key they presented; empty when no key is needed.
        login: Whether a session of the dashboard brought them here, which they can leave.
    """

    name: str
    scopes: frozenset[AccessScope] = SCOPES
    project: str | None = None
    key_id: str = ""
    login: bool = False

    def may(self, *scopes: AccessScope) -> bool:
        """Return whether the caller has one of these scopes; ``admin`` has them all."""
        return "admin" in self.scopes or any(scope in self.scopes for scope in scopes)

    def sees(self, project: str) -> bool:
        """Return whether the caller may know of a project."""
        return self.project in (None, project)


LOCAL_USER = Caller("local user")
"""Whoever is at this machine, while no key was ever needed."""

NOBODY = Caller("", frozenset())
"""Whoever asks for what is open to everyone."""
