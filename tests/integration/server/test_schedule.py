"""The live schedule: the same numbers as everywhere, waiting for it, taking the wheel."""

import math
import random
from typing import Any

import pytest

from fade_core import scheduler
from fade_core.scheduler import SchedulerConfig
from fade_server.queries import runs
from fade_server.services.codec import from_wire, schedule_document, to_wire
from tests.conftest import wait_until
from tests.integration.server.api import Api

OVERRIDE = "/schedule/override"


def test_the_service_computes_what_the_scheduler_replays(api: Api) -> None:
    config = {"ema_weight_new": 0.1, "alpha_max": 2.5, "entropy_scale": 0.3}
    rng = random.Random(0)
    records = [(step, rng.random(), rng.expovariate(1.0)) for step in range(50)]
    records[7] = (7, math.nan, 0.5)
    records[8] = (8, 0.5, math.inf)
    records[9] = (9, math.nan, math.nan)
    wanted = [schedule_document(s) for s in scheduler.replay(records, SchedulerConfig(**config))]
    opened = api.open_run("agree", scheduler=config)
    assert opened["schedule"] == wanted[0]
    for start in range(0, 50, 7):
        part = records[start : start + 7]
        answer = api.send(
            "agree",
            [step for step, _, _ in part],
            columns={
                "accuracy": [to_wire(solved) for _, solved, _ in part],
                "entropy": [to_wire(nats) for _, _, nats in part],
            },
        )
        assert answer["schedule"] == wanted[start + len(part)]
    assert api.get("/runs/agree/schedule/history").json()["schedules"] == wanted


def test_what_is_not_reported_is_not_a_number_to_the_scheduler(api: Api) -> None:
    api.open_run("sparse")
    api.send("sparse", [0, 5], columns={"accuracy": [None, 0.5]})
    wanted = scheduler.replay([(0, math.nan, math.nan), (5, 0.5, math.nan)])
    shown = api.get("/runs/sparse/schedule/history").json()["schedules"]
    assert shown == [schedule_document(one) for one in wanted]


def test_a_new_attempt_goes_on_from_the_schedule_of_its_first_step(api: Api) -> None:
    records = [(step, 0.1 * step, 1.0 - 0.1 * step) for step in range(6)]
    api.open_run("resume", "a")
    _send(api, "resume", 1, records)
    api.open_run("resume", "b")
    again = [(3, 0.9, 0.2), (4, 0.8, 0.1)]
    answer = _send(api, "resume", 2, again)
    wanted = scheduler.replay([*records[:3], *again])
    assert answer["schedule"] == schedule_document(wanted[-1])
    shown = api.get("/runs/resume/schedule/history").json()["schedules"]
    assert shown == [schedule_document(one) for one in wanted]
    assert api.get("/runs/resume/schedule").json()["schedule"] == schedule_document(wanted[-1])


def test_an_attempt_that_starts_where_the_older_one_ended_goes_on(api: Api) -> None:
    records = [(step, 0.5, 0.5) for step in range(4)]
    api.open_run("goes-on", "a")
    _send(api, "goes-on", 1, records[:2])
    api.open_run("goes-on", "b")
    answer = _send(api, "goes-on", 2, records[2:])
    assert answer["schedule"] == schedule_document(scheduler.replay(records)[-1])


def test_the_series_of_a_schedule_is_at_the_steps_it_is_for(api: Api) -> None:
    api.open_run("curve")
    records = [(0, 0.25, 0.5), (1, 0.5, 0.4)]
    _send(api, "curve", 1, records)
    wanted = scheduler.replay(records)
    for part in ("alpha", "delta", "p_hat", "h_hat", "h_star"):
        curve = api.series("curve", f"schedule/{part}")[f"schedule/{part}"]
        assert curve["step"] == [0, 1, 2]
        for value, schedule in zip(curve["value"], wanted, strict=True):
            assert to_wire(from_wire(value)) == to_wire(getattr(schedule, part))


def test_a_pin_is_in_force_while_the_scheduler_goes_on_underneath(api: Api) -> None:
    api.open_run("pinned")
    records = [(0, 0.25, 0.5), (1, 0.5, 0.4)]
    _send(api, "pinned", 1, records[:1])
    pin = {"delta": 0.5, "reason": " too greedy "}
    live = _call(api, "PUT", "pinned", pin)
    override = {
        "alpha": None, "delta": 0.5, "reason": "too greedy", "by": "",
        "at": live["override"]["at"], "expires_at": None, "revert_on": None,
    }  # fmt: skip
    assert live["override"] == override
    assert (live["schedule"]["delta"], live["schedule"]["source"]) == (0.5, "override")
    answer = _send(api, "pinned", 1, records[1:])
    assert answer["override"] == override
    assert answer["schedule"]["delta"] == 0.5
    wanted = scheduler.replay(records)[-1]
    assert (answer["schedule"]["alpha"], answer["schedule"]["p_hat"]) == (
        wanted.alpha,
        wanted.p_hat,
    )
    assert api.run("pinned")["override"] == override
    released = _call(api, "DELETE", "pinned")
    assert released["override"] is None
    assert released["schedule"] == schedule_document(wanted)


