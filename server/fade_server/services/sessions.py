"""Sessions of the dashboard: a signed cookie that names a key, and the secret that signs it."""

import os
import secrets
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from hmac import new as new_hmac
from pathlib import Path

from itsdangerous import BadData, URLSafeSerializer
from pydantic import SecretStr
from sqlalchemy.exc import IntegrityError

from fade_server.queries import keys as key_queries
from fade_server.queries.engine import Store

SESSION_COOKIE = "fadewatch_session"
"""Holds the session; scripts cannot read it."""

TOKEN_COOKIE = "_csrf_token"
"""Holds the token that changes must repeat in ``TOKEN_HEADER``; the name is Dash's."""

TOKEN_HEADER = "x-csrftoken"

_STORED_AS = "session_signing"


class Sessions:
    """Signs and reads session cookies; keeps nothing.

    Args:
        secret: Signs; whoever has it can make sessions.
        lifetime_s: How long a session lasts, in seconds.
        clock: Seconds since the epoch.
    """

    def __init__(self, secret: str, lifetime_s: float, clock: Callable[[], float]) -> None:
        self._secret, self._lifetime_s, self._clock = secret.encode(), lifetime_s, clock
        self._signer = URLSafeSerializer(
            secret, salt="fadewatch.session", signer_kwargs={"digest_method": sha256}
        )

    def issue(self, key_id: str) -> str:
        """Return the cookie of a new session of a key."""
        cookie = self._signer.dumps([key_id, self._clock(), secrets.token_hex(8)])
        return str(cookie)

    def read(self, cookie: str) -> str | None:
        """Return the id of the key whose session this is, or None when it is none or is over."""
        try:
            key_id, issued_at, _ = self._signer.loads(cookie)
        except BadData:
            return None
        return str(key_id) if self._clock() - issued_at < self._lifetime_s else None

    def id_of(self, kind: str, credential: SecretStr) -> str:
        """Return what stands for a credential of the settings: another one, another id."""
        proof = new_hmac(self._secret, credential.get_secret_value().encode(), sha256)
        return f"{kind}:{proof.hexdigest()[:32]}"


def token_for(cookie: str) -> str:
    """Return the token of a session: only who knows the cookie can make it."""
    return new_hmac(cookie.encode(), b"fadewatch.csrf", sha256).hexdigest()


def is_token_of(token: str, cookie: str) -> bool:
    """Return whether a token is the one of a session."""
    return compare_digest(token.encode(), token_for(cookie).encode())


def signing_secret(store: Store, configured: SecretStr | None) -> str:
    """Return the secret that signs sessions, made once and kept beside the database.

    For SQLite it is a file that only its owner can read; for PostgreSQL, which several machines
    share, a row.

    Args:
        store: The database.
        configured: The one of the settings; None to keep our own.
    """
    if configured is not None:
        return configured.get_secret_value()
    if store.engine.dialect.name == "sqlite":
        return _from_file(Path(f"{store.engine.url.database}.secret"))
    return _from_row(store)


def _from_file(path: Path) -> str:
    if path.exists():
        return path.read_text()
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32))
    try:
        # Whole or not at all, and the first process's is everybody's.
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_text()


def _from_row(store: Store) -> str:
    with store.read() as session:
        known = key_queries.find_secret(session, _STORED_AS)
    if known is not None:
        return known
    try:
        with store.write() as session:
            key_queries.add_secret(session, _STORED_AS, secrets.token_urlsafe(32))
    except IntegrityError:
        pass  # another process was first
    return _from_row(store)
