"""Requests that the schema allows, and many that it does not: no fault, and nothing undocumented.

``FADEWATCH_FUZZ_CASES`` says how many requests each operation gets on each database and in each
mode; ``make fuzz`` sets it so that there are ten thousand of them and more.
"""

import logging
import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fade_server.main import create_app
from fade_server.settings import Settings
from fadewatch.uploads import read_upload
from tests.integration.server.live import serve_live

log = logging.getLogger(__name__)

CASES = int(os.environ.get("FADEWATCH_FUZZ_CASES", "4"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ENDLESS = ("/api/v1/events", "/api/v1/runs/{run}/events")
"""Never end, so that nothing could be checked; ``test_events`` reads them."""

KNOWN = {"run": "seeded", "project": "fuzz", "step": 0, "alert": 1, "silence": 1, "sink": 1}


@pytest.fixture(scope="module")
def address(database_url: str) -> Iterator[str]:
    settings = Settings(database_url=database_url, max_body_bytes=2**20)
    with serve_live(create_app(settings, importer=read_upload)) as started:
        yield started


@pytest.mark.slow
@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
def test_no_request_is_a_fault_or_answered_with_what_is_not_documented(
    address: str, mode: GenerationMode, subtests: pytest.Subtests
) -> None:
    schema = schemathesis.openapi.from_url(f"{address}/api/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    asked = 0
    for operation in operations:
        if operation.path not in ENDLESS:
            with subtests.test(operation.label):
                asked += _fuzz(operation, mode, address)
    log.info("%d requests to %d operations", asked, len(operations) - len(ENDLESS))
    assert asked > CASES * len(operations) / 2


def _fuzz(operation: Any, mode: GenerationMode, address: str) -> int:
    """Ask one operation, half of the time about something that exists; return how often."""
    known = {name: KNOWN[name] for name in _names(operation) if name in KNOWN}
    anything = operation.as_strategy(generation_mode=mode)
    existing = operation.as_strategy(generation_mode=mode, path_parameters=known)
    asked = 0

    @hypothesis.settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(anything, existing) if known else anything)
    def ask(case: Any) -> None:
        nonlocal asked
        asked += 1
        if operation.method == "delete":
            _seed(session, address)
        case.call_and_validate(session=session, checks=CHECKS, timeout=30)

    with requests.Session() as session:
        _seed(session, address)
        try:
            ask()
        except Unsatisfiable:
            # A text without limits has no wrong value, and neither has what takes nothing.
            assert mode is GenerationMode.NEGATIVE
    return asked


def _seed(session: requests.Session, address: str) -> None:
    """Make the run that half of the requests are about, where there is none."""
    base = f"{address}/api/v1"
    weights: dict[str, Any] = {
        "step": 0, "prompts": 1, "group_size": 2, "rewards": "AACAPwAAAAA=",
        "advantages": "AAAAPwAAAL8=",
    }  # fmt: skip
    batch: dict[str, Any] = {
        "attempt": 1,
        "steps": [0],
        "columns": {"loss": [1.0]},
        "weights": [weights],
    }
    body = {"run_id": "seeded", "attempt_key": "a"}
    session.post(f"{base}/projects/fuzz/runs", json=body).raise_for_status()
    session.post(f"{base}/runs/seeded/steps", json=batch).raise_for_status()


def _names(operation: Any) -> list[str]:
    return [parameter.name for parameter in operation.path_parameters]
