"""Overrides that end by themselves, their guard rails, and whether the trainer obeys."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from fade_core import scheduler
from fade_core.advantages import fade, grpo
from fade_core.gradient_mass import batch_mass
from fade_server.services import overrides
from tests.integration.server.alarms import NAN, alerts, losses, send
from tests.integration.server.api import Api
from tests.integration.server.conftest import Clock


def test_an_override_ends_when_its_time_is_over(api: Api, clock: Clock) -> None:
    api.open_run("timed")
    live = _pin(api, "timed", {"delta": 0.8, "reason": "try", "duration_s": 60})
    assert live["override"]["expires_at"] == clock.now + 60
    assert live["override"]["at"] == clock.now
    clock.now += 59
    overrides.expire_due(api.context)
    assert api.run("timed")["override"] is not None
    query = {"after": 2**53 - 1, "override_after": live["override_version"], "wait": 30}
    waiting = api.start("GET", "/runs/timed/schedule", params=query)
    clock.now += 1
    # By the server's own clock work, which wakes who waits.
    assert waiting.result(timeout=30).json()["override"] is None
    reason = _trail(api, "timed")[-1]["reason"]
    assert reason == "released, because its time is over; before: delta 0.8 pinned: try"


def test_a_pin_that_was_renewed_lives_on(api: Api, clock: Clock) -> None:
    api.open_run("renewed")
    _pin(api, "renewed", {"delta": 0.8, "reason": "try", "expires_at": clock.now + 10})
    _pin(api, "renewed", {"delta": 0.8, "reason": "try"})
    clock.now += 11
    overrides.expire_due(api.context)
    assert api.run("renewed")["override"]["expires_at"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"expires_at": 1.0}, "expires_at"),
        ({"expires_at": 4e9, "duration_s": 1}, "expires_at"),
        ({"duration_s": 0}, "duration_s"),
        ({"revert_on": "info"}, "revert_on"),
        ({"alpha": 2.6}, "alpha"),
        ({"delta": 0.45}, "delta"),
    ],
)
def test_an_override_that_cannot_be_is_refused_by_name(
    api: Api, body: dict[str, Any], field: str
) -> None:
    api.open_run("refused")
    answer = api.request(
        "PUT", "/runs/refused/schedule/override", json={"reason": "x", "delta": 0.9} | body
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert api.run("refused")["override"] is None


def test_a_pair_that_is_far_away_is_reached_as_fast_as_the_trainer_follows(api: Api) -> None:
    api.open_run("far", mode="control")
    used = {"accuracy": 0.9, "entropy": 1.0, "alpha": 1.0, "delta": 1.0, "schedule_version": 0.0}
    send(api, "far", [{"step": 0, **used}])
    far = api.request("PUT", "/runs/far/schedule/override", json={"alpha": 3, "reason": "x"})
    assert "at most 1 at once, from 1 to 3" in far.json()["errors"][0]["message"]
    _pin(api, "far", {"alpha": 2, "reason": "x"})
    again = api.request("PUT", "/runs/far/schedule/override", json={"alpha": 3, "reason": "x"})
    assert again.status_code == 422
    send(api, "far", [{"step": 1, **used, "alpha": 2.0, "schedule_version": 1.0}])
    assert _pin(api, "far", {"alpha": 3, "reason": "x"})["schedule"]["alpha"] == 3.0


def test_an_override_is_taken_back_when_the_run_worsens_after_it(api: Api) -> None:
    api.open_run("worsens")
    send(api, "worsens", losses([0.1] * 3))
    _pin(api, "worsens", {"delta": 0.8, "reason": "try", "revert_on": "critical"})
    api.send("worsens", [3], override_applied={"version": 1, "step": 3})
    send(api, "worsens", losses([NAN, NAN], start=4))
    assert api.run("worsens")["health"] == "warning"
    assert api.run("worsens")["override"] is not None
    send(api, "worsens", losses([NAN], start=6))
    run = api.run("worsens")
    assert (run["health"], run["override"], run["override_version"]) == ("critical", None, 2)
    reason = _trail(api, "worsens")[-1]["reason"]
    assert reason.startswith("released, because the run turned critical after it (critical: non_")
    assert reason.endswith("before: delta 0.8 pinned: try")


def test_an_override_that_the_trainer_never_used_is_not_blamed(api: Api) -> None:
    api.open_run("blameless")
    _pin(api, "blameless", {"delta": 0.8, "reason": "try", "revert_on": "warning"})
    send(api, "blameless", losses([NAN] * 3))
    assert api.run("blameless")["health"] == "critical"
    assert api.run("blameless")["override"] is not None


def test_without_the_wish_nothing_is_taken_back(api: Api) -> None:
    api.open_run("stays")
    _pin(api, "stays", {"delta": 0.8, "reason": "try"})
    api.send("stays", [0], override_applied={"version": 1, "step": 0})
    send(api, "stays", losses([NAN] * 3, start=1))
    assert api.run("stays")["override"] is not None


def test_a_trainer_that_uses_the_same_schedule_does_not_drift(api: Api) -> None:
    api.open_run("obeys", mode="control")
    send(api, "obeys", _controlled(range(40)))
    assert alerts(api, "obeys") == []


def test_a_trainer_that_uses_another_schedule_is_told_of_with_both_pairs(api: Api) -> None:
    api.open_run("drifts", mode="control")
    records = _controlled(range(20))
    for record in records[10:]:
        record["alpha"] += 1e-6
    send(api, "drifts", records)
    (alert,) = alerts(api, "drifts")
    assert (alert["detector"], alert["first_step"]) == ("schedule_drift", 10)
    evidence = alert["evidence"]
    assert evidence["alpha_used"] == pytest.approx(evidence["alpha_expected"] + 1e-6, abs=1e-12)
    assert evidence["delta_used"] == evidence["delta_expected"]
    assert evidence["schedule_version"] == 19


def test_only_a_trainer_in_control_can_drift(api: Api) -> None:
    api.open_run("watches", mode="observe")
    send(api, "watches", [r | {"alpha": 1.0, "delta": 1.0} for r in _controlled(range(20))])
    assert alerts(api, "watches") == []


def test_a_pin_is_no_drift_before_or_after_the_trainer_confirms_it(api: Api) -> None:
    api.open_run("pinned", mode="control")
    records = _controlled(range(30))
    send(api, "pinned", records[:10])
    _pin(api, "pinned", {"delta": 0.8, "reason": "try"})
    send(api, "pinned", records[10:12])
    for record in records[12:]:
        record["delta"] = 0.8
    send(api, "pinned", records[12:14])
    columns = {name: [records[14][name]] for name in records[14] if name != "step"}
    api.send("pinned", [14], columns=columns, override_applied={"version": 1, "step": 12})
    send(api, "pinned", records[15:])
    assert alerts(api, "pinned") == []


def test_a_trainer_that_keeps_a_released_pin_drifts(api: Api) -> None:
    api.open_run("keeps", mode="control")
    _pin(api, "keeps", {"delta": 0.8, "reason": "try"})
    records = [record | {"delta": 0.8} for record in _controlled(range(10))]
    api.request("DELETE", "/runs/keeps/schedule/override")
    api.send("keeps", [0], columns={"accuracy": [0.5]}, override_applied={"version": 2, "step": 0})
    send(api, "keeps", records[1:])
    assert [one["detector"] for one in alerts(api, "keeps")] == ["schedule_drift"]


def test_a_preview_is_what_the_pair_would_have_made_of_the_batches(api: Api) -> None:
    api.open_run("tried")
    rng = np.random.default_rng(0)
    rewards = [rng.integers(0, 2, (6, 4)).astype(np.float64) for _ in range(10)]
    weights = [_weights(step, one, grpo(one)) for step, one in enumerate(rewards)]
    api.send("tried", list(range(10)), weights=weights)
    answer = api.post("/runs/tried/preview", json={"alpha": 2.0, "delta": 0.8}).json()
    assert (answer["alpha"], answer["delta"]) == (2.0, 0.8)
    assert [one["step"] for one in answer["batches"]] == list(range(2, 10))
    for batch in answer["batches"]:
        one = rewards[batch["step"]]
        was, would = batch_mass(one, grpo(one)), batch_mass(one, fade(one, 2.0, 0.8))
        assert batch["mass_success"] == pytest.approx(was.success, rel=1e-6)
        assert batch["mass_failure"] == pytest.approx(was.failure, rel=1e-6)
        assert batch["new_mass_success"] == pytest.approx(would.success, rel=1e-6)
        assert batch["new_sign_ratio"] == pytest.approx(0.8, rel=1e-6)


def test_a_preview_of_one_value_keeps_the_other(api: Api) -> None:
    api.open_run("half")
    api.send("half", [0], weights=[_weights(0, np.eye(2), grpo(np.eye(2)))])
    _pin(api, "half", {"alpha": 2, "reason": "x"})
    answer = api.post("/runs/half/preview", json={"delta": 0.7}).json()
    assert (answer["alpha"], answer["delta"]) == (2.0, 0.7)


def test_a_preview_that_cannot_be_says_why(api: Api) -> None:
    api.open_run("bare")
    assert api.post("/runs/bare/preview", json={"alpha": 2}).status_code == 404
    assert api.post("/runs/nowhere/preview", json={"alpha": 2}).status_code == 404
    refused = api.post("/runs/bare/preview", json={"alpha": 9})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "alpha")
    api.send("bare", [0], weights=[_weights(0, 5.0 * np.eye(2), np.eye(2))])
    answer = api.post("/runs/bare/preview", json={"alpha": 2})
    assert answer.status_code == 409
    assert "[0, 1]" in answer.json()["detail"]


def _controlled(steps: Sequence[int]) -> list[dict[str, Any]]:
    """Return records of a trainer that computes the schedule from what it reports."""
    observed = [(step, 0.3 + 0.01 * step, 1.0 - 0.02 * step) for step in steps]
    chain = scheduler.replay(observed)
    return [
        {
            "step": step, "accuracy": solved, "entropy": nats, "alpha": used.alpha,
            "delta": used.delta, "schedule_version": float(used.version),
        }
        for (step, solved, nats), used in zip(observed, chain, strict=False)
    ]  # fmt: skip


def _weights(step: int, rewards: Any, advantages: Any) -> dict[str, Any]:
    def packed(values: Any) -> str:
        return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()

    prompts, size = rewards.shape
    return {
        "step": step, "prompts": prompts, "group_size": size,
        "rewards": packed(rewards), "advantages": packed(advantages),
    }  # fmt: skip


def _pin(api: Api, run: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.request("PUT", f"/runs/{run}/schedule/override", json=body)
    assert answer.status_code == 200, answer.text
    live: dict[str, Any] = answer.json()
    return live


def _trail(api: Api, run: str) -> list[dict[str, Any]]:
    trail: list[dict[str, Any]] = api.get(f"/runs/{run}/schedule/history").json()["schedules"]
    return trail


def test_the_changes_of_a_run_are_its_pins_releases_and_confirmations_in_pages(api: Api) -> None:
    api.open_run("steered")
    api.send("steered", [0, 1])
    _pin(api, "steered", {"delta": 0.8, "reason": "<b>slower</b>"})
    api.send("steered", [2], override_applied={"version": 1, "step": 2})
    api.request("DELETE", "/runs/steered/schedule/override")
    newest = api.get("/runs/steered/schedule/changes", params={"limit": 2}).json()
    cursor = {"cursor": newest["next_cursor"]}
    older = api.get("/runs/steered/schedule/changes", params=cursor).json()
    shown = [*newest["changes"], *older["changes"]]
    assert [(one["event"], one["step"]) for one in shown] == [
        ("released", 3),
        ("applied", 2),
        ("pinned", 2),
    ]
    assert shown[2]["delta"] == 0.8
    assert "<b>slower</b>" in shown[2]["reason"]
    assert older["next_cursor"] is None
    assert all(one["at"] > 0 for one in shown)
