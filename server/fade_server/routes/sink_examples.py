"""One example of each body and answer about sinks."""

from typing import Any

Document = dict[str, Any]

SINK_IN: Document = {
    "name": "on call",
    "kind": "apprise",
    "url": "slack://TokenAAAA/TokenBBBBB/TokenCCCCCCCCCCCCCCCCCCC/#rl",
    "severity": "critical",
}

SINK: Document = {
    "id": 1,
    "name": "on call",
    "kind": "apprise",
    "url": "slack://...",
    "project": None,
    "severity": "critical",
    "enabled": True,
    "created_at": 1763700000.0,
    "last_delivery": {"status": "sent", "at": 1763700121.0, "error": None},
}

MADE: Document = SINK | {"last_delivery": None, "secret": None}

SINKS: Document = {"sinks": [SINK]}

DELIVERY: Document = {
    "id": 1,
    "sink": "on call",
    "run": "countdown-7b-3",
    "event": "firing",
    "status": "sent",
    "tries": 1,
    "due_at": 1763700121.0,
    "created_at": 1763700121.0,
    "sent_at": 1763700122.0,
    "error": None,
}

DELIVERIES: Document = {"deliveries": [DELIVERY], "next_cursor": None}
