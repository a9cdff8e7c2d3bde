"""Alerts as people follow them: they fire, are seen to, end, and are told of."""

from typing import Any

import pytest

from fade_core.kl_audit.live import CONFIG_KEY, verdict_of
from tests.integration.server.alarms import NAN, alerts, diagnosis, losses, send, settle
from tests.integration.server.api import Api
from tests.integration.server.conftest import Clock

QUIET = 30
"""More records than the detector and the alert need to be over."""


def test_an_alert_fires_and_the_run_says_so(api: Api) -> None:
    api.open_run("fires")
    send(api, "fires", losses([0.1, NAN]))
    (pending,) = alerts(api, "fires")
    assert (pending["state"], pending["severity"], pending["fired_at"]) == (
        "pending", "warning", None,
    )  # fmt: skip
    assert api.run("fires")["open_alerts"] == {"critical": 0, "warning": 0}
    send(api, "fires", losses([NAN, NAN], start=2))
    (firing,) = alerts(api, "fires")
    assert (firing["state"], firing["severity"], firing["id"]) == (
        "firing", "critical", pending["id"],
    )  # fmt: skip
    assert (firing["onset_step"], firing["first_step"], firing["last_step"]) == (1, 1, 3)
    assert firing["evidence"]["window"] == [1, 3]
    assert firing["variant"] == "loss"
    run = api.run("fires")
    assert run["health"] == "critical"
    assert run["open_alerts"] == {"critical": 1, "warning": 0}
    assert run["headline"] == diagnosis(api, "fires")["headline"] == firing["headline"]
    assert diagnosis(api, "fires")["alerts"] == [firing]


def test_it_is_over_after_quiet_records_and_a_new_one_may_fire(api: Api) -> None:
    api.open_run("again")
    send(api, "again", losses([NAN] * 3))
    send(api, "again", losses([0.1] * QUIET, start=3))
    (over,) = alerts(api, "again")
    assert over["state"] == "resolved"
    assert 3 < over["resolved_step"] < 3 + QUIET
    run = api.run("again")
    assert (run["health"], run["open_alerts"]) == ("unknown", {"critical": 0, "warning": 0})
    assert "resolved at step" in run["headline"]
    send(api, "again", losses([NAN] * 3, start=3 + QUIET))
    new, old = alerts(api, "again")
    assert (new["state"], old["state"]) == ("firing", "resolved")
    assert new["id"] > old["id"]


def test_a_signal_that_flaps_is_one_alert(api: Api) -> None:
    api.open_run("flaps")
    for start in range(0, 120, 12):
        send(api, "flaps", losses([NAN, NAN, *[0.1] * 10], start=start))
    (alert,) = alerts(api, "flaps")
    assert alert["state"] == "firing"


def test_one_stray_value_is_told_to_nobody(api: Api) -> None:
    api.open_run("stray")
    send(api, "stray", losses([0.1, NAN, *[0.1] * 2]))
    assert api.run("stray")["open_alerts"]["critical"] == 0
    send(api, "stray", losses([0.1] * QUIET, start=4))
    assert [one["state"] for one in alerts(api, "stray")] in ([], ["resolved"])


def test_who_sees_to_it_says_so_until_it_turns_critical(api: Api, clock: Clock) -> None:
    api.open_run("acked")
    send(api, "acked", losses([NAN, NAN]))
    (alert,) = alerts(api, "acked")
    version = api.run("acked")["alert_version"]
    seen = _post(api, f"/alerts/{alert['id']}/ack", {"note": "on it"})
    assert (seen["state"], seen["note"], seen["acknowledged_at"]) == (
        "acknowledged", "on it", clock.now,
    )  # fmt: skip
    assert api.run("acked")["alert_version"] == seen["version"] > version
    assert api.run("acked")["health"] == "warning"
    again = _post(api, f"/alerts/{alert['id']}/ack", {})
    assert (again["state"], again["note"]) == ("acknowledged", "on it")
    send(api, "acked", losses([NAN], start=2))
    (worse,) = alerts(api, "acked")
    assert (worse["state"], worse["severity"], worse["acknowledged_at"]) == (
        "firing", "critical", None,
    )  # fmt: skip


