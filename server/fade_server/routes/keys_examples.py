"""One example of each body and answer of keys, callers and the audit trail."""

from typing import Any

Document = dict[str, Any]

KEY_IN: Document = {
    "name": "cluster A",
    "scopes": ["ingest"],
    "project": "countdown",
    "expires_at": 4102444800.0,
}

KEY: Document = {
    "id": "5f1d7c2a9b3e",
    "name": "cluster A",
    "scopes": ["ingest"],
    "project": "countdown",
    "created_at": 1763700000.0,
    "created_by": "anna",
    "expires_at": 4102444800.0,
    "revoked_at": None,
    "used_at": None,
}

NEW_KEY: Document = KEY | {"key": "fw_5f1d7c2a9b3e_(43 characters that are shown once)"}

KEYS: Document = {"keys": [KEY]}

REVOKED: Document = KEY | {"revoked_at": 1763703600.0, "used_at": 1763703000.0}

ME: Document = {"name": "anna", "scopes": ["control", "read"], "project": None, "login": True}

TRAIL: Document = {
    "entries": [
        {
            "id": 7,
            "at": 1763700000.0,
            "by": "anna",
            "action": "key.created",
            "target": "5f1d7c2a9b3e",
            "detail": {"name": "cluster A", "scopes": ["ingest"], "project": "countdown"},
        }
    ],
    "next_cursor": None,
}
