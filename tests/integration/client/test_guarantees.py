"""What a trainer can lose, with real processes, sockets and a real server.

``docs/delivery.md`` names a test of this file, or of ``tests/unit/client``, for every claim.
"""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import fade_client
from fade_client.spool import is_live
from fade_client.sync import list_spools, sync
from tests.helpers import ROOT
from tests.integration.client.service import TIMEOUT_S, Server, running, wait_until
from tests.integration.client.trainers import MOMENTS

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server")) as one:
        yield one


@pytest.fixture
def spools(tmp_path: Path) -> Path:
    return tmp_path / "spools"


def trainer(name: str, spools: Path, server: str, number: int) -> subprocess.Popen[str]:
    module = "tests.integration.client.trainers"
    command = [sys.executable, "-m", module, name, str(spools), server, str(number)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def answer_of(process: subprocess.Popen[str]) -> list[int]:
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return [int(line) for line in said.split()]


def stored(server: Server, run_id: str) -> list[int]:
    return server.series(run_id, "loss")[0]


@pytest.mark.parametrize(("up", "seed"), [(True, 1), (False, 2)])
def test_kill_9_at_20_random_moments_loses_no_step_that_was_logged(
    server: Server, spools: Path, up: bool, seed: int
) -> None:
    address = server.url if up else NOBODY
    logged = answer_of(trainer("killed_at_random_moments", spools, address, seed))
    assert len(logged) == MOMENTS
    assert sync(spools, server.url).failed == []
    for number, count in enumerate(logged):
        steps = stored(server, f"killed-{seed}-{number}")
        assert steps == list(range(len(steps)))
        # One more than was said: it was killed between the record and the word.
        assert len(steps) in (count, count + 1)
    assert list_spools(spools) == []


def test_sigterm_sends_what_is_left_and_ends_the_process_as_it_would_have(
    server: Server, spools: Path
) -> None:
    process = trainer("terminated", spools, server.url, 0)
    assert process.stdout is not None
    assert process.stdout.readline() == "logged\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    assert stored(server, "terminated-0") == list(range(50))


def test_a_trainers_own_handler_of_sigterm_is_left_alone(server: Server, spools: Path) -> None:
    process = trainer("terminated", spools, NOBODY, 1)
    assert process.stdout is not None
    assert process.stdout.readline() == "logged\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 7
    assert sync(spools, server.url).sent == 50
    assert stored(server, "terminated-1") == list(range(50))


def test_an_interpreter_that_ends_without_finish_sends_what_is_left(
    server: Server, spools: Path
) -> None:
    assert answer_of(trainer("ends_without_finish", spools, server.url, 300)) == []
    assert stored(server, "forgotten") == list(range(300))


def test_a_server_that_accepts_and_never_answers_stops_nothing(
    server: Server, spools: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(TIMEOUT_S)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        run = fade_client.init("p", mode="control", server=address, dir=spools)
        connection, _ = silent.accept()
        for step in range(1000):
            run.log_step(step, loss=1.0)
            assert run.schedule.source == "fade"
        started = time.monotonic()
        report = run.finish(timeout_s=0.2)
        assert time.monotonic() - started < 5.0
        assert (report.stats.pending, report.stats.lost) == (1000, {})
        connection.close()
    assert run.path is not None
    path = run.path
    wait_until(lambda: not is_live(path))
    assert sync(spools, server.url).sent == 1000
    assert stored(server, run.id) == list(range(1000))


def test_a_full_disk_loses_the_steps_that_found_no_room_and_counts_them(
    server: Server, spools: Path
) -> None:
    (lost,) = answer_of(trainer("on_a_full_disk", spools, server.url, 4096))
    steps = stored(server, "starved")
    assert lost == 300
    assert steps == [*range(300), *range(600, 1000)]


def test_a_clock_that_jumps_costs_nothing(
    server: Server, spools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([0.0, -5.0, 1e12, 1.0, 4e9, float("nan"), 2e9])
    monkeypatch.setattr("fade_client.run.now", lambda: next(moments, 1e9))
    run = fade_client.init("p", server=server.url, dir=spools)
    for step in range(20):
        run.log_step(step, loss=1.0)
    assert run.finish(timeout_s=TIMEOUT_S).stats.confirmed == 20
    assert stored(server, run.id) == list(range(20))


def test_memory_is_bounded_while_nobody_listens(spools: Path) -> None:
    (grown,) = answer_of(trainer("with_nobody_listening", spools, NOBODY, 100_000))
    assert grown < 16 << 20
    (info,) = list_spools(spools)
    assert info.pending == 100_000
