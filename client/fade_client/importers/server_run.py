"""A run on a Fadewatch server, read back step by step through the HTTP API."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import httpx

from fade_client import endpoints
from fade_client.errors import LogError
from fade_client.importers.result import ImportedRun, Record
from fade_client.options import server_address, server_key
from fade_core.records import FIELDS

ID = "server"

_STEPS = 50_000
"""Steps a request: fewer than the points a series may have, so that none is thinned out."""

_METRICS = 64
"""Metrics a request."""


def read(
    run_id: str,
    server: str | None = None,
    api_key: str | None = None,
    connect: Callable[[str, str | None], httpx.Client] = endpoints.connect,
) -> ImportedRun:
    """Read the steps that count: those a later attempt replaced are not among them.

    Args:
        run_id: The run.
        server: Address; None for FADEWATCH_SERVER or this machine's.
        api_key: Key; None for FADEWATCH_API_KEY or none.
        connect: Opens the connection, from the address and the key.

    Raises:
        LogError: The server does not know the run, or there is no server.
        ConfigError: The address or the key cannot be used.
    """
    address = server_address(server)
    with connect(address, server_key(api_key)) as client:
        run = _ask(client, f"/runs/{run_id}", {})
        rows: dict[int, Record] = {}
        last = run.get("last_step")
        names = [name for name in run.get("metrics", []) if not name.startswith("schedule/")]
        if last is not None:
            for metric, step, value in _points(client, run_id, names, int(last)):
                _put(rows.setdefault(step, {"step": step}), metric, value)
    records = [_whole(rows[step]) for step in sorted(rows)]
    recognised = {name: name for name in names if name in FIELDS}
    return ImportedRun(
        str(run.get("name", run_id)), ID, [records], run.get("config", {}), recognised
    )


def _points(
    client: httpx.Client, run_id: str, names: Iterable[str], last: int
) -> Iterator[tuple[str, int, float]]:
    waiting = iter(names)
    while some := list(islice(waiting, _METRICS)):
        for first in range(0, last + 1, _STEPS):
            query = {
                "metrics": ",".join(some), "from": first, "to": first + _STEPS - 1,
                "points": 2 * _STEPS,
            }  # fmt: skip
            series = _ask(client, f"/runs/{run_id}/series", query)["series"]
            for metric, points in series.items():
                for step, value in zip(points["step"], points["value"], strict=True):
                    yield metric, step, math.nan if value is None else float(value)


def _put(record: Record, metric: str, value: float) -> None:
    group, _, name = metric.partition("/")
    if group == "extra":
        record[name] = value
    elif group == "pass_at_k":
        record.setdefault(group, {})[int(name)] = value
    elif group in FIELDS and name:
        record.setdefault(group, []).append(value)
    elif group in FIELDS:
        record[group] = value


def _whole(record: Record) -> Record:
    return {
        name: value
        for name, value in record.items()
        if not isinstance(value, list) or len(value) == FIELDS[name].length
    }


def _ask(client: httpx.Client, path: str, query: dict[str, Any]) -> dict[str, Any]:
    try:
        response = client.get(path, params=query)
        response.raise_for_status()
        content: dict[str, Any] = response.json()
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        raise LogError(f"the server at {client.base_url} answers {status} to {path}") from error
    except (httpx.HTTPError, ValueError) as error:
        raise LogError(f"no answer of a server at {client.base_url}: {error}") from error
    return content
