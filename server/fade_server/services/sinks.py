"""Where alerts are told: made, shown without their credentials, tried out."""

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from fade_server.access import Caller
from fade_server.errors import ConflictError, ForbiddenError, NotFoundError, refuse
from fade_server.queries import sinks as sink_queries
from fade_server.queries.sinks import DeliveryRow, SinkRow
from fade_server.services import audit, chat, delivering
from fade_server.services.context import Context
from fade_server.services.pages import read_cursor, write_cursor
from fade_server.services.targets import TargetError, resolve
from fade_server.services.telling import FORMAT, delivery, public_url

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SinkRequest:
    """A sink as it should be.

    Attributes:
        name: For people; no two have the same.
        kind: ``apprise`` or ``webhook``.
        url: With its credentials; None keeps what a sink has.
        project: Only news of this project; None for all.
        severity: Mildest that it is told of.
        enabled: Whether it is told at all.
    """

    name: str
    kind: str
    url: str | None
    project: str | None
    severity: str
    enabled: bool


def list_sinks(context: Context, caller: Caller) -> Document:
    """Return the sinks that a caller may see, by name."""
    with context.store.read() as session:
        rows = sink_queries.list_sinks(session, caller.project)
        return {"sinks": _documents(session, rows)}


def read_sink(context: Context, caller: Caller, sink_id: int) -> Document:
    """Return one sink.

    Raises:
        NotFoundError: There is no such sink, or they may not see it.
    """
    with context.store.read() as session:
        return _documents(session, [_find(session, caller, sink_id)])[0]


def add_sink(context: Context, caller: Caller, wanted: SinkRequest) -> Document:
    """Make a sink; the answer alone shows the secret that signs a webhook.

    Raises:
        InvalidInputError: The URL is missing, of no known service, or not on the internet.
        ConflictError: There is one of this name.
        ForbiddenError: The caller is bound to another project.
    """
    if wanted.url is None:
        raise refuse("url", "must be given")
    _check(context, caller, wanted)
    secret = secrets.token_urlsafe(32) if wanted.kind == "webhook" else None
    now = context.clock()
    with context.store.write() as session:
        _check_name(session, wanted.name, None)
        columns = _columns(wanted) | {"url": wanted.url, "secret": secret, "created_at": now}
        row = _find(session, caller, sink_queries.add_sink(session, columns))
        document = _documents(session, [row])[0]
        audit.record(session, now, caller.name, "sink.created", row.name, _told(document))
    return document | {"secret": secret}


def change_sink(context: Context, caller: Caller, sink_id: int, wanted: SinkRequest) -> Document:
    """Replace a sink; without a URL it keeps the one that it has, and always its secret.

    Raises:
        NotFoundError: There is no such sink, or they may not see it.
        InvalidInputError, ConflictError, ForbiddenError: As ``add_sink``.
    """
    _check(context, caller, wanted)
    with context.store.write() as session:
        row = _find(session, caller, sink_id)
        if wanted.kind != row.kind:
            raise refuse("kind", f'must stay "{row.kind}"; make another sink', wanted.kind)
        _check_name(session, wanted.name, sink_id)
        columns = _columns(wanted) | ({} if wanted.url is None else {"url": wanted.url})
        sink_queries.change_sink(session, sink_id, columns)
        document = _documents(session, [_find(session, caller, sink_id)])[0]
        now = context.clock()
        audit.record(session, now, caller.name, "sink.changed", wanted.name, _told(document))
    return document


def delete_sink(context: Context, caller: Caller, sink_id: int) -> Document:
    """Delete a sink and what was to be delivered to it, and return what it was.

    Raises:
        NotFoundError: There is no such sink, or they may not see it.
    """
    with context.store.write() as session:
        row = _find(session, caller, sink_id)
        document = _documents(session, [row])[0]
        sink_queries.delete_sink(session, sink_id)
        now = context.clock()
        audit.record(session, now, caller.name, "sink.deleted", row.name, _told(document))
    return document


