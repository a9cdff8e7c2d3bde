"""Training, hook, service and store together, as real processes."""

import math
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from examples import plain_torch
from fade_core import scheduler
from tests.conftest import ServerProcess, wait_until

STEPS = 120


def only_run(server: ServerProcess) -> dict[str, Any]:
    runs = server.get("/api/v1/runs").json()["runs"]
    assert len(runs) == 1
    run: dict[str, Any] = runs[0]
    return run


def series(server: ServerProcess, run: str, metric: str) -> list[float]:
    answer = server.get(f"/api/v1/runs/{run}/series", metrics=metric, points=10_000).json()
    return [float(value) for value in answer["series"][metric]["value"]]


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FADEWATCH_DIR", str(tmp_path / "spool"))
    return tmp_path / "spool"


def test_every_step_of_a_run_is_stored_once(server: ServerProcess) -> None:
    plain_torch.train("observe", seed=0, steps=STEPS, server=server.url)
    run = only_run(server)
    assert (run["step_count"], run["last_step"], run["status"]) == (STEPS, STEPS - 1, "finished")
    with sqlite3.connect(server.database) as store:
        stored = store.execute("SELECT step FROM steps ORDER BY step").fetchall()
    store.close()
    assert stored == [(step,) for step in range(STEPS)]


def test_the_control_arm_used_exactly_what_the_scheduler_computes_from_the_store(
    server: ServerProcess,
) -> None:
    plain_torch.train("control", seed=0, steps=STEPS, server=server.url)
    run = only_run(server)
    accuracy = series(server, run["id"], "accuracy")
    entropy = series(server, run["id"], "entropy")
    expected = scheduler.replay(zip(range(STEPS), accuracy, entropy, strict=True))
    for name in ("alpha", "delta"):
        used = series(server, run["id"], name)
        wanted = [getattr(schedule, name) for schedule in expected[:-1]]
        assert used == pytest.approx(wanted, rel=0, abs=1e-12)
    assert len(set(series(server, run["id"], "alpha"))) > 10, "alpha never moved"


def test_observing_leaves_the_losses_bit_identical(server: ServerProcess) -> None:
    without = plain_torch.train("off", seed=3, steps=STEPS)
    observed = plain_torch.train("observe", seed=3, steps=STEPS, server=server.url)
    assert observed == without


def test_an_override_reaches_the_running_trainer(server: ServerProcess) -> None:
    import numpy as np

    import fade_client

    run = fade_client.init(project="p", name="steered", mode="control", server=server.url)
    rewards = np.array([[1.0, 0.0, 0.0, 0.0]])

    def log() -> None:
        weights = run.schedule.advantages(rewards)
        run.log_step(rewards=rewards, advantages=weights, entropy=1.0)

    def stored() -> bool:
        log()
        return server.get(f"/api/v1/runs/{run.id}").status_code == 200

    wait_until(stored, "the run to exist on the server")
    import httpx

    body = {"delta": 0.5, "reason": "entropy is falling"}
    answer = httpx.put(f"{server.url}/api/v1/runs/{run.id}/schedule/override", json=body)
    assert answer.status_code == 200

    def steered() -> bool:
        log()
        return run.schedule.delta == 0.5

    wait_until(steered, "the override to reach the trainer")
    assert "entropy is falling" in run.schedule.reason
    assert run.schedule.source == "override"
    log()
    run.finish()
    assert series(server, run.id, "delta")[-1] == 0.5


def test_a_server_killed_in_mid_run_changes_nothing_and_misses_nothing(
    server: ServerProcess,
) -> None:
    import numpy as np

    import fade_client

    run = fade_client.init(project="p", name="survivor", mode="control", server=server.url)
    rewards = np.array([[1.0, 0.0, 0.0, 0.0]])
    used = []
    for step in range(STEPS):
        if step == 40:
            wait_until(lambda: run.stats.confirmed > 0, "a first confirmed step")
            server.kill()
        if step == 80:
            server.start()
        used.append(run.schedule.alpha)
        run.log_step(rewards=rewards, advantages=run.schedule.advantages(rewards), entropy=1.0)
    report = run.finish(timeout_s=60)
    assert report.stats.pending == 0
    assert used == [s.alpha for s in scheduler.replay((s, 0.25, 1.0) for s in range(STEPS))[:-1]]
    assert only_run(server)["step_count"] == STEPS
    assert series(server, run.id, "alpha") == used


def test_a_run_without_any_server_ends_at_once_and_is_sent_later(
    server: ServerProcess, spool: Path
) -> None:
    import fade_client
    from fade_client.sync import sync

    server.kill()
    run = fade_client.init(project="p", name="offline", mode="observe", server=server.url)
    for _ in range(10):
        run.log_step(rewards=[[1, 0]], advantages=[[0.5, -0.5]], entropy=math.nan)
    assert run.finish(timeout_s=0.2).stats.pending == 10
    server.start()
    assert sync(spool, server=server.url).sent == 10
    stored = only_run(server)
    assert stored["step_count"] == 10
    assert all(math.isnan(value) for value in series(server, run.id, "entropy"))
