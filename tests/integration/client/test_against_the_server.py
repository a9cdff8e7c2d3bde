"""The client with the real server: a process on a free port, killed and started at will."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import fade_client
from fade_client.sync import list_spools, sync
from fade_core import scheduler
from tests.integration.client.service import TIMEOUT_S, Server, running, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server")) as one:
        yield one


@pytest.fixture
def mortal_server(tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path) as one:
        yield one


@pytest.fixture
def spools(tmp_path: Path) -> Path:
    return tmp_path / "spools"


def test_the_server_holds_every_step_and_computes_the_same_schedule(
    server: Server, spools: Path
) -> None:
    random = np.random.default_rng(0)
    with fade_client.init("p", mode="control", server=server.url, dir=spools) as run:
        for _ in range(300):
            schedule = run.schedule
            rewards = (random.random((8, 4)) < 0.3).astype(np.float32)
            run.log_step(
                rewards=rewards,
                advantages=schedule.advantages(rewards),
                entropy=random.random(),
                loss=float("nan"),
                my_metric=1.0,
                pass_at_k={16: 0.5},
            )
    assert run.stats.confirmed == 300
    assert list_spools(spools) == []
    stored = server.get(f"/runs/{run.id}")
    assert (stored["status"], stored["step_count"]) == ("finished", 300)
    steps, versions = server.series(run.id, "schedule_version")
    assert (steps, versions) == (list(range(300)), list(range(300)))
    ours, theirs = run.schedule, stored["schedule"]
    for name in scheduler.Schedule.__dataclass_fields__:
        assert theirs[name] == getattr(ours, name), name
    weights = server.get(f"/runs/{run.id}/weights/299")
    np.testing.assert_array_equal(weights["rewards"], rewards)


def test_killing_the_server_in_the_middle_changes_nothing_and_every_step_arrives(
    mortal_server: Server, spools: Path
) -> None:
    server = mortal_server
    run = fade_client.init("p", mode="control", server=server.url, dir=spools)
    observed: list[tuple[int, float, float]] = []
    for step in range(90):
        if step == 30:
            wait_until(lambda: run.stats.confirmed > 0)
            server.kill()
        if step == 60:
            server.start()
        accuracy, entropy = (step % 7) / 7.0, 1.0 / (1.0 + step)
        expected = repr(scheduler.replay(observed)[-1])
        assert repr(run.schedule) == expected.replace("Schedule", "RunSchedule", 1)
        run.log_step(accuracy=accuracy, entropy=entropy)
        observed.append((step, accuracy, entropy))
    report = run.finish(timeout_s=TIMEOUT_S)
    assert (report.stats.confirmed, report.stats.pending, report.stats.lost) == (90, 0, {})
    assert server.series(run.id, "accuracy") == (
        list(range(90)),
        [accuracy for _, accuracy, _ in observed],
    )


def test_an_override_reaches_a_run_between_its_steps_and_is_released(
    server: Server, spools: Path
) -> None:
    run = fade_client.init("p", mode="control", server=server.url, dir=spools)
    run.log_step(accuracy=0.9, entropy=1.0)
    wait_until(lambda: run.stats.confirmed == 1)
    path = f"{server.url}/api/v1/runs/{run.id}/schedule/override"
    body = {"alpha": 2.0, "reason": "too easy"}
    assert httpx.put(path, json=body, trust_env=False).is_success
    wait_until(lambda: run.schedule.source == "override")
    assert run.schedule.alpha == 2.0
    assert httpx.delete(path, trust_env=False).is_success
    wait_until(lambda: run.schedule.source == "fade")
    run.finish()


def test_the_step_at_which_an_override_took_effect_is_known_to_the_server(
    server: Server, spools: Path
) -> None:
    run = fade_client.init("p", mode="control", server=server.url, dir=spools)
    run.log_step(accuracy=0.9, entropy=1.0)
    wait_until(lambda: run.stats.confirmed == 1)
    path = f"{server.url}/api/v1/runs/{run.id}/schedule/override"
    body = {"alpha": 2.0, "reason": "too easy"}
    assert httpx.put(path, json=body, trust_env=False).is_success
    wait_until(lambda: run.schedule.source == "override")
    run.log_step(accuracy=0.9, entropy=1.0)
    run.finish()
    stored = server.get(f"/runs/{run.id}")
    assert (stored["override_version"], stored["override_step"]) == (1, 1)
    trail = server.get(f"/runs/{run.id}/schedule/history")["schedules"]
    applied = [one["reason"] for one in trail if one["step"] == 1 and "applied" in one["reason"]]
    assert applied == ["the trainer applied it: alpha 2 pinned: too easy"]


def test_a_record_that_only_one_side_saw_is_said_to_be_drift(
    server: Server, spools: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = fade_client.init("p", mode="control", server=server.url, dir=spools)
    run.log_step(accuracy=0.1, entropy=1.0)
    wait_until(lambda: run.stats.confirmed == 1)
    # Somebody else reports a step of this attempt, which this client knows nothing of.
    body = {"attempt": 1, "steps": [1], "columns": {"accuracy": [1.0]}}
    answer = httpx.post(f"{server.url}/api/v1/runs/{run.id}/steps", json=body, trust_env=False)
    assert answer.is_success
    run.log_step(step=2, accuracy=0.1, entropy=1.0)
    run.finish()
    assert "the schedule for step 3 differs: version is 2 here and 3 on the server" in caplog.text


def test_a_resumed_run_goes_on_with_the_same_schedule_on_both_sides(
    server: Server, spools: Path
) -> None:
    first = fade_client.init("p", mode="control", server=server.url, dir=spools)
    for step in range(10):
        first.log_step(accuracy=0.1 * step, entropy=1.0)
        if step == 5:
            checkpoint = first.state_dict()
    first.finish()
    second = fade_client.init(
        "p", mode="control", server=server.url, dir=spools, run_id=checkpoint["run_id"]
    )
    second.load_state_dict(checkpoint)
    second.log_step(accuracy=0.9, entropy=0.5)
    second.finish()
    steps, accuracy = server.series(first.id, "accuracy")
    assert (steps, accuracy[-1]) == (list(range(7)), 0.9)
    stored = server.get(f"/runs/{first.id}")
    assert stored["attempt"] == 2
    assert stored["schedule"]["p_hat"] == second.schedule.p_hat
    assert stored["schedule"]["version"] == second.schedule.version == 7


def test_what_the_server_refuses_costs_that_record_only(server: Server, spools: Path) -> None:
    run = fade_client.init("p", server=server.url, dir=spools)
    for step in range(20):
        names: dict[str, Any] = {f"name {i}": 1.0 for i in range(600 if step == 7 else 0)}
        run.log_step(loss=1.0, **names)
    report = run.finish(timeout_s=TIMEOUT_S)
    assert (report.stats.confirmed, report.stats.rejected) == (19, 1)
    assert server.series(run.id, "loss")[0] == [step for step in range(20) if step != 7]


def test_a_local_run_is_sent_later_and_sending_it_twice_is_harmless(
    server: Server, spools: Path
) -> None:
    run = fade_client.init("p", mode="local", dir=spools)
    for _ in range(5):
        run.log_step(accuracy=0.5, entropy=1.0)
    run.finish()
    assert sync(spools, server.url).sent == 5
    assert run.path is not None
    run.path.with_suffix(".ack").unlink()
    assert sync(spools, server.url).failed == []
    stored = server.get(f"/runs/{run.id}")
    assert (stored["mode"], stored["attempt"], stored["step_count"]) == ("control", 1, 5)
    assert stored["schedule"]["version"] == 5


def test_an_alert_of_the_server_reaches_the_trainer_and_its_acknowledgement_too(
    server: Server, spools: Path
) -> None:
    with fade_client.init(
        "p",
        server=server.url,
        dir=spools,
        on_alert={"warning": "checkpoint", "critical": "pause"},
    ) as run:
        run.log_step(loss=0.1)
        assert run.orders() == fade_client.Orders()
        for _ in range(4):
            run.log_step(loss=float("nan"))
        wait_until(lambda: any(one.severity == "critical" for one in run.alerts))
        (alert,) = [one for one in run.alerts if one.detector == "non_finite"]
        assert (alert.state, alert.onset_step) == ("firing", 1)
        assert "critical: non_finite from step 1" in run.orders().pause
        server.post(f"/alerts/{alert.id}/ack", {"note": "known"})
        wait_until(lambda: run.orders() == fade_client.Orders())
    assert server.get(f"/runs/{run.id}")["status"] == "finished"


def test_the_server_finds_a_trainer_that_uses_another_pair_than_it_computed(
    server: Server, spools: Path
) -> None:
    with fade_client.init("p", mode="control", server=server.url, dir=spools) as run:
        for step in range(8):
            used: dict[str, Any] = {"alpha": 9.0} if step > 3 else {}
            schedule = run.schedule
            assert schedule.alpha != 9.0
            run.log_step(accuracy=0.5, entropy=1.0, **used)

    def drifts() -> list[dict[str, Any]]:
        found = server.get(f"/runs/{run.id}/diagnosis")["alerts"]
        return [one for one in found if one["detector"] == "schedule_drift"]

    wait_until(lambda: bool(drifts()))
    (drift,) = drifts()
    assert drift["first_step"] == 4
