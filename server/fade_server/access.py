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
    """

    name: str
    scopes: frozenset[AccessScope] = SCOPES
    project: str | None = None

    def may(self, scope: AccessScope) -> bool:
        """Return whether the caller has a scope; ``admin`` has them all."""
        return scope in self.scopes or "admin" in self.scopes

    def sees(self, project: str) -> bool:
        """Return whether the caller may know of a project."""
        return self.project in (None, project)
