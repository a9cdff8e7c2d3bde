"""A stream of events tells what its key may know, and for as long as that is a key."""

from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from fade_server.security import streams
from fade_server.services import keys
from tests.integration.server.conftest import Clock
from tests.integration.server.guarded import guarded_app, id_of, make_key
from tests.integration.server.live import serve_live
from tests.integration.server.test_access import MINE, OTHERS, Live
from tests.integration.server.test_events import Stream


@pytest.fixture(scope="module")
def live(database_url: str, clock: Clock) -> Iterator[Live]:
    app = guarded_app(database_url, clock, recheck_s=0.1)
    with serve_live(app) as address, closing(Live(app, address)) as started:
        admin = make_key(started, "admin")
        for name in (MINE, OTHERS):
            body = {"run_id": name, "attempt_key": "a1"}
            opened = started.post(f"/projects/{name}/runs", json=body, headers=admin)
            assert opened.status_code == 201
        yield started


def _send(live: Live, run: str, step: int, headers: dict[str, str]) -> None:
    body = {"attempt": 1, "steps": [step], "columns": {"accuracy": [0.5]}}
    assert live.post(f"/runs/{run}/steps", json=body, headers=headers).status_code == 200


def test_a_key_of_a_project_hears_of_its_own_runs_only(live: Live) -> None:
    admin, mine = make_key(live, "admin"), make_key(live, "read", project=MINE)
    address = live.address("/events")
    with httpx.stream("GET", address, headers=mine, timeout=30) as response:
        stream = Stream(response)
        _send(live, OTHERS, 1, admin)
        _send(live, MINE, 1, admin)
        heard = stream.until("step")
        _send(live, OTHERS, 2, admin)
        _send(live, MINE, 2, admin)
        heard += stream.until("step")
    assert {event.data["run"] for event in heard if event.name} == {MINE}


def test_a_stream_ends_with_its_key(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "CHECK_EVERY_S", 0.0)
    admin, reader = make_key(live, "admin"), make_key(live, "read")
    address = live.address(f"/runs/{MINE}/events")
    with httpx.stream("GET", address, headers=reader, timeout=30) as response:
        stream = Stream(response)
        _send(live, MINE, 10, admin)
        stream.until("step")
        keys.revoke_key(live.app.state.context, id_of(reader), by="the test")
        live.app.state.door.keyring.forget()
        _send(live, MINE, 11, admin)
        assert [event for event in stream.events() if event.data.get("last_step") == 11] == []
    assert live.get(f"/runs/{MINE}/events", headers=reader).status_code == 401
