"""What the tests of bad input look at."""

import json
from typing import Any

from sqlalchemy import func, select

from fade_server import tables
from tests.integration.server.api import Api


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(answer.text)
    assert document["status"] == status
    assert {"type", "title", "detail"} <= set(document)
    return document


def stored(api: Api) -> dict[str, int]:
    """Return how much is in each table, once the jobs that follow have settled."""
    assert api.context.background.wait_idle(60)
    with api.context.store.read() as session:
        counts = {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in tables.metadata.sorted_tables
        }
        revisions = session.scalar(select(func.sum(tables.runs.c.revision)))
    return counts | {"revisions": int(revisions or 0)}
