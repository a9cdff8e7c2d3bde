"""What happens at the borders of a process: forks, Ctrl-C, a missing ``finish``, forgotten runs."""

import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest

import fade_client
from fade_client.frames import FinishFrame, StepFrame, read_frames
from fade_client.sync import list_spools
from tests.unit.client.fakes import TIMEOUT_S, FakeNetwork, local, open_run

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

LOCAL_WITHOUT_A_SOCKET = """
import sys, fade_client
sockets = []
sys.addaudithook(lambda event, _: sockets.append(event) if event.startswith("socket.") else None)
run = fade_client.init(project="p", mode="local", dir=sys.argv[1])
schedule = run.schedule
run.log_step(rewards=[[1, 0]], advantages=schedule.advantages([[1, 0]]), entropy=1.0)
run.finish()
assert sockets == [], sockets
assert not {"httpx", "tenacity"} & set(sys.modules)
"""

ENDS_WITHOUT_FINISH = """
import sys, fade_client
run = fade_client.init(project="p", dir=sys.argv[1], server="http://127.0.0.1:9")
run.log_step(loss=1.0)
"""

ENDS_BY_AN_EXCEPTION = ENDS_WITHOUT_FINISH + "raise RuntimeError('the reward is gone')"


def in_a_process(script: str, directory: Path, code: int = 0) -> None:
    command = [sys.executable, "-W", "error", "-c", script, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr


def test_a_local_run_opens_no_socket(tmp_path: Path) -> None:
    in_a_process(LOCAL_WITHOUT_A_SOCKET, tmp_path)
    (path,) = tmp_path.rglob("*.spool")
    header, steps = fade_client.read_run(path)
    assert (header.mode, steps[0]["accuracy"], steps[0]["alpha"]) == ("local", 0.5, 1.5)


def test_a_process_that_ends_without_finish_keeps_its_steps(tmp_path: Path) -> None:
    in_a_process(ENDS_WITHOUT_FINISH, tmp_path)
    (info,) = list_spools(tmp_path)
    assert (info.pending, info.live, info.finished) == (1, False, False)


def test_a_process_that_an_exception_ends_marks_its_run_failed(tmp_path: Path) -> None:
    in_a_process(ENDS_BY_AN_EXCEPTION, tmp_path, code=1)
    (path,) = tmp_path.rglob("*.spool")
    with path.open("rb") as file:
        *_, step, last = [frame for frame, _ in read_frames(file)]
    assert isinstance(step, StepFrame)
    assert isinstance(last, FinishFrame)
    assert last.status == "failed"


def test_a_forked_child_records_nothing_and_the_parent_goes_on(tmp_path: Path) -> None:
    network = FakeNetwork()
    run = open_run(tmp_path, network, mode="control", interval_s=60.0)
    run.log_step(loss=0.0)
    child = os.fork()
    if child == 0:
        run.log_step(loss=1.0)
        unharmed = run.stats.lost == {"forked": 1} and run.schedule.version == 1
        unharmed = unharmed and run.finish().stats.logged == 1
        os._exit(0 if unharmed else 1)
    _, status = os.waitpid(child, 0)
    run.log_step(loss=2.0)
    report = run.finish()
    assert os.waitstatus_to_exitcode(status) == 0
    assert [network.steps[run.id, 1, step]["loss"] for step in (0, 1)] == [0.0, 2.0]
    assert report.stats.confirmed == 2


def test_a_child_that_outlives_the_run_does_not_hold_its_lock(tmp_path: Path) -> None:
    run = open_run(tmp_path, FakeNetwork(), mode="local")
    stay, leave = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(leave)
        os.read(stay, 1)
        os._exit(0)
    run.finish()
    (info,) = list_spools(tmp_path)
    os.close(leave)
    os.close(stay)
    os.waitpid(child, 0)
    assert not info.live


def test_a_fork_after_a_run_was_forgotten_is_harmless(tmp_path: Path) -> None:
    run = open_run(tmp_path, FakeNetwork(), mode="local")
    gone = weakref.ref(run)
    del run
    gc.collect()
    assert gone() is None
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_forgotten_run_sends_what_it_has_and_ends_its_thread(tmp_path: Path) -> None:
    network = FakeNetwork()
    run = open_run(tmp_path, network, interval_s=60.0)
    run.log_step(loss=1.0)
    run_id, thread = run.id, run._sender.thread if run._sender else None
    assert thread is not None
    del run
    gc.collect()
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()
    assert network.stored(run_id) == [0]


def test_ctrl_c_is_ctrl_c_while_a_step_waits_for_another_thread(tmp_path: Path) -> None:
    run, trainer = local(tmp_path), threading.get_ident()
    held, over = threading.Event(), threading.Event()

    def hold_and_interrupt() -> None:
        with run._lock:
            held.set()
            while sys._current_frames()[trainer].f_code.co_name != "log_step":
                pass
            signal.pthread_kill(trainer, signal.SIGINT)
            over.wait(TIMEOUT_S)

    other = threading.Thread(target=hold_and_interrupt)
    other.start()
    held.wait(TIMEOUT_S)
    with pytest.raises(KeyboardInterrupt):
        run.log_step(0, {"entropy": 1.0})
    over.set()
    other.join(TIMEOUT_S)
    run.log_step(0, {"entropy": 1.0})
    assert run.stats.logged == 1
