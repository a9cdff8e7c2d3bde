"""The promises of Run, in the order its docstring makes them, and what its calls mean."""

import math
import os
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from fade_client.frames import Array
from fade_core import scheduler
from tests.unit.client.fakes import TIMEOUT_S, FakeNetwork, local, open_run, rows
from tests.unit.client.test_spool import file_size_limit


@pytest.fixture
def network() -> FakeNetwork:
    return FakeNetwork()


class Absurd:
    def __float__(self) -> float:
        raise RuntimeError("no")

    def __repr__(self) -> str:
        raise RuntimeError("not even a name")


class Worse(Exception):
    def __str__(self) -> str:
        raise RuntimeError("an error without a text")


class EvenMoreAbsurd:
    def __float__(self) -> float:
        raise Worse

    def __iter__(self) -> Any:
        raise Worse

    def __index__(self) -> int:
        raise Worse


ABSURD = st.one_of(
    st.none(),
    st.text(),
    st.binary(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.decimals(),
    st.lists(st.lists(st.one_of(st.floats(), st.text()))),
    st.dictionaries(st.one_of(st.text(), st.integers()), st.floats()),
    npst.arrays(npst.scalar_dtypes(), npst.array_shapes(min_dims=0, max_dims=3, max_side=3)),
    st.builds(Absurd),
    st.builds(EvenMoreAbsurd),
    st.just(object()),
    st.just(float),
)


def test_log_step_makes_exactly_one_write_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write = os.write

    def counting(fd: int, content: bytes) -> int:
        written.append(len(content))
        return write(fd, content)

    run = local(tmp_path)
    monkeypatch.setattr(os, "write", counting)
    rewards = np.zeros((512, 16))
    run.log_step(rewards=rewards, advantages=rewards, entropy=1.0, note=2.0)
    assert len(written) == 1
    run.finish()


def test_log_step_returns_at_once_while_the_network_hangs(
    tmp_path: Path, network: FakeNetwork
) -> None:
    hang = threading.Event()

    def hanging(request: httpx.Request) -> httpx.Response | None:
        hang.wait(TIMEOUT_S)
        return None

    network.failure = hanging
    run = open_run(tmp_path, network)
    network.wait_for(lambda: len(network.requests) == 1)
    started = time.monotonic()
    for _ in range(1000):
        run.log_step(entropy=1.0)
    assert time.monotonic() - started < 1.0
    assert run.stats.pending == 1000
    hang.set()
    assert run.finish().stats.confirmed == 1000


def test_values_may_come_in_a_dict_which_is_left_as_it_is(tmp_path: Path) -> None:
    run = local(tmp_path)
    logged = {"loss": 1.0, "entropy": None, "accuracy": 7.0, "mine": 2}
    before = dict(logged)
    run.log_step(0, logged)
    run.log_step(1, logged, loss=3.0, rewards=[[1, 0]])
    run.schedule  # noqa: B018 - reading it has the next record carry it
    run.log_step(scalars={"loss": 4.0})
    run.finish()
    assert logged == before
    assert [row["loss"] for row in rows(run)] == [1.0, 3.0, 4.0]
    assert rows(run)[0]["extra"] == {"mine": 2.0}
    assert (rows(run)[1]["accuracy"], rows(run)[2]["alpha"]) == (0.5, 1.5)


def test_a_dict_that_is_none_costs_the_record_and_is_counted(tmp_path: Path) -> None:
    run = local(tmp_path)
    run.log_step(0, 0.5)  # type: ignore[arg-type]
    run.log_step(0, loss=1.0)
    run.finish()
    assert (run.stats.logged, run.stats.lost) == (1, {"error": 1})


@settings(deadline=None, max_examples=150)
@given(
    step=ABSURD,
    rewards=ABSURD,
    advantages=ABSURD,
    pass_at_k=ABSURD,
    scalars=st.dictionaries(
        st.one_of(st.text(), st.sampled_from(["accuracy", "entropy", "adv_quantiles", "self"])),
        ABSURD,
        max_size=4,
    ),
)
def test_log_step_never_raises_for_absurd_input(
    tmp_path_factory: pytest.TempPathFactory,
    step: Any,
    rewards: Any,
    advantages: Any,
    pass_at_k: Any,
    scalars: dict[str, Any],
) -> None:
    run = local(tmp_path_factory.mktemp("spool"))
    given_names = {"step", "rewards", "advantages", "pass_at_k"}
    named = {name: number for name, number in scalars.items() if name not in given_names}
    run.log_step(step, rewards=rewards, advantages=advantages, pass_at_k=pass_at_k, **named)
    run.log_step(loss=1.0)
    stats = run.finish().stats
    assert stats.logged + sum(stats.lost.values()) == 2
    assert not stats.lost.get("disk")
    assert rows(run)[-1]["loss"] == 1.0


def test_what_is_unusable_is_left_out_and_the_rest_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = local(tmp_path)
    for _ in range(3):
        run.log_step(
            loss=0.5,
            entropy="high",
            grad_norm=np.zeros(3),
            kl_k1=None,
            rewards=[1, 0],
            advantages=[[1.0, -1.0]],
            pass_at_k={16: 0.5, "a": 1, 0: 0.1, 2: 1.5},
        )
    run.finish()
    last = rows(run)[-1]
    assert last["loss"] == 0.5
    assert last["pass_at_k"] == {"16": 0.5}
    assert not {"entropy", "grad_norm", "kl_k1", "rewards", "advantages"} & set(last)
    assert run.stats.dropped == {
        "entropy": 3,
        "grad_norm": 3,
        "rewards": 3,
        "advantages": 3,
        "pass_at_k": 9,
    }
    assert caplog.text.count("entropy cannot be used as a number") == 1


@pytest.mark.parametrize(
    "number",
    [1.5, np.float32(1.5), np.float64(1.5), np.array(1.5), np.array([1.5]), Decimal("1.5")],
)
def test_numbers_of_every_kind_are_taken(tmp_path: Path, number: Any) -> None:
    run = local(tmp_path)
    run.log_step(loss=number, solved=True, count=3)
    run.finish()
    assert rows(run)[0]["loss"] == 1.5
    assert rows(run)[0]["extra"] == {"solved": 1.0, "count": 3.0}


def test_a_name_that_is_no_text_hides_no_record(tmp_path: Path) -> None:
    run = local(tmp_path)
    odd: Any = {7: 1.5, "solved": True, "loss": 2}
    run.log_step(0, odd)
    run.log_step(1, odd, rewards=[[1.0, 0.0]])
    run.log_step(2, loss=0.5)
    run.finish()
    plain, with_rewards, after = rows(run)
    assert plain["extra"] == with_rewards["extra"] == {"7": 1.5, "solved": 1.0}
    assert plain["loss"] == with_rewards["loss"] == 2.0
    assert with_rewards["accuracy"] == after["loss"] == 0.5


def test_not_a_number_is_recorded_as_the_finding_it_is(tmp_path: Path) -> None:
    run = local(tmp_path)
    run.log_step(loss=math.nan, grad_norm=math.inf)
    run.finish()
    assert math.isnan(rows(run)[0]["loss"])
    assert rows(run)[0]["grad_norm"] == math.inf


def test_a_name_that_utf8_cannot_hold_does_not_cost_the_record(tmp_path: Path) -> None:
    run = local(tmp_path)
    named: dict[str, Any] = {"loss": 1.0, "bad\ud800": 2.0}
    run.log_step(**named)
    run.finish()
    assert rows(run)[0]["loss"] == 1.0
    assert rows(run)[0]["extra"] == {"bad?": 2.0}


def test_lists_arrays_and_narrow_floats_are_taken_as_rewards(tmp_path: Path) -> None:
    run = local(tmp_path)
    for rewards in ([[1, 0]], np.array([[1, 0]], dtype=np.float16), np.array([[True, False]])):
        run.log_step(rewards=rewards, advantages=np.array([[0.5, -0.5]]))
    run.finish()
    assert [row["accuracy"] for row in rows(run)] == [0.5, 0.5, 0.5]
    assert [row["mass_success"] for row in rows(run)] == [0.25, 0.25, 0.25]


def test_steps_must_increase(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = local(tmp_path)
    for step in (5, None, 6, 3, -1, 1.5, "7", np.int64(9), None):
        run.log_step(step, loss=1.0)  # type: ignore[arg-type]
    run.finish()
    assert [row["step"] for row in rows(run)] == [5, 6, 9, 10]
    assert run.stats.lost == {"step": 5}
    assert caplog.text.count("a step must be an integer >= 7 here") == 1


def test_a_full_disk_costs_the_record_and_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = local(tmp_path)
    assert run.path is not None
    run.log_step(loss=0.0)
    with file_size_limit(run.path.stat().st_size + 5):
        run.log_step(loss=1.0)
        run.log_step(loss=2.0)
    run.log_step(loss=3.0)
    run.finish()
    assert [row["loss"] for row in rows(run)] == [0.0, 3.0]
    assert (run.stats.logged, run.stats.lost) == (2, {"disk": 2})
    assert caplog.text.count("a step is lost") == 1


def test_a_directory_that_cannot_be_made_costs_the_records_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    run = local(tmp_path / "file")
    run.log_step(loss=1.0)
    assert (run.path, run.stats.lost, run.finish().path) == (None, {"disk": 1}, None)
    assert run.stats.logged == 0
    assert "nothing of this run is recorded" in caplog.text


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(st.one_of(st.floats(-0.5, 1.5), st.just(math.nan)), st.floats(-0.5, 3.0)),
        max_size=20,
    )
)
def test_the_schedule_is_exactly_what_replay_gives(
    tmp_path_factory: pytest.TempPathFactory, observed: list[tuple[float, float]]
) -> None:
    run = local(tmp_path_factory.mktemp("spool"))
    seen = [run.schedule]
    for accuracy, entropy in observed:
        run.log_step(accuracy=accuracy, entropy=entropy)
        seen.append(run.schedule)
    run.finish()
    records = [
        (row["step"], row.get("accuracy", math.nan), row.get("entropy", math.nan))
        for row in rows(run)
    ]
    expected = scheduler.replay(records)
    assert [repr(scheduler.Schedule(*_values(one))) for one in seen] == [
        repr(one) for one in expected
    ]