def test_an_acknowledgement_can_be_taken_back(api: Api) -> None:
    api.open_run("unacked")
    send(api, "unacked", losses([NAN] * 3))
    (alert,) = alerts(api, "unacked")
    _post(api, f"/alerts/{alert['id']}/ack", {})
    assert _post(api, f"/alerts/{alert['id']}/unack")["state"] == "firing"
    assert _post(api, f"/alerts/{alert['id']}/unack")["state"] == "firing"


def test_what_is_not_firing_cannot_be_acknowledged(api: Api) -> None:
    api.open_run("calm")
    send(api, "calm", losses([NAN]))
    (alert,) = alerts(api, "calm")
    answer = api.post(f"/alerts/{alert['id']}/ack", json={})
    assert answer.status_code == 409
    assert answer.json()["detail"] == (
        "only a firing alert can be acknowledged; this one is pending"
    )
    assert api.post("/alerts/999999/ack", json={}).status_code == 404
    assert api.post("/alerts/0/ack", json={}).status_code == 422


def test_a_silence_covers_what_matches_until_it_ends(api: Api, clock: Clock) -> None:
    api.open_run("hushed")
    send(api, "hushed", losses([NAN, NAN]))
    body = {"run": "hushed", "detector": "non_finite", "duration_s": 60, "reason": "known"}
    silence = _post(api, "/silences", body, 201)
    assert silence in api.get("/silences").json()["silences"]
    assert alerts(api, "hushed")[0]["silenced"]
    clock.now += 61
    assert not alerts(api, "hushed")[0]["silenced"]
    assert silence not in api.get("/silences").json()["silences"]


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ({}, True),
        ({"project": "p"}, True),
        ({"project": "q"}, False),
        ({"detector": "non_finite"}, True),
        ({"detector": "staleness"}, False),
        ({"project": "p", "detector": "staleness"}, False),
    ],
)
def test_a_silence_is_about_what_it_names(api: Api, scope: dict[str, str], covered: bool) -> None:
    run = f"scope-{len(scope)}-{covered}-{'-'.join(scope.values())}"
    api.open_run(run)
    send(api, run, losses([NAN, NAN]))
    silence = _post(api, "/silences", scope | {"duration_s": 60, "reason": "test"}, 201)
    assert alerts(api, run)[0]["silenced"] is covered
    deleted = api.request("DELETE", f"/silences/{silence['id']}")
    assert (deleted.status_code, deleted.json()) == (200, silence)
    assert not alerts(api, run)[0]["silenced"]
    assert api.request("DELETE", f"/silences/{silence['id']}").status_code == 404