def test_the_trail_shows_what_people_did(api: Api) -> None:
    api.open_run("trail")
    _call(api, "PUT", "trail", {"alpha": 2, "reason": "try"})
    _call(api, "PUT", "trail", {"alpha": 2, "reason": "try"})
    _call(api, "DELETE", "trail")
    _call(api, "DELETE", "trail")
    _send(api, "trail", 1, [(0, 0.5, 0.5)])
    trail = api.get("/runs/trail/schedule/history").json()["schedules"]
    assert [(one["source"], one["alpha"]) for one in trail[:3]] == [
        ("fade", 1.5),
        ("override", 2.0),
        ("fade", 1.5),
    ]
    assert trail[1]["reason"] == "alpha 2 pinned: try"
    assert trail[2]["reason"] == "released; before: alpha 2 pinned: try"
    assert [one["version"] for one in trail] == [0, 0, 0, 1]
    newest = api.get("/runs/trail/schedule/history", params={"limit": 1}).json()["schedules"]
    assert newest == trail[-1:]
    ranged = api.get("/runs/trail/schedule/history", params={"from": 1, "to": 1}).json()
    assert ranged["schedules"] == trail[-1:]


def test_the_trail_is_turned_page_by_page_to_its_beginning(api: Api) -> None:
    api.open_run("pages")
    api.send("pages", list(range(6)), columns={"accuracy": [0.5] * 6})
    _call(api, "PUT", "pages", {"delta": 0.8, "reason": "try"})
    whole = api.get("/runs/pages/schedule/history").json()
    assert whole["next_cursor"] is None
    pages, query = [], {"limit": "3"}
    while True:
        page = api.get("/runs/pages/schedule/history", params=query).json()
        pages.append(page["schedules"])
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert [len(page) for page in pages] == [3, 3, 2]
    assert [one for page in reversed(pages) for one in page] == whole["schedules"]


def test_a_pin_outside_the_guard_rails_is_refused_by_name(api: Api) -> None:
    api.open_run("rails", scheduler={"alpha_max": 2.0})
    for body, field, wanted in [
        ({"alpha": 2.5, "reason": "x"}, "alpha", "[1, 2]"),
        ({"alpha": 0.5, "reason": "x"}, "alpha", "[1, 2]"),
        ({"delta": 0.2, "reason": "x"}, "delta", "[0.3, 1]"),
        ({"alpha": 1.5, "delta": 1.5, "reason": "x"}, "delta", "[0.3, 1]"),
        ({"alpha": "NaN", "reason": "x"}, "alpha", "number"),
        ({"alpha": True, "reason": "x"}, "alpha", "number"),
        ({"reason": "x"}, "alpha", "must pin alpha, delta or both"),
        ({"alpha": 1.5}, "reason", "required"),
        ({"alpha": 1.5, "reason": " "}, "reason", "pattern"),
        ({"alpha": 1.5, "reason": "x", "until": 7}, "until", "extra"),
    ]:
        answer = api.request("PUT", f"/runs/rails{OVERRIDE}", json=body)
        assert answer.status_code == 422, body
        error = answer.json()["errors"][0]
        assert (error["field"], wanted in error["message"]) == (field, True), error
    assert api.run("rails")["override"] is None
    assert len(api.get("/runs/rails/schedule/history").json()["schedules"]) == 1


def test_a_wait_ends_at_once_when_there_is_news_already(api: Api) -> None:
    api.open_run("news")
    _send(api, "news", 1, [(0, 0.5, 0.5)])
    query = {"after": 0, "wait": 30}
    assert api.get("/runs/news/schedule", params=query).json()["schedule"]["version"] == 1
    assert api.get("/runs/news/schedule").json()["schedule"]["version"] == 1


def test_a_wait_without_news_ends_with_what_there_is(api: Api) -> None:
    api.open_run("quiet")
    live = api.get("/runs/quiet/schedule", params={"after": 0, "wait": 0.01}).json()
    assert live == {
        "schedule": schedule_document(scheduler.initial()),
        "override": None,
        "override_version": 0,
        "override_step": None,
        "alert_version": 0,
        "alerts": [],
    }


def test_a_run_that_ends_wakes_who_waits(api: Api) -> None:
    api.open_run("ending")
    query = {"after": 2**53 - 1, "wait": 30}
    waiting = api.start("GET", "/runs/ending/schedule", params=query)
    _until_waiting(api)
    api.post("/runs/ending/finish", json={"attempt": 1, "status": "finished"})
    assert waiting.result(timeout=20).status_code == 200