def _values(schedule: scheduler.Schedule) -> list[Any]:
    names = scheduler.Schedule.__dataclass_fields__
    return [getattr(schedule, name) for name in names]


def test_the_schedule_sees_the_accuracy_of_the_rewards(tmp_path: Path) -> None:
    run = local(tmp_path)
    rewards = np.random.default_rng(0).random((7, 3)).astype(np.float32)
    run.log_step(rewards=rewards, entropy=1.0)
    run.finish()
    (row,) = rows(run)
    assert row["accuracy"] == float(rewards.astype(np.float64).mean())
    assert run.schedule.p_hat == 0.98 * 0.5 + 0.02 * row["accuracy"]


@pytest.mark.parametrize("mode", ["observe", "recommend"])
def test_a_run_that_only_observes_hands_out_the_neutral_pair(tmp_path: Path, mode: str) -> None:
    run = open_run(tmp_path, FakeNetwork(), mode=mode)
    run.log_step(accuracy=0.1, entropy=1.0)
    schedule, advice = run.schedule, run.recommendation
    run.finish()
    assert (schedule.alpha, schedule.delta, schedule.source) == (1.0, 1.0, "fallback")
    assert f"mode is {mode}" in schedule.reason
    assert (advice.alpha, advice.source) == (scheduler.alpha_for(advice.p_hat, 3.0), "fade")


