"""Streams of events: resumable, at most once a second, ending when they should."""

import json
import signal
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from fastapi import FastAPI

from fade_server.main import create_app
from fade_server.settings import Settings
from tests.conftest import ServerProcess, wait_until
from tests.integration.server.conftest import Clock
from tests.integration.server.live import serve_live


class Told(NamedTuple):
    name: str
    data: dict[str, Any]
    id: str


class Live:
    def __init__(self, app: FastAPI, address: str) -> None:
        self.context = app.state.context
        self.http = httpx.Client(base_url=f"{address}/api/v1", timeout=20.0)

    def open_run(self, run_id: str) -> None:
        body = {"run_id": run_id, "attempt_key": "a1"}
        assert self.http.post("/projects/p/runs", json=body).status_code == 201

    def send(self, run_id: str, *steps: int, loss: float | str = 0.5) -> None:
        body = {"attempt": 1, "steps": list(steps), "columns": {"loss": [loss] * len(steps)}}
        assert self.http.post(f"/runs/{run_id}/steps", json=body).status_code == 200

    def send_and_settle(self, run_id: str, *steps: int) -> None:
        """Wait until the detectors have read the steps too, so that they tell nothing later."""
        self.send(run_id, *steps)
        assert self.context.background.wait_idle(20)


class Stream:
    """An open stream, read event by event."""

    def __init__(self, response: httpx.Response) -> None:
        assert response.headers["content-type"].startswith("text/event-stream")
        self._lines = response.iter_lines()
        self.last_id = ""

    def events(self) -> Iterator[Told]:
        fields: dict[str, str] = {}
        for line in self._lines:
            if line:
                name, _, text = line.partition(": ")
                fields[name] = text
            elif fields:
                self.last_id = fields.get("id", self.last_id)
                if "data" in fields:
                    yield Told(fields["event"], json.loads(fields["data"]), fields.get("id", ""))
                elif "id" in fields:
                    yield Told("", {}, fields["id"])
                fields = {}

    def until(self, name: str) -> list[Told]:
        """Return the events up to the first of this name."""
        seen = []
        for event in self.events():
            seen.append(event)
            if event.name == name:
                return seen
        raise AssertionError(f"the stream ended before {name}: {seen}")


@pytest.fixture(scope="module")
def live(database_url: str, clock: Clock) -> Iterator[Live]:
    app = create_app(Settings(database_url=database_url, recheck_s=0.2), clock=clock)
    with serve_live(app) as address:
        started = Live(app, address)
        with started.http:
            yield started


def test_a_stream_begins_with_the_present_state_and_goes_on_with_news(live: Live) -> None:
    live.open_run("begins")
    live.send_and_settle("begins", 0, 1)
    with live.http.stream("GET", "/runs/begins/events") as response:
        stream = Stream(response)
        first = stream.until("step")
        assert [event.name for event in first] == ["alert", "schedule", "status", "step"]
        assert first[-1].data == {"last_step": 1, "step_count": 2, "revision": 2}
        assert first[2].data == {"status": "running"}
        assert [event.id for event in first] == ["", "", "", "2.1.0"]
        live.send("begins", 2)
        schedule, step = stream.until("step")
        assert schedule.data["version"] == 3
        assert step.data == {"last_step": 2, "step_count": 3, "revision": 3}
        live.http.post("/runs/begins/finish", json={"attempt": 1})
        assert stream.until("step")[0].data == {"status": "finished"}


def test_a_listener_that_comes_back_is_told_only_what_differs(live: Live) -> None:
    live.open_run("back")
    live.send_and_settle("back", 0)
    with live.http.stream("GET", "/runs/back/events") as response:
        known = Stream(response)
        known.until("step")
    live.http.put("/runs/back/schedule/override", json={"delta": 0.8, "reason": "try"})
    again = {"Last-Event-ID": known.last_id}
    with live.http.stream("GET", "/runs/back/events", headers=again) as response:
        stream = Stream(response)
        names = [event.name for event in stream.until("step")]
        assert names == ["schedule", "status", "step"]
        assert stream.last_id == "3.1.1"
    again = {"Last-Event-ID": stream.last_id}
    with live.http.stream("GET", "/runs/back/events", headers=again) as response:
        live.send("back", 1)
        told = Stream(response).until("step")
        assert told[-1].data["last_step"] == 1, "nothing was told before there was news"


