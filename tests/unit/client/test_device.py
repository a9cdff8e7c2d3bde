"""The promises of Later, in the order its docstring makes them, and a run that records later.

There is no CUDA device here: the copies are torch's on the CPU, and what stands for the device is
an event that happens when the test says so. ``bench/hook_cuda.py`` is for a machine that has one.
"""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import fade_client
from fade_client import recorder
from fade_client.device import MAX_WAITING, Copier, Event, Later
from tests.helpers import ROOT
from tests.unit.client.fakes import TIMEOUT_S, FakeNetwork, open_run


class Copied:
    """An event of a device that is done when it is told to be."""

    def __init__(self) -> None:
        self.done = threading.Event()

    def synchronize(self) -> None:
        assert self.done.wait(TIMEOUT_S)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> list[Copied]:
    """Take tensors of two dimensions for ones on a device; return the events of their copies."""
    events: list[Copied] = []
    held: Callable[..., tuple[dict[str, Any], list[Event]]] = Copier.held

    def later(self: Copier, values: dict[str, Any]) -> tuple[dict[str, Any], list[Event]]:
        copies, none = held(self, values)
        if not any(map(on_device, values.values())):
            return copies, none
        events.append(Copied())
        return copies, [events[-1]]

    monkeypatch.setattr(Copier, "held", later)
    monkeypatch.setattr(recorder, "has_any", lambda values: any(map(on_device, values.values())))
    return events


def on_device(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dim() == 2


def test_steps_are_recorded_in_the_order_in_which_they_were_put() -> None:
    later, first, order = Later(), Copied(), list[int]()
    assert later.put([first], lambda: order.append(0))
    assert later.put([], lambda: order.append(1))
    assert order == []
    first.done.set()
    later.wait(TIMEOUT_S)
    assert order == [0, 1]


def test_a_device_that_hangs_is_waited_for_no_longer_than_asked() -> None:
    later, never = Later(), Copied()
    later.put([never], lambda: None)
    later.wait(0.01)
    never.done.set()
    later.wait()


def test_a_device_that_does_not_get_on_is_given_no_more_steps() -> None:
    later, never = Later(), Copied()
    assert all(later.put([never], lambda: None) for _ in range(MAX_WAITING))
    assert not later.put([], lambda: None)
    never.done.set()


def test_a_step_that_cannot_be_recorded_does_not_stop_the_next() -> None:
    later, order = Later(), list[int]()
    later.put([], lambda: order.append(1 // 0))
    later.put([], lambda: order.append(1))
    later.wait(TIMEOUT_S)
    assert order == [1]


def test_a_step_on_a_device_is_recorded_when_its_copy_is_done(
    tmp_path: Path, slow: list[Copied]
) -> None:
    run = open_run(tmp_path, FakeNetwork(), mode="local")
    rewards = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    run.log_step(rewards=rewards, entropy=2.0)
    rewards.zero_()  # the trainer goes on
    run.log_step(accuracy=0.25, entropy=1.5)
    run.log_step(7, {"loss": 1.0})
    assert run.stats.logged == 0
    slow[0].done.set()
    schedule = run.schedule  # waits for what was logged
    assert run.stats.logged == 3
    assert schedule.version == 3
    run.finish()
    assert run.path is not None
    steps = fade_client.read_run(run.path)[1]
    assert [(step["step"], step.get("accuracy")) for step in steps] == [
        (0, 0.75), (1, 0.25), (7, None),
    ]  # fmt: skip


def test_finish_records_what_the_device_delivers_in_time(
    tmp_path: Path, slow: list[Copied]
) -> None:
    run = open_run(tmp_path, FakeNetwork(), mode="local")
    run.log_step(rewards=torch.ones(1, 2))
    threading.Timer(0.05, slow[0].done.set).start()
    run.finish()
    assert run.stats.logged == 1


def test_the_benchmark_for_cuda_says_where_there_is_no_device() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device: run bench/hook_cuda.py itself")
    command = [sys.executable, str(ROOT / "bench" / "hook_cuda.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "no CUDA device\n")
