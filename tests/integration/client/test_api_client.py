"""``fade_client.api.Client`` against the real service: every operation, and what it promises."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from fade_client.api import ApiError, ApiNotFound, ApiUnreachable, Client
from fade_server.main import create_app
from fade_server.settings import Settings
from fadewatch.uploads import read_upload
from tests.integration.server.live import serve_live

Call = Callable[[Client, Path], object]

WEIGHTS = {
    "step": 0, "prompts": 1, "group_size": 2, "rewards": "AACAPwAAAAA=",
    "advantages": "AAAAPwAAAL8=",
}  # fmt: skip


def changed_sink(api: Client, _: Path) -> object:
    (sink,) = api.sinks()
    changed = api.change_sink(sink.id, enabled=False)
    assert (changed.name, changed.url, changed.enabled) == (sink.name, sink.url, False)
    return changed


def imported(api: Client, folder: Path) -> object:
    (folder / "a.jsonl").write_text('{"step": 1, "loss": 0.5}\n')
    return api.import_file(folder / "a.jsonl")


CALLS: dict[tuple[str, str], Call] = {
    ("post", "/api/v1/projects/{project}/runs"): lambda api, _: api.open_run("p", "r", "a1"),
    ("post", "/api/v1/runs/{run}/steps"): lambda api, _: api.add_steps(
        "r", 1, [0, 1], columns={"accuracy": [0.5, "NaN"]}, weights=[WEIGHTS]
    ),
    ("get", "/api/v1/runs"): lambda api, _: list(api.runs(project="p", sort="name")),
    ("get", "/api/v1/projects"): lambda api, _: api.projects(),
    ("get", "/api/v1/runs/{run}"): lambda api, _: api.run("r"),
    ("patch", "/api/v1/runs/{run}"): lambda api, _: api.change_run("r", name="x", tags=["t"]),
    ("get", "/api/v1/runs/{run}/series.bin"): lambda api, _: api.series("r", "accuracy"),
    ("get", "/api/v1/runs/{run}/weights/{step}"): lambda api, _: api.weights("r", 0),
    ("get", "/api/v1/runs/{run}/whatif"): lambda api, _: api.what_if("r", "grpo", limit=3),
    ("get", "/api/v1/runs/{run}/audit"): lambda api, _: api.audit("r"),
    ("get", "/api/v1/runs/{run}/export"): lambda api, folder: api.export("r", folder / "r.csv"),
    ("post", "/api/v1/runs/import"): imported,
    ("get", "/api/v1/runs/{run}/events"): lambda api, _: next(api.events("r")),
    ("get", "/api/v1/events"): lambda api, _: next(api.events(last_id="1.0")),
    ("get", "/api/v1/runs/{run}/schedule"): lambda api, _: api.schedule("r"),
    ("put", "/api/v1/runs/{run}/schedule/override"): lambda api, _: api.pin(
        "r", delta=0.8, reason="try"
    ),
    ("delete", "/api/v1/runs/{run}/schedule/override"): lambda api, _: api.release("r"),
    ("get", "/api/v1/runs/{run}/schedule/history"): lambda api, _: list(api.history("r")),
    ("get", "/api/v1/runs/{run}/schedule/changes"): lambda api, _: list(api.changes("r")),
    ("post", "/api/v1/runs/{run}/preview"): lambda api, _: api.preview("r", delta=0.5),
    ("get", "/api/v1/runs/{run}/diagnosis"): lambda api, _: api.diagnosis("r"),
    ("get", "/api/v1/runs/{run}/alerts"): lambda api, _: list(api.alerts_of_run("r")),
    ("get", "/api/v1/alerts"): lambda api, _: list(api.alerts(project="p")),
    ("post", "/api/v1/alerts/{alert}/ack"): lambda api, _: api.acknowledge(999, "seen"),
    ("post", "/api/v1/alerts/{alert}/unack"): lambda api, _: api.unacknowledge(999),
    ("post", "/api/v1/silences"): lambda api, _: api.silence(
        reason="night", duration_s=60, run="r"
    ),
    ("get", "/api/v1/silences"): lambda api, _: api.silences(),
    ("delete", "/api/v1/silences/{silence}"): lambda api, _: api.end_silence(1),
    ("post", "/api/v1/sinks"): lambda api, _: api.create_sink("s", "apprise", "json://localhost"),
    ("get", "/api/v1/sinks"): lambda api, _: api.sinks(),
    ("get", "/api/v1/sinks/{sink}"): lambda api, _: api.sink(999),
    ("put", "/api/v1/sinks/{sink}"): changed_sink,
    ("delete", "/api/v1/sinks/{sink}"): lambda api, _: api.delete_sink(999),
    ("post", "/api/v1/sinks/{sink}/test"): lambda api, _: api.test_sink(999),
    ("get", "/api/v1/deliveries"): lambda api, _: list(api.deliveries()),
    ("get", "/api/v1/me"): lambda api, _: api.me(),
    ("post", "/api/v1/keys"): lambda api, _: api.create_key("k", ["admin"]),
    ("get", "/api/v1/keys"): lambda api, _: api.keys(),
    ("delete", "/api/v1/keys/{key}"): lambda api, _: api.revoke_key("999"),
    ("get", "/api/v1/audit"): lambda api, _: list(api.trail()),
    ("get", "/api/v1/projects/{project}/retention"): lambda api, _: api.retention("p"),
    ("put", "/api/v1/projects/{project}/retention"): lambda api, _: api.set_retention(
        "p", weights_days=30
    ),
    ("delete", "/api/v1/projects/{project}/retention"): lambda api, _: api.clear_retention("p"),
    ("post", "/api/v1/runs/{run}/finish"): lambda api, _: api.finish_run("r", 1),
    ("delete", "/api/v1/runs/{run}"): lambda api, _: api.delete_run("r"),
    ("get", "/healthz"): lambda api, _: api.is_alive(),
    ("get", "/readyz"): lambda api, _: api.is_ready(),
    ("get", "/metrics"): lambda api, _: api.metrics(),
}

SAME_AS = {("get", "/api/v1/runs/{}/series")}
"""The JSON form of the series says nothing that the binary one does not."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    database = tmp_path_factory.mktemp("api") / "fade.db"
    settings = Settings(database_url=f"sqlite:///{database}", recheck_s=0.2)
    with serve_live(create_app(settings, importer=read_upload)) as started:
        yield started