def try_sink(context: Context, caller: Caller, sink_id: int) -> Document:
    """Send a test message now, once, and return how that went.

    Raises:
        NotFoundError: There is no such sink, or they may not see it.
    """
    now, base = context.clock(), public_url(context)
    nothing = {"id": "test", "project": "test", "name": "test", "status": "finished", "step": None}
    message = {
        "format": FORMAT, "event": "test", "at": now, "run": nothing,
        "headline": "a test", "paragraph": "", "alerts": [], "links": {"run": base},
    }  # fmt: skip
    with context.store.write() as session:
        sink = _find(session, caller, sink_id)
        columns = delivery(sink.id, None, "test", message, now)
        # Sent here and now: no other process is to pick it up meanwhile.
        columns["due_at"] = now + delivering.LEASE_S
        row = sink_queries.find_delivery(session, sink_queries.add_delivery(session, columns))
        assert row is not None
    delivering.note(context, row, delivering.send(context, sink, row))
    with context.store.read() as session:
        done = sink_queries.find_delivery(session, row.id)
    return delivery_document(row if done is None else done)


def list_deliveries(
    context: Context,
    caller: Caller,
    *,
    sink_id: int | None,
    status: str | None,
    limit: int,
    cursor: str | None,
) -> Document:
    """Return one page of deliveries, the newest first, and the cursor of the next page.

    Raises:
        InvalidInputError: The cursor is not one of ours.
    """
    before = read_cursor(cursor, int)
    with context.store.read() as session:
        rows = sink_queries.list_deliveries(
            session,
            limit + 1,
            None if before is None else before[0],
            sink_id=sink_id,
            status=status,
            project=caller.project,
        )
    return {
        "deliveries": [delivery_document(row) for row in rows[:limit]],
        "next_cursor": write_cursor(rows[limit - 1].id) if len(rows) > limit else None,
    }


def delivery_document(row: DeliveryRow) -> Document:
    """Return a delivery as people see it."""
    names = (
        "id", "sink", "run", "event", "status", "tries", "due_at", "created_at", "sent_at", "error",
    )  # fmt: skip
    return {name: getattr(row, name) for name in names}


def mask(url: str) -> str:
    """Return a URL without what may be a credential.

    >>> mask("https://ada:secret@hooks.example.com:8443/T000/B000?token=x")
    'https://hooks.example.com:8443/...'
    >>> mask("slack://TokenA/TokenB/TokenC")
    'slack://...'
    """
    scheme = url.partition("://")[0]
    if scheme not in ("http", "https"):
        return f"{scheme}://..."
    parts = urlsplit(url)
    port = "" if parts.port is None else f":{parts.port}"
    return f"{scheme}://{parts.hostname}{port}/..."


def _check(context: Context, caller: Caller, wanted: SinkRequest) -> None:
    if not caller.sees(wanted.project or ""):
        raise ForbiddenError(f'the key is for the project "{caller.project}" only')
    if wanted.url is None:
        return
    if wanted.kind == "webhook":
        try:
            resolve(wanted.url, allow_private=context.settings.allow_private_targets)
        except TargetError as error:
            raise refuse("url", str(error)) from error
        return
    problem = chat.check(wanted.url) if "://" in wanted.url else "must be a URL of apprise"
    if problem is not None:
        raise refuse("url", problem)


def _check_name(session: Session, name: str, sink_id: int | None) -> None:
    if any(row.name == name and row.id != sink_id for row in sink_queries.list_sinks(session)):
        raise ConflictError(f'there is a sink of the name "{name}" already')


def _columns(wanted: SinkRequest) -> Document:
    return {
        "name": wanted.name,
        "kind": wanted.kind,
        "project": wanted.project,
        "severity": wanted.severity,
        "enabled": wanted.enabled,
    }


def _find(session: Session, caller: Caller, sink_id: int) -> SinkRow:
    row = sink_queries.find_sink(session, sink_id)
    if row is None or not caller.sees(row.project or ""):
        raise NotFoundError(f"there is no sink {sink_id}")
    return row


def _documents(session: Session, rows: list[SinkRow]) -> list[Document]:
    last = sink_queries.last_deliveries(session, [row.id for row in rows])
    return [_document(row, last.get(row.id)) for row in rows]


def _document(row: SinkRow, last: DeliveryRow | None) -> Document:
    shown = None
    if last is not None:
        at = last.created_at if last.sent_at is None else last.sent_at
        shown = {"status": last.status, "at": at, "error": last.error}
    return {
        "id": row.id,
        "name": row.name,
        "kind": row.kind,
        "url": mask(row.url),
        "project": row.project,
        "severity": row.severity,
        "enabled": row.enabled,
        "created_at": row.created_at,
        "last_delivery": shown,
    }


def _told(document: Document) -> Document:
    return {name: document[name] for name in ("name", "kind", "url", "project", "severity")}
