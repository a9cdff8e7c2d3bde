"""Records that make the detectors speak, sent to the real service."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fade_core.records import SCALARS, VECTORS
from fade_server.services.codec import to_wire
from tests.integration.server.api import Api

Record = Mapping[str, Any]
NAN = math.nan


def losses(values: Iterable[float], start: int = 0) -> list[Record]:
    """Return records of which ``non_finite`` tells: a warning for one, critical from the third."""
    return [{"step": start + i, "loss": value} for i, value in enumerate(values)]


def send(api: Api, run_id: str, records: Sequence[Record], attempt: int = 1) -> None:
    """Store records, and wait until the detectors have read them."""
    api.send(run_id, [one["step"] for one in records], attempt, **columnar(records))
    settle(api)


def settle(api: Api) -> None:
    assert api.context.background.wait_idle(60)


def columnar(records: Sequence[Record]) -> dict[str, Any]:
    """Return the parts of a batch that hold these records."""
    parts: dict[str, dict[str, list[Any]]] = {}
    for index, record in enumerate(records):
        for name, value in record.items():
            if name == "step":
                continue
            fields = {name: value}
            part = "vectors" if name in VECTORS else "columns" if name in SCALARS else "extra"
            if name == "pass_at_k":
                part, fields = name, value
            for key, one in fields.items():
                column = parts.setdefault(part, {}).setdefault(key, [None] * len(records))
                column[index] = to_wire(one) if isinstance(one, float) else one
    return parts


def alerts(api: Api, run_id: str) -> list[dict[str, Any]]:
    answer = api.get(f"/runs/{run_id}/alerts")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["alerts"]
    return found


def diagnosis(api: Api, run_id: str) -> dict[str, Any]:
    answer = api.get(f"/runs/{run_id}/diagnosis")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