def test_the_pair_alone_is_the_schedules(tmp_path: Path) -> None:
    run = local(tmp_path)
    for accuracy in (0.9, 0.1, math.nan):
        run.log_step(accuracy=accuracy, entropy=0.5)
        pair, schedule = run.pair(), run.schedule
        assert pair == (schedule.alpha, schedule.delta, schedule.version)
    run.pair()
    run.log_step(accuracy=0.5)
    run.finish()
    last = rows(run)[-1]
    assert pair == (last["alpha"], last["delta"], last["schedule_version"])


def test_a_record_carries_the_pair_that_was_handed_out_for_it(tmp_path: Path) -> None:
    run = local(tmp_path)
    used = run.schedule
    run.log_step(accuracy=0.1)
    run.log_step(accuracy=0.1)
    run.finish()
    first, second = rows(run)
    assert (first["alpha"], first["delta"], first["schedule_version"]) == (used.alpha, 1.0, 0.0)
    assert "alpha" not in second


def test_a_record_of_an_observing_run_carries_no_pair(tmp_path: Path, network: FakeNetwork) -> None:
    run = open_run(tmp_path, network)
    assert run.schedule.advantages([[1, 0]]).tolist() == [[0.5, -0.5]]
    run.log_step(accuracy=0.1)
    run.finish()
    assert network.steps[run.id, 1, 0] == {"accuracy": 0.1}


