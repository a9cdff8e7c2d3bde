"""API keys: made once, shown once, kept as a hash.

A key is ``fw_<id>_<secret>``. The id is public: lists and logs name the key by it. The secret is
256 random bits, so one round of SHA-256 keeps it: a slow hash protects what people choose, and
would only cost every request its time here.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hmac import compare_digest
from typing import Any

from fade_server.access import SCOPES, AccessScope
from fade_server.errors import NotFoundError, refuse
from fade_server.queries import keys as key_queries
from fade_server.queries.keys import KeyRow
from fade_server.services import audit
from fade_server.services.context import Context
from fade_server.services.fields import name_problem

Document = dict[str, Any]

PREFIX = "fw"
"""First part of every key, by which scanners of leaked secrets can know one."""

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """What a new key shall be; types are checked already.

    Attributes:
        name: What people call it.
        scopes: Of ``SCOPES``.
        project: The only project it is for; None for all.
        expires_at: Seconds since the epoch; None for never.
    """

    name: str
    scopes: Sequence[AccessScope]
    project: str | None = None
    expires_at: float | None = None


def create_key(context: Context, request: KeyRequest, *, by: str) -> tuple[Document, str]:
    """Make a key; return it as lists show it, and the key itself, which is kept nowhere.

    Args:
        context: The service's parts.
        request: What it shall be.
        by: Who makes it.

    Raises:
        InvalidInputError: A field is wrong.
    """
    now = context.clock()
    _check(request, now, context.settings.max_name_length)
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(SECRET_BYTES)
    scopes = sorted(set(request.scopes))
    columns = asdict(request) | {
        "id": key_id,
        "hash": digest(secret),
        "scopes": scopes,
        "created_at": now,
        "created_by": by[:256],
    }
    with context.store.write() as session:
        key_queries.add_key(session, columns)
        detail = {"name": request.name, "scopes": scopes, "project": request.project}
        audit.record(session, now, by, "key.created", key_id, detail)
        row = key_queries.find_key(session, key_id)
    assert row is not None
    return _document(row), f"{PREFIX}_{key_id}_{secret}"


def list_keys(context: Context) -> list[Document]:
    """Return every key there ever was, the newest first, without hashes."""
    with context.store.read() as session:
        return [_document(row) for row in key_queries.list_keys(session)]


def revoke_key(context: Context, key_id: str, *, by: str) -> Document:
    """End a key for good; harmless when it has ended.

    Args:
        context: The service's parts.
        key_id: The public half.
        by: Who ends it.

    Raises:
        NotFoundError: There is no such key.
    """
    now = context.clock()
    with context.store.write() as session:
        row = key_queries.find_key(session, key_id, lock=True)
        if row is None:
            raise NotFoundError(f'there is no key "{key_id:.32}"')
        if row.revoked_at is None:
            key_queries.revoke_key(session, key_id, now)
            audit.record(session, now, by, "key.revoked", key_id, {"name": row.name})
            row = key_queries.find_key(session, key_id) or row
    return _document(row)


def has_admin_key(context: Context) -> bool:
    """Return whether a key that can manage the others is live."""
    now = context.clock()
    with context.store.read() as session:
        rows = key_queries.list_keys(session)
    return any(row.is_live(now) and "admin" in row.scopes for row in rows)


def split_key(presented: str) -> tuple[str, str] | None:
    """Return the id and the secret of what may be a key, or None.

    >>> split_key("fw_0a1b_x_y"), split_key("hunter2")
    (('0a1b', 'x_y'), None)
    """
    prefix, _, rest = presented.partition("_")
    key_id, _, secret = rest.partition("_")
    return (key_id, secret) if prefix == PREFIX and key_id and secret else None


def fits(secret: str, hashed: str) -> bool:
    """Return whether a secret is the one that was hashed; how long it takes tells nothing."""
    return compare_digest(digest(secret), hashed)


def digest(secret: str) -> str:
    """Return the form in which a secret is kept and compared."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _check(request: KeyRequest, now: float, longest: int) -> None:
    named = {"name": request.name} | ({"project": request.project} if request.project else {})
    for field, text in named.items():
        if problem := name_problem(text, min(longest, 128)):
            raise refuse(field, problem, text)
    if request.project == "":
        raise refuse("project", "must not be empty; leave it out for every project", "")
    unknown = [scope for scope in request.scopes if scope not in SCOPES]
    if unknown or not request.scopes:
        raise refuse("scopes", f"must be one or more of {', '.join(sorted(SCOPES))}", unknown[:1])
    if request.project is not None and "admin" in request.scopes:
        raise refuse(
            "project", "an admin key manages the whole service; leave out project", request.project
        )
    if request.expires_at is not None and not now < request.expires_at < 1e11:
        raise refuse(
            "expires_at", f"must be after now, {now:.0f} s since the epoch", request.expires_at
        )


def _document(row: KeyRow) -> Document:
    document = asdict(row)
    del document["hash"]
    return document
