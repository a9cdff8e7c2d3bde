"""The state that a checkpoint keeps of a run, and what another attempt makes of it."""

from pathlib import Path
from typing import Any

import pytest

from fade_client.errors import StateError
from tests.unit.client.fakes import FakeNetwork, local, open_run, rows


@pytest.fixture
def network() -> FakeNetwork:
    return FakeNetwork()


def test_a_state_continues_the_schedule_exactly(tmp_path: Path) -> None:
    whole, first = local(tmp_path), local(tmp_path, run_id="resumed")
    for run in (whole, first):
        for accuracy in (0.1, 0.2, 0.3):
            run.log_step(accuracy=accuracy, entropy=1.0)
    state = first.state_dict()
    first.finish()
    second = local(tmp_path, run_id="resumed")
    second.load_state_dict(state)
    for run in (whole, second):
        run.log_step(accuracy=0.4, entropy=0.5)
        run.finish()
    assert second.schedule == whole.schedule
    assert [row["step"] for row in rows(second)] == [3]
    assert state["step"] == 2


def test_a_state_of_a_fresh_run_is_strict_json_and_loads(tmp_path: Path) -> None:
    import json

    run = local(tmp_path, run_id="fresh")
    text = json.dumps(run.state_dict(), allow_nan=False)
    run.load_state_dict(json.loads(text))
    run.log_step(loss=1.0)
    run.finish()
    assert [row["step"] for row in rows(run)] == [0]


@pytest.mark.parametrize("state", [{}, [], {"run_id": "a", "step": 0, "schedule": {}}, None])
def test_something_else_is_refused_as_a_state(tmp_path: Path, state: Any) -> None:
    run = local(tmp_path, run_id="a")
    with pytest.raises(StateError, match="not what Run"):
        run.load_state_dict(state)
    run.finish()


def test_a_state_with_an_impossible_step_is_refused(tmp_path: Path) -> None:
    run = local(tmp_path)
    with pytest.raises(StateError, match="step must be an integer >= 0, got -1"):
        run.load_state_dict(run.state_dict() | {"step": -1})
    run.finish()


def test_the_state_of_another_run_is_refused(tmp_path: Path) -> None:
    first, second = local(tmp_path, run_id="a"), local(tmp_path, run_id="b")
    with pytest.raises(StateError, match="the state is of run 'a', this is 'b'"):
        second.load_state_dict(first.state_dict())
    first.finish()
    second.finish()


def test_a_state_is_refused_once_steps_were_logged(tmp_path: Path) -> None:
    run = local(tmp_path)
    run.log_step(loss=1.0)
    with pytest.raises(StateError, match="1 steps were already logged"):
        run.load_state_dict(run.state_dict())
    run.finish()


def test_a_resumed_run_without_its_state_says_so(
    tmp_path: Path, network: FakeNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    open_run(tmp_path, network, run_id="a", mode="control").finish()
    open_run(tmp_path, network, run_id="a", mode="control").finish()
    assert caplog.text.count("no state was loaded") == 1
