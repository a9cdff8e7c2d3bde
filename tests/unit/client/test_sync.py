"""What an outage left in the spools arrives later."""

import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from fade_client import sync as syncing
from fade_client.run import Run
from fade_client.sync import SyncProgress, SyncReport, list_spools, sync
from tests.unit.client.fakes import FakeNetwork, open_run


@pytest.fixture
def network() -> FakeNetwork:
    return FakeNetwork()


def left_behind(directory: Path, network: FakeNetwork, steps: int = 3, **changes: Any) -> Run:
    network.down()
    run = open_run(directory, network, **changes)
    for _ in range(steps):
        run.log_step(loss=1.0)
    run.finish(timeout_s=0.05)
    assert run._sender is not None
    run._sender.thread.join(10.0)
    network.up()
    return run


def synced(directory: Path, network: FakeNetwork, **changes: Any) -> SyncReport:
    return sync(directory, "http://fake", connect=lambda *_: network.client(), **changes)


def test_everything_left_behind_arrives_and_is_deleted(
    tmp_path: Path, network: FakeNetwork
) -> None:
    first = left_behind(tmp_path, network)
    second = left_behind(tmp_path, network)
    seen: list[SyncProgress] = []
    report = synced(tmp_path, network, on_progress=seen.append)
    assert [(now.settled, now.total) for now in seen[:1] + seen[-1:]] == [(0, 6), (6, 6)]
    assert [now.settled for now in seen] == sorted(now.settled for now in seen)
    assert (report.sent, report.rejected, report.failed) == (6, 0, [])
    assert report.done == [first.path, second.path]
    assert {now.info.path for now in seen} == set(report.done)
    assert network.stored(first.id) == network.stored(second.id) == [0, 1, 2]
    assert network.finished == ["finished", "finished"]
    assert list_spools(tmp_path) == []


def test_syncing_again_does_nothing(tmp_path: Path, network: FakeNetwork) -> None:
    left_behind(tmp_path, network)
    synced(tmp_path, network)
    before = len(network.requests)
    assert synced(tmp_path, network) == SyncReport()
    assert len(network.requests) == before


def test_a_sync_goes_on_where_the_run_stopped(tmp_path: Path, network: FakeNetwork) -> None:
    run = open_run(tmp_path, network)
    run.log_step(loss=1.0)
    network.wait_for(lambda: network.stored(run.id) == [0])
    network.down()
    run.log_step(loss=2.0)
    run.finish(timeout_s=0.1)
    assert run._sender is not None
    run._sender.thread.join(10.0)
    network.up()
    assert synced(tmp_path, network).sent == 1
    assert [len(batch["steps"]) for batch in network.batches] == [1, 1]


def test_a_live_run_is_left_to_its_own_process(tmp_path: Path, network: FakeNetwork) -> None:
    network.down()
    run = open_run(tmp_path, network)
    run.log_step(loss=1.0)
    report = synced(tmp_path, FakeNetwork())
    assert (report.live, report.done, report.sent) == ([run.path], [], 0)
    assert run._sender is not None
    run.finish(timeout_s=0.0)
    run._sender.thread.join(10.0)


def test_a_local_run_can_be_sent_later_and_keeps_its_record(
    tmp_path: Path, network: FakeNetwork
) -> None:
    run = open_run(tmp_path, network, mode="local")
    run.log_step(loss=1.0)
    run.finish()
    report = synced(tmp_path, network)
    assert (report.sent, network.runs[run.id]["mode"]) == (1, "control")
    (info,) = list_spools(tmp_path)
    assert (info.steps, info.pending, info.finished) == (1, 0, True)
    assert synced(tmp_path, network) == SyncReport()


def test_a_server_that_is_away_is_in_the_report(
    tmp_path: Path, network: FakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "TRIES", 1)
    runs = [left_behind(tmp_path, network) for _ in range(2)]
    network.down()
    before = len(network.requests)
    report = synced(tmp_path, network)
    assert report.failed == [(run.path, "ConnectError: connection refused") for run in runs]
    assert [info.pending for info in list_spools(tmp_path)] == [3, 3]
    assert len(network.requests) == before + 1


def test_a_refused_run_does_not_stop_the_others(tmp_path: Path, network: FakeNetwork) -> None:
    bad = left_behind(tmp_path, network, project="bad")
    good = left_behind(tmp_path, network)

    def refuse(request: httpx.Request) -> httpx.Response | None:
        taken = request.url.path.endswith("/projects/bad/runs")
        return httpx.Response(409, json={"detail": "no"}) if taken else None

    network.failure = refuse
    report = synced(tmp_path, network)
    assert (report.failed, report.done) == ([(bad.path, "409 no")], [good.path])


def test_a_torn_tail_is_named_and_does_not_stop_the_rest(
    tmp_path: Path, network: FakeNetwork
) -> None:
    run = left_behind(tmp_path, network)
    assert run.path is not None
    os.truncate(run.path, run.path.stat().st_size - 1)
    (info,) = list_spools(tmp_path)
    assert (info.finished, info.pending) == (False, 3)
    assert info.torn_bytes > 0
    assert synced(tmp_path, network).sent == 3
    assert network.finished == []


def test_files_of_something_else_are_not_spools(tmp_path: Path) -> None:
    (tmp_path / "notes.spool").write_text("hello")
    assert list_spools(tmp_path) == []
    assert list_spools(tmp_path / "missing") == []
