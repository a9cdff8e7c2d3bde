"""What comes back from the server: overrides in order, acknowledged, and drift said."""

from dataclasses import replace
from pathlib import Path

import pytest

from fade_client import pushback
from fade_client.endpoints import Reply, ServerSchedule
from fade_client.pushback import Pinned
from fade_core import scheduler
from fade_core.errors import SettingError
from fade_core.scheduler import Override, SchedulerConfig
from tests.unit.client.fakes import FakeNetwork, open_run

CONFIG = SchedulerConfig()
PIN = Override(2.0, None, "by hand", "ann")


def test_an_answer_that_was_overtaken_changes_nothing() -> None:
    held = Pinned(PIN, 3)
    assert pushback.newer(held, Reply(override_version=2), CONFIG) == held
    assert pushback.newer(held, Reply(override_version=4), CONFIG) == Pinned(None, 4)


def test_a_server_that_lost_its_database_counts_from_the_start_again() -> None:
    fresh = Reply(override_version=0, created=True)
    assert pushback.newer(Pinned(PIN, 3), fresh, CONFIG) == Pinned(None, 0)


def test_an_override_outside_the_guard_rails_is_refused() -> None:
    reply = Reply(override=Override(99.0, None, "oops"), override_version=1)
    with pytest.raises(SettingError):
        pushback.newer(Pinned(), reply, CONFIG)


def test_equal_schedules_do_not_drift() -> None:
    ours = scheduler.initial(CONFIG)
    theirs = ServerSchedule(0, 0, 0.5, "NaN", "NaN")
    assert pushback.drift(ours, theirs) is None
    assert pushback.drift(ours, None) is None


@pytest.mark.parametrize(
    ("theirs", "word"),
    [
        (ServerSchedule(1, 0, 0.5, "NaN", "NaN"), "version is 0 here and 1 on the server"),
        (ServerSchedule(0, 0, 0.6, "NaN", "NaN"), "p_hat is 0.5 here and 0.6 on the server"),
        (ServerSchedule(0, 0, 0.5, 1.0, "NaN"), "h_hat is nan here and 1 on the server"),
    ],
)
def test_a_schedule_that_differs_is_named(theirs: ServerSchedule, word: str) -> None:
    ours = scheduler.initial(CONFIG)
    assert word in str(pushback.drift(ours, theirs))
    assert pushback.drift(replace(ours, step=1), theirs) is None


def test_drift_is_said_once_in_the_trainers_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = open_run(tmp_path, FakeNetwork(), mode="local")
    for _ in range(3):
        run.receive(Reply(schedule=ServerSchedule(7, 0, 0.5, "NaN", "NaN")))
    run.finish()
    assert caplog.text.count("the schedule for step 0 differs") == 1


def test_the_step_that_first_used_an_override_is_acknowledged(tmp_path: Path) -> None:
    network = FakeNetwork()
    run = open_run(tmp_path, network, mode="control")
    run.log_step(accuracy=0.9)
    assert run.schedule.source == "fade"
    run.log_step(accuracy=0.9)
    network.override = {"alpha": 2.5, "delta": None, "reason": "by hand", "by": "ann"}
    network.wait_for(lambda: run.schedule.source == "override")
    for _ in range(2):
        assert run.schedule.alpha == 2.5
        run.log_step(accuracy=0.9)
    network.override = None
    network.wait_for(lambda: run.schedule.source == "fade")
    run.log_step(accuracy=0.9)
    run.finish()
    assert network.applied == [{"version": 1, "step": 2}, {"version": 2, "step": 4}] or (
        # Both in one batch: the newest is told.
        network.applied == [{"version": 2, "step": 4}]
    )


def test_an_override_that_nobody_read_is_not_acknowledged(tmp_path: Path) -> None:
    network = FakeNetwork()
    network.override = {"alpha": 2.5, "delta": None, "reason": "by hand", "by": "ann"}
    run = open_run(tmp_path, network, mode="control")
    network.wait_for(lambda: run.recommendation.source == "override")
    run.log_step(accuracy=0.9)
    run.finish()
    assert network.applied == []