def test_a_changed_alert_is_told_with_what_is_open(live: Live) -> None:
    live.open_run("alerted")
    with live.http.stream("GET", "/runs/alerted/events") as response:
        stream = Stream(response)
        assert stream.until("step")[0].data == {
            "alert_version": 0,
            "open_alerts": {"critical": 0, "warning": 0},
            "health": "unknown",
            "headline": "",
        }
        live.send("alerted", 0, 1, 2, loss="NaN")
        told = stream.until("alert")[-1]
        while told.data["health"] == "unknown":
            told = stream.until("alert")[-1]
        assert told.data == {
            "alert_version": 1,
            "open_alerts": {"critical": 1, "warning": 0},
            "health": "critical",
            "headline": "critical: non_finite from step 0. A value is not finite.",
        }


def test_many_steps_in_a_second_are_one_event(live: Live) -> None:
    live.open_run("fast")
    with live.http.stream("GET", "/runs/fast/events") as response:
        stream = Stream(response)
        stream.until("step")
        started, steps = time.monotonic(), 0
        told: list[Told] = []
        while time.monotonic() < started + 2.5:
            live.send("fast", steps)
            steps += 1
        last = steps - 1
        for event in stream.events():
            told.append(event)
            if event.data.get("last_step") == last:
                break
    counted = [event for event in told if event.name == "step"]
    assert steps > 20
    assert len(counted) <= 5


def test_a_run_that_does_not_exist_has_no_stream(live: Live) -> None:
    answer = live.http.get("/runs/nobody/events")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_unknown_last_event_id_begins_anew(live: Live) -> None:
    live.open_run("odd")
    headers = {"Last-Event-ID": "-1.x.0"}
    with live.http.stream("GET", "/runs/odd/events", headers=headers) as response:
        assert len(Stream(response).until("step")) == 4


def test_who_leaves_costs_nothing(live: Live) -> None:
    live.open_run("left")
    with live.http.stream("GET", "/runs/left/events") as response:
        stream = Stream(response)
        stream.until("step")
        assert live.context.notifier.listeners("left") == 1
    wait_until(lambda: live.context.notifier.listeners("left") == 0, "the stream to end")


def test_the_list_tells_of_every_run_by_name(live: Live, clock: Clock) -> None:
    live.open_run("known")
    clock.now += 60.0
    with live.http.stream("GET", "/events?project=p") as response:
        stream = Stream(response)
        next(stream.events())
        live.open_run("listed")
        fresh = stream.until("step")
        assert {event.data["run"] for event in fresh} == {"listed"}
        assert {event.name for event in fresh} == {"alert", "schedule", "status", "step"}
        live.send("listed", 0)
        named = {event.name: event for event in stream.until("step")}
        assert named["schedule"].data["run"] == "listed"
        assert named["step"].data == {
            "run": "listed",
            "last_step": 0,
            "step_count": 1,
            "revision": 2,
        }
    clock.now += 60.0
    live.send("known", 0)
    again = {"Last-Event-ID": stream.last_id}
    with live.http.stream("GET", "/events?project=p", headers=again) as response:
        following = Stream(response).events()
        news = next(one for one in following if one.name == "step" and one.data["run"] == "known")
        assert news.data["last_step"] == 0
    clock.now += 60.0
    with live.http.stream("GET", "/events?project=other") as response:
        stream = Stream(response)
        next(stream.events())
        live.send("known", 1)
        body = {"run_id": "elsewhere", "attempt_key": "a1"}
        assert live.http.post("/projects/other/runs", json=body).status_code == 201
        assert stream.until("step")[0].data["run"] == "elsewhere"


def test_a_change_of_another_process_reaches_a_stream(live: Live, database_url: str) -> None:
    live.open_run("elsewhere-stored")
    with (
        live.http.stream("GET", "/runs/elsewhere-stored/events") as response,
        serve_live(create_app(Settings(database_url=database_url))) as address,
    ):
        stream = Stream(response)
        stream.until("step")
        body = {"attempt": 1, "steps": [7], "columns": {"loss": [0.1]}}
        url = f"{address}/api/v1/runs/elsewhere-stored/steps"
        assert httpx.post(url, json=body).status_code == 200
        assert stream.until("step")[-1].data["last_step"] == 7


def test_a_signal_ends_a_process_with_open_streams_and_polls(server: ServerProcess) -> None:
    body = {"run_id": "r", "attempt_key": "a1"}
    base = f"{server.url}/api/v1"
    assert httpx.post(f"{base}/projects/p/runs", json=body).status_code == 201
    assert server.process is not None
    with (
        httpx.stream("GET", f"{base}/runs/r/events", timeout=20.0) as one,
        httpx.stream("GET", f"{base}/events", timeout=20.0) as every,
    ):
        stream, lists = Stream(one), Stream(every)
        stream.until("step")
        next(lists.events())
        server.process.send_signal(signal.SIGTERM)
        # Both end as a stream should; one that is cut off raises here.
        assert list(stream.events()) == []
        assert list(lists.events()) == []
        server.process.wait(10.0)
    server.process = None
