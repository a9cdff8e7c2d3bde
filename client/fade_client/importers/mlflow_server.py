"""An MLflow tracking server, over its REST interface.

The address is the one that a browser shows: ``http://host:5000/#/experiments/1/runs/<run>``, or
of the experiment for all its runs.
"""

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from fade_client.errors import LogError
from fade_client.importers.draft import Draft
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.mlflow_database import Value, add_values
from fade_client.importers.numbers import number, step_of
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import printable

ID = "mlflow_server"

_ADDRESS = re.compile(
    r"(https?://[^#?]*?)/?(?:#/?|/)experiments/(?P<experiment>\w+)(?:/runs/(?P<run>\w+))?/?(?:\?.*)?"
)
_PAGE = 25_000
_TIMEOUT_S = 30.0


def recognises(address: str) -> bool:
    """Say whether this is the address of a run or an experiment."""
    return _ADDRESS.fullmatch(address) is not None


def connect(base_url: str) -> httpx.Client:
    """Return a client; MLFLOW_TRACKING_TOKEN is sent where it is set."""
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=base_url, headers=headers, timeout=_TIMEOUT_S)


def read(
    address: str, mapping: KeyMapping, connect: Callable[[str], httpx.Client] = connect
) -> list[ImportedRun]:
    """Read one run, or all runs of an experiment.

    Args:
        address: As a browser shows it.
        mapping: What the user says about the keys.
        connect: Opens the connection to an address.

    Raises:
        LogError: The address is no MLflow run, or the server does not answer as MLflow does.
    """
    parts = _ADDRESS.fullmatch(address)
    if parts is None:
        raise LogError(f"{address} is no run or experiment of an MLflow server")
    with connect(f"{parts.group(1)}/api/2.0/mlflow") as client:
        server = _Server(client)
        run = parts["run"]
        runs = [server.run(run)] if run else list(server.runs(parts["experiment"]))
        return [_import(server, each, mapping) for each in runs]


class _Server:
    """The endpoints that an import needs."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("GET", "/runs/get", {"run_id": run_id})["run"]
        return found

    def runs(self, experiment: str) -> Iterator[dict[str, Any]]:
        body: dict[str, Any] = {"experiment_ids": [experiment], "max_results": 1000}
        while True:
            page = self._ask("POST", "/runs/search", body)
            yield from page.get("runs", [])
            if not page.get("next_page_token"):
                return
            body["page_token"] = page["next_page_token"]

    def history(self, run_id: str, key: str) -> Iterator[dict[str, Any]]:
        query = {"run_id": run_id, "metric_key": key, "max_results": _PAGE}
        while True:
            page = self._ask("GET", "/metrics/get-history", query)
            yield from page.get("metrics", [])
            if not page.get("next_page_token"):
                return
            query["page_token"] = page["next_page_token"]

    def _ask(self, method: str, path: str, content: dict[str, Any]) -> dict[str, Any]:
        how = {"params": content} if method == "GET" else {"json": content}
        try:
            response = self._client.request(method, path, **how)  # type: ignore[arg-type]
            response.raise_for_status()
            page = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise LogError(f"the MLflow server does not answer {path}: {error}") from error
        if not isinstance(page, dict):
            raise LogError(f"the server's answer to {path} is not MLflow's")
        return page


def _import(server: _Server, run: dict[str, Any], mapping: KeyMapping) -> ImportedRun:
    try:
        run_id = str(run["info"]["run_id"])
        content = run.get("data", {})
        keys = [str(metric["key"]) for metric in content.get("metrics", [])]
    except (KeyError, TypeError, AttributeError) as error:
        raise LogError(f"the server's description of a run is not MLflow's: {error!r}") from error
    draft = Draft(printable(str(run["info"].get("run_name") or run_id)), ID, mapping)
    draft.config |= {str(item.get("key")): item.get("value") for item in content.get("params", [])}
    values: list[Value] = []
    for key in keys:
        for entry in server.history(run_id, key):
            found = _value(key, entry)
            if found:
                values.append(found)
            else:
                draft.skip("value without a time or a step")
    values.sort(key=lambda value: value[:2])
    add_values(draft, values)
    return draft.finish()


def _value(key: str, entry: dict[str, Any]) -> Value | None:
    # Whole numbers travel as texts, and so do NaN and the infinities.
    time, step = step_of(entry.get("timestamp")), step_of(entry.get("step", 0))
    amount = number(str(entry.get("value")))
    if time is None or step is None or amount is None:
        return None
    return Value(time, step, key, amount)