@pytest.fixture(scope="module")
def api(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client


def test_every_operation_of_the_api_has_a_method_that_asks_it(api: Client, tmp_path: Path) -> None:
    document = api._http.request("GET", "/api/openapi.json").json()
    operations = {
        (method, re.sub(r"\{\w+\}", "{}", path))
        for path, item in document["paths"].items()
        for method in item
        if method in ("get", "put", "post", "delete", "patch")
    }
    calls = {
        (method, re.sub(r"\{\w+\}", "{}", path)): call for (method, path), call in CALLS.items()
    }
    asked: list[tuple[str, str]] = []
    api._http.client.event_hooks["request"] = [
        lambda request: asked.append((request.method.lower(), request.url.path))
    ]
    try:
        for operation, call in calls.items():
            if operation not in operations:
                continue
            asked.clear()
            with suppress(ApiNotFound):  # nothing is called 999
                call(api, tmp_path)
            assert any(_matches(operation, one) for one in asked), (operation, asked)
    finally:
        api._http.client.event_hooks["request"] = []
    assert operations - calls.keys() - SAME_AS == set(), "operations without a method"


def _matches(operation: tuple[str, str], asked: tuple[str, str]) -> bool:
    pattern = operation[1].replace("{}", "[^/]+")
    return operation[0] == asked[0] and re.fullmatch(pattern, asked[1]) is not None


@pytest.fixture(scope="module")
def run(api: Client) -> str:
    api.open_run("math", "seven", "a1", name="seven", tags=["x"], config={"lr": 1e-6})
    loss = [0.5, "NaN", "Infinity", 0.25]
    extra = {f"m{n}": [float(n)] * 4 for n in range(70)}
    api.add_steps("seven", 1, range(4), columns={"loss": loss}, extra=extra, weights=[WEIGHTS])
    return "seven"


def test_a_run_is_typed_and_numbers_are_numbers(api: Client, run: str) -> None:
    found = api.run(run)
    assert (found.id, found.project, found.tags, found.config) == (run, "math", ["x"], {"lr": 1e-6})
    assert found.last["loss"] == 0.25
    assert found.schedule.version == 4
    assert np.isnan(found.schedule.h_hat)
    with pytest.raises(AttributeError):
        found.name = "other"  # type: ignore[misc]


def test_series_are_arrays_of_any_number_of_metrics(api: Client, run: str) -> None:
    names = ["loss", *(f"extra/m{n}" for n in range(70))]
    curves = api.series(run, *names)
    assert list(curves) == names
    np.testing.assert_array_equal(curves["loss"].step, [0, 1, 2, 3])
    np.testing.assert_array_equal(curves["loss"].value, [0.5, np.nan, np.inf, 0.25])
    np.testing.assert_array_equal(curves["extra/m69"].value, [69.0] * 4)
    part = api.series(run, "loss", first=1, last=2)["loss"]
    assert part.step.tolist() == [1, 2]


def test_raw_weights_are_arrays(api: Client, run: str) -> None:
    rewards, advantages = api.weights(run, 0)
    assert rewards.tolist() == [[1.0, 0.0]]
    assert advantages.tolist() == [[0.5, -0.5]]


def test_lists_turn_their_pages(api: Client) -> None:
    for number in range(5):
        api.open_run("pages", f"page{number}", "a1")
    asked: list[str] = []
    api._http.client.event_hooks["request"] = [lambda request: asked.append(request.url.path)]
    try:
        names = [run.id for run in api.runs(project="pages", sort="name", page_size=2)]
    finally:
        api._http.client.event_hooks["request"] = []
    assert names == [f"page{number}" for number in range(5)]
    assert len(asked) == 3
    api.add_steps("page0", 1, range(5), columns={"loss": [1.0] * 5})
    steps = [schedule.step for schedule in api.history("page0", page_size=2)]
    assert steps == [5, 4, 3, 2, 1, 0]
    api.pin("page0", delta=0.8, reason="try")
    assert [(one.event, one.delta) for one in api.changes("page0")] == [("pinned", 0.8)]


def test_what_is_refused_names_the_field(api: Client, run: str) -> None:
    with pytest.raises(ApiError) as refused:
        api.pin(run, alpha=99.0, reason="too far")
    assert refused.value.status == 422
    (problem,) = refused.value.problems
    assert (problem.field, problem.got) == ("alpha", 99.0)
    with pytest.raises(ApiNotFound, match="no run"):
        api.run("nobody")
    with pytest.raises(ApiNotFound):
        api.run("a/../b?c#d")


def test_an_export_is_there_only_when_it_is_whole(api: Client, run: str, tmp_path: Path) -> None:
    path = api.export(run, tmp_path / "seven.jsonl", weights=True)
    (again,) = api.import_file(path, project="again", run_id="again")
    assert (again.accepted, again.format) == (4, "fadewatch")
    loss = api.series("again", "loss")["loss"].value
    np.testing.assert_array_equal(loss, [0.5, np.nan, np.inf, 0.25])
    with pytest.raises(ApiNotFound):
        api.export("nobody", tmp_path / "nobody.csv")
    assert [one.name for one in tmp_path.iterdir()] == ["seven.jsonl"]


def test_events_go_on_over_a_restart_of_the_server(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/fade.db", recheck_s=0.2)
    ports: list[str] = []
    waits: list[float] = []
    again = threading.Event()

    def pause(seconds: float) -> None:
        waits.append(seconds)
        again.wait(30.0)

    def route(request: httpx.Request) -> None:
        # The address stays, what is behind it is another process.
        request.url = request.url.copy_with(port=httpx.URL(ports[-1]).port)

    with Client("http://127.0.0.1:1") as api:
        api._http.client.event_hooks["request"] = [route]
        told = api.events("r", pause=pause)
        with serve_live(create_app(settings)) as address:
            ports.append(address)
            api.open_run("p", "r", "a1")
            assert [next(told).name for _ in range(4)] == ["alert", "schedule", "status", "step"]
        with serve_live(create_app(settings)) as address:
            ports.append(address)
            api.add_steps("r", 1, [0], columns={"loss": [1.0]})
            again.set()
            while next(told).data.get("last_step") != 0:
                pass
    assert waits == [1.0]


def test_events_of_a_deleted_run_end(api: Client) -> None:
    api.open_run("p", "short", "a1")
    told = api.events("short", pause=lambda _: None)
    while next(told).name != "step":
        pass
    api.delete_run("short")
    with pytest.raises(ApiNotFound):
        next(told)


def test_only_what_may_be_made_twice_is_tried_again() -> None:
    asked: list[str] = []

    def busy(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return httpx.Response(503, json={"detail": "busy"}, headers={"Retry-After": "0"})

    with Client("http://127.0.0.1:1", tries=3, transport=httpx.MockTransport(busy)) as api:
        for call, times in (
            (lambda: api.run("r"), 3),
            (lambda: api.release("r"), 3),
            (lambda: api.add_steps("r", 1, [0]), 3),
            (lambda: api.create_key("k", ["read"]), 1),
        ):
            asked.clear()
            with pytest.raises(ApiError, match="busy"):
                call()
            assert len(asked) == times


def test_a_server_that_is_away_is_said_with_what_to_do() -> None:
    with Client("http://127.0.0.1:9", tries=2) as api, pytest.raises(ApiUnreachable) as away:
        api.run("r")
    assert "fadewatch server" in str(away.value)


def test_an_answer_of_something_else_is_not_taken_for_ours() -> None:
    page = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>"))
    with Client("http://127.0.0.1:1", tries=1, transport=page) as api:
        for call in (lambda: api.run("r"), lambda: api.series("r", "loss")):
            with pytest.raises(ApiUnreachable):
                call()


def test_an_answer_of_a_later_version_is_read(api: Client, run: str) -> None:
    document: dict[str, Any] = api._http.request(
        "GET", "/api/v1/runs/{run}", path={"run": run}
    ).json()
    later = document | {"mood": "fine", "open_alerts": {"critical": 1, "disaster": 2}}
    newer = httpx.MockTransport(lambda _: httpx.Response(200, json=later))
    with Client("http://127.0.0.1:1", transport=newer) as reader:
        assert reader.run(run).open_alerts["disaster"] == 2


def test_a_long_poll_waits_longer_than_the_client(address: str, run: str) -> None:
    with Client(address, timeout_s=0.5, tries=1) as api:
        started = time.monotonic()
        live = api.schedule(run, after=10**9, wait_s=0.8)
        assert time.monotonic() - started >= 0.8
        assert live.schedule.version == 4
