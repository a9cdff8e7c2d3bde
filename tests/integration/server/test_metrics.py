"""``/metrics``: what it counts, whom it is for, and that it cannot grow without bound."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from fade_server.access import Caller
from fade_server.main import create_app
from fade_server.settings import Settings
from tests.conftest import wait_until
from tests.integration.server import alarms
from tests.integration.server.api import Api, serve
from tests.integration.server.live import serve_live

METRICS = "http://127.0.0.1/metrics"


def read(api: Api) -> dict[str, float]:
    """Return each series by its name and labels."""
    answer = api.get(METRICS)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return parse(answer.text)


def parse(exposition: str) -> dict[str, float]:
    return {
        sample.name + "".join(f" {key}={sample.labels[key]}" for key in sorted(sample.labels)): (
            sample.value
        )
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }


@pytest.fixture
def own(make_database: Any) -> Iterator[Api]:
    """An application of its own, so that counts begin at nothing."""
    url = make_database()
    from fade_server.main import upgrade_database

    upgrade_database(url)
    with serve(create_app(Settings(database_url=url, recheck_s=0.2))) as api:
        yield api


def test_batches_steps_and_duplicates_are_counted(own: Api) -> None:
    own.open_run("a")
    own.send("a", [0, 1, 2], columns={"loss": [1.0, 2.0, 3.0]})
    own.send("a", [2, 3], columns={"loss": [3.0, 4.0]})
    series = read(own)
    assert series["fadewatch_batches_total"] == 2
    assert series["fadewatch_steps_accepted_total"] == 4
    assert series["fadewatch_steps_duplicate_total"] == 1
    assert series["fadewatch_schedule_round_trip_seconds_count"] == 2
    assert 0 < series["fadewatch_schedule_round_trip_seconds_sum"] < 60


def test_requests_are_counted_by_template_and_refusals_by_reason(own: Api) -> None:
    for number in range(20):
        assert own.get(f"/runs/nobody-{number}").status_code == 404
    assert own.post("/runs/nobody/steps", content=b"{").status_code == 400
    assert own.request("BREW", "http://127.0.0.1/pot").status_code == 404
    series = read(own)
    counted = "fadewatch_requests_total method=GET route=/api/v1/runs/{run} status=404"
    assert series[counted] == 20
    assert series["fadewatch_request_seconds_count method=GET route=/api/v1/runs/{run}"] == 20
    assert series["fadewatch_requests_total method=other route=none status=404"] == 1
    assert series["fadewatch_requests_refused_total reason=not-found"] == 21
    assert series["fadewatch_requests_refused_total reason=bad-request"] == 1
    assert not any("nobody" in name for name in series)


def test_what_the_store_holds_is_counted_when_asked(own: Api) -> None:
    own.open_run("a")
    own.open_run("b")
    own.post("/runs/b/finish", json={"attempt": 1, "status": "finished"})
    alarms.send(own, "a", alarms.losses([alarms.NAN] * 3))
    own.open_run("c")
    alarms.send(own, "c", alarms.losses([alarms.NAN] * 3))
    alarms.send(own, "c", alarms.losses([0.1] * 30, start=3))
    series = read(own)
    assert series["fadewatch_background_backlog"] == 0
    assert series["fadewatch_runs status=running"] == 2
    assert series["fadewatch_runs status=finished"] == 1
    assert series["fadewatch_alerts_open severity=critical state=firing"] == 1
    assert not any("state=resolved" in name for name in series)
    assert series["fadewatch_store_up"] == 1
    assert series["fadewatch_database_connections_in_use"] == 0
    assert series["fadewatch_database_connections_limit"] == 40


def test_a_store_that_does_not_answer_is_reported_and_hides_nothing_else(own: Api) -> None:
    own.open_run("a")
    own.send("a", [0], columns={"loss": [1.0]})
    with own.context.store.write() as session:
        session.execute(text("ALTER TABLE alerts RENAME TO gone"))
    series = read(own)
    assert series["fadewatch_store_up"] == 0
    assert series["fadewatch_steps_accepted_total"] == 1
    assert "fadewatch_runs status=running" not in series


def test_a_long_poll_is_counted_while_it_waits_and_never_as_slow(own: Api) -> None:
    own.open_run("a")
    waiting = own.start("GET", "/runs/a/schedule", params={"after": 0, "wait": 30})
    name = "fadewatch_requests_waiting kind=long_poll"
    wait_until(lambda: read(own)[name] == 1, "the long poll to wait")
    own.send("a", [0], columns={"accuracy": [0.5], "entropy": [1.0]})
    assert waiting.result(30).json()["schedule"]["version"] == 1
    series = read(own)
    route = "/api/v1/runs/{run}/schedule"
    assert series[name] == 0
    assert series[f"fadewatch_requests_total method=GET route={route} status=200"] == 1
    assert f"fadewatch_request_seconds_count method=GET route={route}" not in series


def test_an_event_stream_is_counted_while_it_is_open(tmp_path: Path) -> None:
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/fade.db"))
    name = "fadewatch_requests_waiting kind=event_stream"
    with serve_live(app) as url:

        def streams() -> float:
            return parse(httpx.get(f"{url}/metrics").text)[name]

        with httpx.stream("GET", f"{url}/api/v1/events", timeout=30) as stream:
            lines = stream.iter_lines()
            assert next(lines)
            assert streams() == 1
        wait_until(lambda: streams() == 0, "the stream to end")


def test_a_client_that_leaves_within_its_body_is_no_fault_of_the_service(tmp_path: Path) -> None:
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/fade.db"))
    head = b"POST /api/v1/runs/a/steps HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n"
    name = "fadewatch_requests_total method=POST route=/api/v1/runs/{run}/steps status="
    with serve_live(app) as url:
        with socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0)) as connection:
            connection.sendall(head + b'{"steps"')

        def noted() -> list[str]:
            series = parse(httpx.get(f"{url}/metrics").text)
            return [one.removeprefix(name) for one in series if one.startswith(name)]

        wait_until(lambda: bool(noted()), "the request to end")
        assert noted() == ["499"]


def test_two_applications_in_one_process_count_for_themselves(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in "ab"]
    first, second = (create_app(Settings(database_url=url)) for url in urls)
    with serve(first) as one, serve(second) as other:
        one.open_run("a")
        one.send("a", [0], columns={"loss": [1.0]})
        assert read(one)["fadewatch_steps_accepted_total"] == 1
        assert read(other)["fadewatch_steps_accepted_total"] == 0


@pytest.mark.parametrize(
    ("caller", "status"),
    [
        (Caller("reader", frozenset({"read"})), 200),
        (Caller("trainer", frozenset({"ingest"})), 403),
        (Caller("guest", frozenset({"read"}), project="p"), 403),
    ],
)
def test_it_is_for_readers_of_every_project(tmp_path: Path, caller: Caller, status: int) -> None:
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/fade.db"))

    class Gate:
        """Lets everybody in as this caller."""

        def __init__(self, inner: Any) -> None:
            self.inner = inner

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("state", {})["caller"] = caller
            await self.inner(scope, receive, send)

    app.add_middleware(Gate)
    with serve(app) as api:
        assert api.get(METRICS).status_code == status
