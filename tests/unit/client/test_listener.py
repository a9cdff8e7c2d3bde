"""The promises of Listener, in the order its docstring makes them."""

import threading
import time
from collections import defaultdict
from pathlib import Path

import httpx
import pytest

from fade_client import endpoints, listener
from fade_client.ledger import Ledger
from tests.unit.client.fakes import TIMEOUT_S, FakeNetwork, open_run

PIN = {"alpha": 2.5, "delta": None, "reason": "by hand", "by": "ann"}


@pytest.fixture
def network() -> FakeNetwork:
    return FakeNetwork()


def waits(network: FakeNetwork) -> list[httpx.Request]:
    return [one for one in network.requests if one.url.path.endswith("/schedule")]


def test_a_batch_does_not_wait_for_the_request_that_is_held(
    tmp_path: Path, network: FakeNetwork
) -> None:
    run = open_run(tmp_path, network, mode="control")
    network.wait_for(lambda: len(waits(network)) == 2)
    run.log_step(accuracy=0.9)
    network.wait_for(lambda: network.stored(run.id) == [0])
    assert len(waits(network)) == 2
    run.finish()


def test_an_override_arrives_with_nothing_to_send(tmp_path: Path, network: FakeNetwork) -> None:
    run = open_run(tmp_path, network, mode="control", interval_s=60.0)
    network.wait_for(lambda: len(waits(network)) == 2)
    network.override = PIN
    network.wait_for(lambda: run.schedule.alpha == 2.5)
    network.override = None
    network.wait_for(lambda: run.schedule.source == "fade")
    run.finish()


def test_one_request_waits_while_nothing_changes(tmp_path: Path, network: FakeNetwork) -> None:
    run = open_run(tmp_path, network, mode="control")
    network.wait_for(lambda: len(waits(network)) == 2)
    first, second = waits(network)
    assert dict(first.url.params) == {}
    assert dict(second.url.params) == {
        "after": "9007199254740991",
        "override_after": "0",
        "alerts_after": "0",
        "wait": "20",
    }
    run.finish()


def test_a_server_that_does_not_wait_is_not_asked_without_a_pause(
    tmp_path: Path, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By listener: one of an earlier test may still be ending.
    pauses: dict[listener.Listener, list[float]] = defaultdict(list)

    def pause(self: listener.Listener, seconds: float) -> None:
        pauses[self].append(seconds)
        self._stopped = len(pauses[self]) == 3

    monkeypatch.setattr(listener.Listener, "_pause", pause)
    monkeypatch.setattr(network, "_hold", lambda _: None)
    run = open_run(tmp_path, network, mode="control")
    listening = run._listener
    assert listening is not None
    network.wait_for(lambda: len(pauses[listening]) > 0)
    listening.thread.join(TIMEOUT_S)
    assert pauses[listening] == [listener.PAUSE_S] * 3
    assert len(waits(network)) == 4
    run.finish()


def test_it_listens_again_when_the_server_is_back(
    tmp_path: Path, network: FakeNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    failed = threading.Event()

    def break_the_line(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("/schedule") and not failed.is_set():
            failed.set()
            raise httpx.ReadError("gone", request=request)
        return None

    network.failure = break_the_line
    run = open_run(tmp_path, network, mode="control")
    network.wait_for(lambda: len(waits(network)) >= 3)
    network.override = PIN
    network.wait_for(lambda: run.schedule.alpha == 2.5)
    run.finish()
    assert failed.is_set()
    assert "does not take records" not in caplog.text


def test_stop_does_not_wait_for_the_request_that_is_held(
    tmp_path: Path, network: FakeNetwork
) -> None:
    hang = threading.Event()

    def hanging(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("/schedule"):
            hang.wait(TIMEOUT_S)
        return None

    network.failure = hanging
    run = open_run(tmp_path, network, mode="control")
    network.wait_for(lambda: len(waits(network)) == 1)
    started = time.monotonic()
    assert run.finish().stats.pending == 0
    assert time.monotonic() - started < 4.0
    hang.set()
    assert run._listener is not None
    run._listener.thread.join(TIMEOUT_S)
    assert not run._listener.thread.is_alive()


def test_a_run_that_only_observes_holds_no_request(tmp_path: Path, network: FakeNetwork) -> None:
    run = open_run(tmp_path, network, mode="recommend")
    run.log_step(accuracy=0.9)
    run.finish()
    assert (run._listener, waits(network)) == (None, [])


def test_a_listener_that_cannot_connect_costs_the_overrides_between_batches_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> httpx.Client:
        raise RuntimeError("no certificates")

    deaf = listener.Listener("r", broken, Ledger(), on_reply=lambda _: None)
    deaf.start()
    deaf.start()
    deaf.thread.join(TIMEOUT_S)
    assert "overrides come with the batches only" in caplog.text


def test_an_answer_that_is_made_to_wait_has_the_time_to(tmp_path: Path) -> None:
    assert endpoints.LONG_TIMEOUT_S > listener.WAIT_S
    with endpoints.connect("http://127.0.0.1:9", None, endpoints.LONG_TIMEOUT_S) as client:
        assert client.timeout.read == endpoints.LONG_TIMEOUT_S
