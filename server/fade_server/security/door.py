"""From what a request presents to who it comes from."""

import base64
import binascii
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from http.cookies import CookieError, SimpleCookie
from typing import Protocol

import anyio.to_thread
from pydantic import SecretStr
from starlette.datastructures import Headers

from fade_server.access import AccessScope, Caller
from fade_server.queries.engine import Store
from fade_server.queries.keys import KeyRow
from fade_server.services.keyring import Keyring
from fade_server.services.keys import digest, fits
from fade_server.services.sessions import SESSION_COOKIE, Sessions, signing_secret
from fade_server.settings import Settings

PASSWORD_SCOPES: frozenset[AccessScope] = frozenset({"read", "control"})
"""What the password of the settings lets a person do; managing the service takes a key."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request presents.

    Attributes:
        authorization: Its header, or empty.
        session: The session cookie, or empty.
    """

    authorization: str = ""
    session: str = ""

    @classmethod
    def of(cls, headers: Headers) -> "Credentials":
        """Return what the headers of a request present."""
        return cls(headers.get("authorization", ""), _session_of(headers.get("cookie", "")))

    def as_headers(self) -> dict[str, str]:
        """Return headers that present the same."""
        cookie = f"{SESSION_COOKIE}={self.session}" if self.session else ""
        found = {"authorization": self.authorization, "cookie": cookie}
        return {name: text for name, text in found.items() if text}


VISITOR: ContextVar[Credentials] = ContextVar("fadewatch_visitor")
"""What the request at hand presented, for whoever asks the API on its behalf."""


class Door(Protocol):
    """Knows who may come in."""

    async def admit(self, given: Credentials) -> Caller | None:
        """Return who presents a key of the store, or a session; None for anything else."""
        ...

    def guess(self, given: Credentials) -> Caller | None:
        """Return who presents a credential of the settings, which a person may have chosen."""
        ...

    async def is_keyless(self) -> bool:
        """Return whether there is no key at all, so that only this machine is served."""
        ...


class KeyDoor:
    """The door of a service with a store.

    Args:
        store: The database.
        settings: The key and the password that are not in it, and how sessions are made.
        clock: Seconds since the epoch.
    """

    def __init__(self, store: Store, settings: Settings, clock: Callable[[], float]) -> None:
        self.keyring = Keyring(store, clock)
        self._store, self._settings, self._clock = store, settings, clock
        self._made_sessions: Sessions | None = None

    async def admit(self, given: Credentials) -> Caller | None:
        """Return who presents a key of the store, or a session; None for anything else."""
        if given.authorization:
            _, presented = _read_authorization(given.authorization)
            row = await self.keyring.verify(presented)
            return None if row is None else _caller(row)
        return await self._admit_session(given.session) if given.session else None

    def guess(self, given: Credentials) -> Caller | None:
        """Return who presents the key of the settings."""
        name, presented = _read_authorization(given.authorization)
        if not _is(self._settings.api_key, presented):
            return None
        return Caller(name or "api key", key_id="api_key")

    async def is_keyless(self) -> bool:
        """Return whether there is no key at all, nor a password."""
        settings = self._settings
        if settings.api_key is not None or settings.password is not None:
            return False
        return not await self.keyring.any_live()

    async def log_in_with_key(self, secret: str) -> tuple[Caller, str] | None:
        """Return who logs in with a key of the store, and the cookie of the session."""
        row = await self.keyring.verify(secret)
        if row is None:
            return None
        sessions = await self._sessions()
        return replace(_caller(row), login=True), sessions.issue(row.id)

    async def log_in_with_setting(self, secret: str) -> tuple[Caller, str] | None:
        """Return who logs in with the key or the password of the settings, and the cookie."""
        sessions = await self._sessions()
        for key_id, (credential, caller) in self._of_settings(sessions).items():
            if _is(credential, secret):
                return caller, sessions.issue(key_id)
        return None

    async def _admit_session(self, cookie: str) -> Caller | None:
        sessions = await self._sessions()
        key_id = sessions.read(cookie)
        if key_id is None:
            return None
        if known := self._of_settings(sessions).get(key_id):
            return known[1]
        row = await self.keyring.find(key_id)
        return None if row is None else replace(_caller(row), login=True)

    def _of_settings(self, sessions: Sessions) -> dict[str, tuple[SecretStr, Caller]]:
        """Return the credentials of the settings by ids that change with them."""
        found = {}
        if (key := self._settings.api_key) is not None:
            key_id = sessions.id_of("api_key", key)
            found[key_id] = key, Caller("api key", key_id="api_key", login=True)
        if (password := self._settings.password) is not None:
            key_id = sessions.id_of("password", password)
            caller = Caller("password", PASSWORD_SCOPES, key_id="password", login=True)
            found[key_id] = password, caller
        return found

    async def _sessions(self) -> Sessions:
        if self._made_sessions is None:
            secret = await anyio.to_thread.run_sync(
                signing_secret, self._store, self._settings.secret_key
            )
            lifetime_s = self._settings.session_hours * 3600
            self._made_sessions = Sessions(secret, lifetime_s, self._clock)
        return self._made_sessions


def _caller(row: KeyRow) -> Caller:
    scopes: frozenset[AccessScope] = frozenset(row.scopes)  # type: ignore[arg-type]  # checked when made
    return Caller(row.name, scopes, row.project, row.id)


def _is(credential: SecretStr | None, presented: str) -> bool:
    # Digests, so that not even the length takes its time.
    return credential is not None and fits(presented, digest(credential.get_secret_value()))


def _read_authorization(header: str) -> tuple[str, str]:
    """Return the name, if any, and the secret of an ``Authorization`` header."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() == "basic":
        return _read_basic(credentials.strip())
    return "", credentials.strip() if scheme.lower() == "bearer" else ""


def _read_basic(credentials: str) -> tuple[str, str]:
    try:
        plain = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    name, _, password = plain.partition(":")
    return name[:100], password


def _session_of(cookies: str) -> str:
    try:
        found = SimpleCookie(cookies).get(SESSION_COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value