def test_a_silence_of_a_warning_does_not_cover_the_critical_one(api: Api, clock: Clock) -> None:
    api.open_run("rises")
    send(api, "rises", losses([NAN, NAN]))
    body = {"run": "rises", "duration_s": 600, "reason": "a warning only"}
    _post(api, "/silences", body, 201)
    assert alerts(api, "rises")[0]["silenced"]
    clock.now += 1
    send(api, "rises", losses([NAN], start=2))
    assert not alerts(api, "rises")[0]["silenced"]
    clock.now += 1
    _post(api, "/silences", body | {"reason": "the critical one too"}, 201)
    assert alerts(api, "rises")[0]["silenced"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "x"}, "until"),
        ({"reason": "x", "until": 1.0}, "until"),
        ({"reason": "x", "until": 2e9, "duration_s": 5}, "until"),
        ({"reason": "x", "duration_s": -5}, "duration_s"),
        ({"reason": " ", "duration_s": 5}, "reason"),
        ({"duration_s": 5}, "reason"),
        ({"reason": "x", "duration_s": 5, "severity": "warning"}, "severity"),
    ],
)
def test_a_silence_that_cannot_be_is_refused_by_name(
    api: Api, body: dict[str, Any], field: str
) -> None:
    answer = api.post("/silences", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_a_silence_of_a_run_that_is_not_there_is_refused(api: Api) -> None:
    body = {"run": "nowhere", "duration_s": 5, "reason": "x"}
    assert api.post("/silences", json=body).status_code == 404


def test_alerts_are_listed_page_by_page_and_by_what_is_asked(api: Api) -> None:
    runs = ["list-a", "list-b", "list-c"]
    for run in runs:
        api.open_run(run)
        send(api, run, losses([NAN] * (3 if run == "list-b" else 2)))
    first = api.get("/alerts", params={"limit": 2, "state": "firing"}).json()
    assert [one["run"] for one in first["alerts"]] == ["list-c", "list-b"]
    cursor = {"limit": 1, "state": "firing", "cursor": first["next_cursor"]}
    second = api.get("/alerts", params=cursor).json()
    assert [one["run"] for one in second["alerts"]] == ["list-a"]
    critical = api.get("/alerts", params={"severity": "critical", "run": "list-b"}).json()
    assert [one["run"] for one in critical["alerts"]] == ["list-b"]
    assert api.get("/alerts", params={"project": "nobody's"}).json()["alerts"] == []
    assert api.get("/alerts", params={"cursor": "x"}).status_code == 422
    assert api.get("/alerts", params={"state": "angry"}).status_code == 422
    for path in ("alerts", "diagnosis"):
        assert api.get(f"/runs/nowhere/{path}").status_code == 404


def test_settings_that_are_wrong_are_told_before_the_first_step(api: Api) -> None:
    verdict = verdict_of({"beta": 0.04}, "trl-grpo", "1.9.2")
    api.open_run("misconfigured", "a", config={CONFIG_KEY: verdict})
    settle(api)
    (alert,) = alerts(api, "misconfigured")
    assert (alert["detector"], alert["state"], alert["variant"]) == (
        "kl_misconfigured", "firing", "biased",
    )  # fmt: skip
    assert api.run("misconfigured")["health"] == "warning"
    assert [one["detector"] for one in diagnosis(api, "misconfigured")["findings"]] == [
        "kl_misconfigured"
    ]
    send(api, "misconfigured", losses([0.1] * 40))
    (alert,) = alerts(api, "misconfigured")
    assert (alert["state"], alert["last_step"]) == ("firing", 39)
    assert api.run("misconfigured")["headline"] == alert["headline"]


def test_an_attempt_with_better_settings_ends_that_alert(api: Api) -> None:
    verdict = verdict_of({"beta": 0.04}, "trl-grpo", "1.9.2")
    api.open_run("mended", "a", config={CONFIG_KEY: verdict})
    send(api, "mended", losses([0.1] * 3))
    api.open_run("mended", "b", config={})
    send(api, "mended", losses([0.1] * QUIET, start=3), attempt=2)
    assert [one["state"] for one in alerts(api, "mended")] == ["resolved"]


def test_an_alert_ends_a_wait_and_comes_with_the_answer(api: Api) -> None:
    api.open_run("waits")
    query = {"after": 2**53 - 1, "alerts_after": 0, "wait": 30}
    waiting = api.start("GET", "/runs/waits/schedule", params=query)
    send(api, "waits", losses([NAN] * 3))
    live = waiting.result(timeout=30).json()
    assert [one["detector"] for one in live["alerts"]] == ["non_finite"]
    assert live["alert_version"] >= 1
    send(api, "waits", losses([0.1] * QUIET, start=3))
    seen = {"alerts_after": live["alert_version"]}
    (over,) = api.get("/runs/waits/schedule", params=seen).json()["alerts"]
    assert over["state"] == "resolved"
    assert api.get("/runs/waits/schedule").json()["alerts"] == []


def test_the_evidence_of_a_firing_alert_stays_up_to_date_and_wakes_nobody(api: Api) -> None:
    api.open_run("steady")
    send(api, "steady", losses([NAN] * 4))
    before = api.run("steady")
    send(api, "steady", losses([NAN] * 4, start=4))
    assert api.run("steady")["alert_version"] == before["alert_version"]
    assert alerts(api, "steady")[0]["last_step"] == 7


def _post(api: Api, path: str, body: Any = None, status: int = 200) -> dict[str, Any]:
    answer = api.post(path, json=body)
    assert answer.status_code == status, answer.text
    document: dict[str, Any] = answer.json()
    return document