def test_an_override_is_applied_and_released(tmp_path: Path, network: FakeNetwork) -> None:
    run = open_run(tmp_path, network, mode="control")
    network.override = {"alpha": 2.5, "delta": None, "reason": "by hand", "by": "ann"}
    run.log_step(accuracy=0.9)
    network.wait_for(lambda: run.schedule.source == "override")
    assert run.schedule.alpha == 2.5
    assert run.pair() == (2.5, run.schedule.delta, run.schedule.version)
    assert run.schedule.reason == "alpha 2.5 pinned by ann: by hand"
    network.override = None
    run.log_step(accuracy=0.9)
    network.wait_for(lambda: run.schedule.source == "fade")
    run.finish()
    assert network.steps[run.id, 1, 1]["alpha"] == 2.5


def test_an_override_outside_the_guard_rails_is_not_applied(
    tmp_path: Path, network: FakeNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    network.override = {"alpha": 99.0, "delta": None, "reason": "oops", "by": "ann"}
    run = open_run(tmp_path, network, mode="control")
    run.log_step(accuracy=0.9)
    run.finish()
    assert run.schedule.source == "fade"
    assert "an override was not applied" in caplog.text


def test_finish_says_what_is_still_in_the_spool(
    tmp_path: Path, network: FakeNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    network.down()
    run = open_run(tmp_path, network)
    run.log_step(loss=1.0)
    started = time.monotonic()
    report = run.finish(timeout_s=0.3)
    assert time.monotonic() - started < 2.0
    assert (report.stats.pending, report.path) == (1, run.path)
    assert f"1 steps are still in the spool; run `fadewatch sync {tmp_path}`" in caplog.text


def test_finishing_twice_gives_the_first_report(tmp_path: Path, network: FakeNetwork) -> None:
    run = open_run(tmp_path, network)
    assert run.finish() is run.finish("failed")
    assert network.finished == ["finished"]


@pytest.mark.parametrize("timeout_s", [-1.0, math.nan, math.inf])
def test_finish_takes_any_number_as_its_timeout(tmp_path: Path, timeout_s: float) -> None:
    network = FakeNetwork()
    run = open_run(tmp_path, network)
    assert run.finish("oops", timeout_s=timeout_s).status == "failed"
    network.wait_for(lambda: network.finished == ["failed"])


def test_logging_after_finish_changes_nothing(tmp_path: Path) -> None:
    run = local(tmp_path)
    run.log_step(loss=1.0)
    run.finish()
    run.log_step(loss=2.0)
    assert len(rows(run)) == 1
    assert run.stats.lost == {"finished": 1}


def test_an_exception_in_the_with_block_marks_the_run_failed(
    tmp_path: Path, network: FakeNetwork
) -> None:
    with pytest.raises(ZeroDivisionError), open_run(tmp_path, network) as run:
        run.log_step(loss=1 / 0)
    with open_run(tmp_path, network):
        pass
    assert network.finished == ["failed", "finished"]


def test_threads_may_log_at_once(tmp_path: Path, network: FakeNetwork) -> None:
    run = open_run(tmp_path, network)

    def log_many() -> None:
        for _ in range(200):
            run.log_step(loss=1.0)

    threads = [threading.Thread(target=log_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert run.finish().stats.confirmed == 800
    assert network.stored(run.id) == list(range(800))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"accuracy": 0.25, "loss": 1.0},
        {"accuracy": 0.25, "loss": "text"},
        {"accuracy": 0.25, "is_done": True},
        {"accuracy": 0.25, "tokens": 7},
    ],
)
def test_arrays_that_an_adapter_packed_are_recorded_like_any(tmp_path: Path, given: Any) -> None:
    rewards, advantages = [[1.0, 0.0], [0.0, 0.0]], [[0.5, -0.5], [0.0, 0.0]]
    packed = {
        "rewards": Array.of_numbers([1.0, 0.0, 0.0, 0.0], 2),
        "advantages": Array.of_numbers([0.5, -0.5, 0.0, 0.0], 2),
    }
    recorded = []
    for arrays in ({"rewards": rewards, "advantages": advantages}, packed):
        run = local(tmp_path)
        schedule = run.schedule
        run.log_step(None, given, **arrays)
        assert run.schedule.version == schedule.version + 1
        run.finish()
        (row,) = rows(run)
        recorded.append({name: str(value) for name, value in row.items() if name != "time"})
    assert recorded[0] == recorded[1]
    assert recorded[0]["accuracy"] == "0.25"
