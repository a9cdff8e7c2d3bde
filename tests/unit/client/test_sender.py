"""The promises of Sender, in the order its docstring makes them."""

import gzip
import json
import logging
import threading
import time
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
import tenacity

from fade_client import courier, endpoints, opening
from fade_client.endpoints import Api
from fade_client.frames import StepFrame, pack
from fade_client.ledger import Ledger
from fade_client.sender import REST_S, Sender
from fade_client.spool import SpoolWriter, rejected_path
from tests.unit.client.fakes import TIMEOUT_S, FakeNetwork, open_run, resolved


class Said(logging.Handler):
    """Sets its event when a message with this text is logged."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.event, self._text = threading.Event(), text

    def emit(self, record: logging.LogRecord) -> None:
        if self._text in record.getMessage():
            self.event.set()


@pytest.fixture
def network() -> FakeNetwork:
    return FakeNetwork()


def test_every_step_arrives_once_and_the_spool_is_deleted(
    tmp_path: Path, network: FakeNetwork
) -> None:
    run = open_run(tmp_path, network, mode="control")
    for _ in range(1000):
        run.log_step(entropy=1.0)
    report = run.finish()
    assert network.stored(run.id) == list(range(1000))
    assert sum(len(batch["steps"]) for batch in network.batches) == 1000
    assert (report.stats.confirmed, report.stats.pending, report.path) == (1000, 0, None)
    assert network.finished == ["finished"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_batch_is_bounded_however_long_the_outage_was(
    tmp_path: Path, network: FakeNetwork
) -> None:
    network.down()
    run = open_run(tmp_path, network)
    for _ in range(1000):
        run.log_step(entropy=1.0)
    network.up()
    run.finish()
    assert max(len(batch["steps"]) for batch in network.batches) == courier.MAX_STEPS
    assert network.stored(run.id) == list(range(1000))


def test_everything_arrives_once_when_the_server_comes_back(
    tmp_path: Path, network: FakeNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    run = open_run(tmp_path, network)
    run.log_step(entropy=1.0)
    network.wait_for(lambda: network.stored(run.id) == [0])
    network.down()
    before = len(network.requests)
    for _ in range(5):
        run.log_step(entropy=1.0)
    network.wait_for(lambda: len(network.requests) >= before + 2)
    network.up()
    network.wait_for(lambda: network.stored(run.id) == list(range(6)))
    run.finish()
    assert sum(len(batch["steps"]) for batch in network.batches) == 6
    assert caplog.text.count("does not take records") == 1
    assert caplog.text.count("takes records again") == 1


def test_a_batch_whose_answer_was_lost_is_not_stored_twice(
    tmp_path: Path, network: FakeNetwork
) -> None:
    lost = threading.Event()

    def lose_one_answer(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("/steps") and not lost.is_set():
            lost.set()
            network._answer(request)
            raise httpx.ReadTimeout("the answer was lost", request=request)
        return None

    network.failure = lose_one_answer
    run = open_run(tmp_path, network)
    run.log_step(entropy=1.0)
    report = run.finish()
    assert lost.is_set()
    assert (network.stored(run.id), report.stats.confirmed) == ([0], 1)


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 502, 503])
def test_no_step_is_given_up_for_a_trouble_that_may_pass(
    tmp_path: Path, network: FakeNetwork, status: int
) -> None:
    troubled = threading.Event()

    def trouble_once(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("/steps") and not troubled.is_set():
            troubled.set()
            return httpx.Response(status, json={"detail": "not now"}, headers={"Retry-After": "0"})
        return None

    network.failure = trouble_once
    run = open_run(tmp_path, network)
    run.log_step(entropy=1.0)
    report = run.finish()
    assert (network.stored(run.id), report.stats.rejected) == ([0], 0)


def test_a_refused_record_costs_that_record_only(tmp_path: Path, network: FakeNetwork) -> None:
    network.poison = {3, 77}
    run = open_run(tmp_path, network, interval_s=60.0)
    for _ in range(100):
        run.log_step(entropy=1.0)
    report = run.finish()
    assert network.stored(run.id) == [step for step in range(100) if step not in (3, 77)]
    assert (report.stats.confirmed, report.stats.rejected, report.stats.pending) == (98, 2, 0)
    assert run.path is not None
    lines = [json.loads(line) for line in rejected_path(run.path).read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 77]
    assert "steps[3]: is poison" in lines[0]["reason"]


def test_a_run_that_the_server_will_not_have_stays_in_the_spool(
    tmp_path: Path, network: FakeNetwork
) -> None:
    network.failure = lambda _: httpx.Response(409, json={"detail": "in another project"})
    said = Said("409 in another project")
    logging.getLogger("fade_client").addHandler(said)
    run = open_run(tmp_path, network)
    assert said.event.wait(TIMEOUT_S)
    logging.getLogger("fade_client").removeHandler(said)
    run.log_step(entropy=1.0)
    report = run.finish()
    assert (report.stats.pending, report.path, report.stats.lost) == (1, run.path, {})


def test_a_connection_that_cannot_be_opened_costs_delivery_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> httpx.Client:
        raise RuntimeError("no certificates")

    run = opening.open_run(resolved(tmp_path), broken)
    run.log_step(entropy=1.0)
    report = run.finish()
    assert (report.stats.pending, report.path, report.stats.lost) == (1, run.path, {})
    assert "the sender has stopped" in caplog.text


def test_close_returns_within_its_timeout_while_the_network_hangs(
    tmp_path: Path, network: FakeNetwork
) -> None:
    hang = threading.Event()

    def hanging(request: httpx.Request) -> httpx.Response | None:
        hang.wait(TIMEOUT_S)
        return None

    network.failure = hanging
    run = open_run(tmp_path, network)
    run.log_step(entropy=1.0)
    started = time.monotonic()
    report = run.finish(timeout_s=0.2)
    assert time.monotonic() - started < 2.0
    assert report.stats.pending == 1
    hang.set()
    network.wait_for(lambda: network.finished == ["finished"])


def test_close_tries_again_at_once_instead_of_waiting_for_the_next_try(
    tmp_path: Path, network: FakeNetwork
) -> None:
    network.failure = lambda _: httpx.Response(503, headers={"Retry-After": "200"})
    run = open_run(tmp_path, network)
    run.log_step(entropy=1.0)
    network.wait_for(lambda: len(network.requests) == 1)
    network.up()
    assert run.finish().stats.confirmed == 1


def test_a_fault_in_the_sender_costs_delivery_only(
    tmp_path: Path, network: FakeNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(request: httpx.Request) -> httpx.Response | None:
        raise RuntimeError("a bug")

    network.failure = broken
    run = open_run(tmp_path, network)
    run.log_step(entropy=1.0)
    network.wait_for(lambda: len(network.requests) >= 2)
    network.up()
    assert run.finish().stats.confirmed == 1
    assert "a fault in the sender" in caplog.text


def test_a_server_that_lost_its_database_gets_everything_again(
    tmp_path: Path, network: FakeNetwork
) -> None:
    run = open_run(tmp_path, network)
    run.log_step(entropy=1.0)
    network.wait_for(lambda: network.stored(run.id) == [0])
    network.runs.clear()
    network.steps.clear()
    network.attempts.clear()
    run.log_step(entropy=2.0)
    report = run.finish()
    assert (network.stored(run.id), report.stats.confirmed) == ([0, 1], 2)


def test_a_large_confirmed_spool_is_emptied_while_the_run_goes_on(
    tmp_path: Path, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "RESTART_BYTES", 1000)
    options = resolved(tmp_path)
    writer, ledger = SpoolWriter(options.path, options.header), Ledger()
    start = options.path.stat().st_size
    with network.client() as client:
        requests = Api(client, stop=tenacity.stop_after_attempt(1), sleep=time.sleep)
        delivery = courier.Courier(options.path, requests, ledger, restart=writer.restart)
        for step in range(100):
            writer.write(pack(StepFrame(step, 0.0, {"loss": 1.0})))
            delivery.drain()
            assert options.path.stat().st_size < max(2000, 2 * start)
    writer.close()
    assert network.stored(options.header.run_id) == list(range(100))
    assert ledger.confirmed == sum(len(batch["steps"]) for batch in network.batches) == 100


def test_full_batches_do_not_wake_a_sender_that_rests(tmp_path: Path, network: FakeNetwork) -> None:
    options = resolved(tmp_path)
    rounds: list[float] = []
    sender = Sender(
        SpoolWriter(options.path, options.header), network.client, Ledger(),
        on_reply=lambda _: None, between=lambda: rounds.append(time.monotonic()), interval_s=60.0,
    )  # fmt: skip
    deadline = time.monotonic() + TIMEOUT_S
    while len(rounds) < 4 and time.monotonic() < deadline:
        sender.nudge()
    began = rounds[:4]
    sender.close(TIMEOUT_S)
    assert len(began) == 4
    assert min(after - before for before, after in pairwise(began)) >= REST_S


def test_large_bodies_are_compressed(tmp_path: Path, network: FakeNetwork) -> None:
    run = open_run(tmp_path, network, config={"text": "x" * 2000})
    run.finish()
    registration = network.requests[0]
    assert registration.headers["Content-Encoding"] == "gzip"
    body = json.loads(gzip.decompress(registration.content))
    assert body["config"] == {"text": "x" * 2000}


def test_the_request_log_of_httpx_is_spared(
    tmp_path: Path, network: FakeNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        run = open_run(tmp_path, network)
        run.finish()
    assert network.requests
    assert [record for record in caplog.records if record.name == "httpx"] == []


def test_a_key_is_sent_as_a_bearer_token(tmp_path: Path) -> None:
    options = resolved(tmp_path, server="http://127.0.0.1:1/base/", api_key="secret")
    with endpoints.connect(options.server, options.api_key) as client:
        assert client.headers["Authorization"] == "Bearer secret"
        assert str(client.base_url) == "http://127.0.0.1:1/base/api/v1/"