def test_the_trainer_acknowledges_an_override_and_its_release_once(api: Api) -> None:
    api.open_run("steered")
    api.request("PUT", "/runs/steered/schedule/override", json={"delta": 0.8, "reason": "test"})
    assert (api.run("steered")["override_version"], api.run("steered")["override_step"]) == (
        1,
        None,
    )
    api.send("steered", [4], override_applied={"version": 0, "step": 4})
    assert api.run("steered")["override_step"] is None
    assert (
        api.send("steered", [5], override_applied={"version": 1, "step": 5})["override_version"]
        == 1
    )
    api.send("steered", [6], override_applied={"version": 1, "step": 6})
    assert api.run("steered")["override_step"] == 5
    trail = api.get("/runs/steered/schedule/history").json()["schedules"]
    (applied,) = [one for one in trail if one["reason"].startswith("the trainer applied it")]
    assert (applied["step"], applied["delta"], applied["source"]) == (5, 0.8, "override")
    api.request("DELETE", "/runs/steered/schedule/override")
    assert api.run("steered")["override_step"] is None
    api.send("steered", [7], override_applied={"version": 2, "step": 7})
    assert api.run("steered")["override_step"] == 7


@pytest.mark.parametrize(
    ("applied", "field"),
    [
        (3, "override_applied"),
        ({"version": -1, "step": 0}, "override_applied.version"),
        ({"version": 1, "step": "x"}, "override_applied.step"),
        ({"version": 1, "step": 0, "by": "me"}, "override_applied.by"),
    ],
)
def test_an_acknowledgement_that_cannot_be_is_named(api: Api, applied: Any, field: str) -> None:
    api.open_run("odd")
    body = {"attempt": 1, "steps": [0], "override_applied": applied}
    answer = api.post("/runs/odd/steps", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_a_batch_wakes_who_waits(api: Api) -> None:
    api.open_run("wake")
    waiting = api.start("GET", "/runs/wake/schedule", params={"after": 0, "wait": 30})
    _until_waiting(api)
    _send(api, "wake", 1, [(0, 0.5, 0.5)])
    assert waiting.result(timeout=10).json()["schedule"]["version"] == 1
    assert api.context.notifier.listeners("wake") == 0


def test_a_pin_and_a_release_wake_who_waits(api: Api) -> None:
    api.open_run("wheel")
    for method, body in [("PUT", {"alpha": 2, "reason": "x"}), ("DELETE", None)]:
        waiting = api.start("GET", "/runs/wheel/schedule", params={"after": 0, "wait": 30})
        _until_waiting(api)
        _call(api, method, "wheel", body)
        override = waiting.result(timeout=10).json()["override"]
        assert (override is None) == (method == "DELETE")


def test_a_pin_between_two_waits_is_not_missed(api: Api) -> None:
    api.open_run("between")
    seen = api.get("/runs/between/schedule").json()["override_version"]
    _call(api, "PUT", "between", {"alpha": 2, "reason": "x"})
    query = {"after": 0, "override_after": seen, "wait": 30}
    assert api.get("/runs/between/schedule", params=query).json()["override"]["alpha"] == 2.0


def test_news_of_another_process_are_noticed(api: Api, database_url: str) -> None:
    api.open_run("other")
    waiting = api.start("GET", "/runs/other/schedule", params={"after": 0, "wait": 30})
    _until_waiting(api)
    # Without the notifier, as a second server process on this database would.
    with api.context.store.write() as session:
        run = runs.find_run(session, "other", lock=True)
        assert run is not None
        runs.change_run(session, run.pk, {"override_version": 1})
    assert waiting.result(timeout=20).json()["override_version"] == 1


def _send(
    api: Api, run_id: str, attempt: int, records: list[tuple[int, float, float]]
) -> dict[str, Any]:
    columns = {"accuracy": [r[1] for r in records], "entropy": [r[2] for r in records]}
    return api.send(run_id, [r[0] for r in records], attempt, columns=columns)


def _call(api: Api, method: str, run_id: str, body: Any = None) -> dict[str, Any]:
    answer = api.request(method, f"/runs/{run_id}{OVERRIDE}", json=body)
    assert answer.status_code == 200, answer.text
    live: dict[str, Any] = answer.json()
    return live


def _until_waiting(api: Api) -> None:
    # A listener may not have looked at the run yet; one that waits has.
    registry, poll = api.context.telemetry.registry, {"kind": "long_poll"}
    wait_until(
        lambda: registry.get_sample_value("fadewatch_requests_waiting", poll) == 1.0, "the poll"
    )
