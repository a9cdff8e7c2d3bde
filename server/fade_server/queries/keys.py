"""Keys, and the secret that signs sessions."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, insert, or_, select, update
from sqlalchemy.orm import Session

from fade_server.tables import keys, secrets


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A row of ``keys``."""

    id: str
    name: str
    hash: str
    scopes: list[str]
    project: str | None
    created_at: float
    created_by: str
    expires_at: float | None
    revoked_at: float | None
    used_at: float | None

    def is_live(self, now: float) -> bool:
        """Return whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def add_key(session: Session, columns: dict[str, Any]) -> None:
    """Insert a key."""
    session.execute(insert(keys).values(columns))


def find_key(session: Session, key_id: str, *, lock: bool = False) -> KeyRow | None:
    """Return a key, live or not, or None."""
    statement = select(keys).where(keys.c.id == key_id)
    row = session.execute(statement.with_for_update() if lock else statement).one_or_none()
    return None if row is None else KeyRow(*row)


def list_keys(session: Session) -> list[KeyRow]:
    """Return every key there ever was, the newest first."""
    statement = select(keys).order_by(keys.c.created_at.desc(), keys.c.id)
    return [KeyRow(*row) for row in session.execute(statement)]


def any_live_key(session: Session, now: float) -> bool:
    """Return whether any key can be used."""
    return bool(session.scalar(select(exists().where(_live(now)))))


def revoke_key(session: Session, key_id: str, now: float) -> None:
    """End a key; a second time changes nothing."""
    this = and_(keys.c.id == key_id, keys.c.revoked_at.is_(None))
    session.execute(update(keys).where(this).values(revoked_at=now))


def note_use(session: Session, key_id: str, now: float, every_s: float) -> None:
    """Note that a key was used, unless that was noted less than ``every_s`` ago."""
    old = or_(keys.c.used_at.is_(None), keys.c.used_at <= now - every_s)
    session.execute(update(keys).where(keys.c.id == key_id, old).values(used_at=now))


def find_secret(session: Session, name: str) -> str | None:
    """Return a secret of the service, or None."""
    return session.scalar(select(secrets.c.value).where(secrets.c.name == name))


def add_secret(session: Session, name: str, value: str) -> None:
    """Insert a secret of the service."""
    session.execute(insert(secrets).values(name=name, value=value))


def _live(now: float) -> ColumnElement[bool]:
    unexpired = or_(keys.c.expires_at.is_(None), keys.c.expires_at > now)
    return and_(keys.c.revoked_at.is_(None), unexpired)
