"""What is due goes out: tried again with growing pauses, and given up visibly."""

import logging
import random
from collections.abc import Mapping
from typing import Any

import orjson

from fade_server.queries import sinks as sink_queries
from fade_server.queries.sinks import DeliveryRow, SinkRow
from fade_server.services import chat, webhook
from fade_server.services.context import Context

log = logging.getLogger(__name__)

Document = dict[str, Any]
LEASE_S = 120.0
"""How long a process has to send; longer than any timeout of a sink."""

MAX_PAUSE_S = 3600.0


def deliver_due(context: Context) -> None:
    """Send all that is due, each by one process.

    A process that dies while it sends leaves the delivery to the others, after ``LEASE_S``: the
    receiver may then get it twice, under the same ``id``.

    Args:
        context: The service's parts.
    """
    while (claimed := _claim(context)) is not None:
        delivery, sink = claimed
        error = send(context, sink, delivery)
        note(context, delivery, error)


def send(context: Context, sink: SinkRow, delivery: DeliveryRow) -> str | None:
    """Send a delivery, and return why it was not taken; None when it was."""
    allow_private = context.settings.allow_private_targets
    if sink.kind == "apprise":
        title, body = text_of(delivery.message)
        return chat.send(sink.url, title, body, allow_private=allow_private)
    content = orjson.dumps({"id": delivery.id, **delivery.message})
    signature = webhook.sign(content, sink.secret or "", int(context.clock()))
    return webhook.post(sink.url, content, signature, allow_private=allow_private)


def note(context: Context, delivery: DeliveryRow, error: str | None) -> None:
    """Store how a delivery went, and when it is tried again if it failed."""
    now, tries = context.clock(), delivery.tries + 1
    columns: Document = {"tries": tries, "error": error}
    if error is None:
        columns |= {"status": "sent", "sent_at": now}
    elif tries >= context.settings.delivery_tries or delivery.event == "test":
        columns |= {"status": "failed"}
        log.warning("gave up on telling %s of %s: %s", delivery.sink, delivery.run, error)
    else:
        columns |= {"due_at": now + pause_s(tries, context.settings.delivery_pause_s)}
    with context.store.write() as session:
        sink_queries.change_delivery(session, delivery.id, columns)


def pause_s(tries: int, first_s: float) -> float:
    """Return how long to wait after this many tries: twice as long each time, with jitter."""
    return min(MAX_PAUSE_S, first_s * 2.0 ** (tries - 1)) * random.uniform(0.75, 1.25)


def text_of(message: Mapping[str, Any]) -> tuple[str, str]:
    """Return a message as people read it: title and text."""
    run = message["run"]
    if message["event"] == "test":
        return "Fadewatch: a test", f"This sink works. {message['links']['run']}"
    title = f"{run['project']}/{run['name']}: {message['headline']}"
    lines = [message["paragraph"]] if message["paragraph"] else []
    for alert in message["alerts"]:
        lines.append(f"- {alert['headline']} ({alert['state']})")
        lines += [f"    {advice}" for advice in alert["advice"][:2]]
        if alert["proposal"]:
            pair = f"alpha {alert['proposal']['alpha']:.3g}, delta {alert['proposal']['delta']:.3g}"
            lines.append(f"    Proposed schedule: {pair}")
    return title[:200], "\n".join([*lines, message["links"]["run"]])


def _claim(context: Context) -> tuple[DeliveryRow, SinkRow] | None:
    now = context.clock()
    with context.store.read() as session:  # so that an idle service takes no lock
        if not sink_queries.anything_due(session, now):
            return None
    with context.store.write() as session:
        delivery = sink_queries.claim_due(session, now, now + LEASE_S)
        sink = None if delivery is None else sink_queries.find_sink(session, delivery.sink_id)
    return None if delivery is None or sink is None else (delivery, sink)
