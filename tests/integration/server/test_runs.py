"""Runs and attempts: create, resume, rewind, finish, list."""

from fade_core import scheduler
from fade_core.scheduler import SchedulerConfig
from tests.integration.server.api import Api
from tests.integration.server.conftest import Clock

BODY = {
    "run_id": "full",
    "attempt_key": "k",
    "name": "A name",
    "mode": "control",
    "config": {"lr": 1e-6, "nested": {"a": [1, None, "x"]}},
    "tags": ["b", "a", "b"],
    "group": "g",
    "scheduler": {"alpha_max": 2.0, "h_star": 0.5},
}


def test_a_run_is_created_as_asked(api: Api, clock: Clock) -> None:
    answer = api.post("/projects/my project/runs", json=BODY)
    assert answer.status_code == 201
    opened = answer.json()
    run = opened["run"]
    assert (opened["attempt"], opened["override"]) == (1, None)
    assert opened["schedule"] == run["schedule"]
    assert {name: run[name] for name in ("id", "project", "name", "mode", "group", "status")} == {
        "id": "full",
        "project": "my project",
        "name": "A name",
        "mode": "control",
        "group": "g",
        "status": "running",
    }
    assert run["tags"] == ["b", "a"]
    assert run["config"] == BODY["config"]
    assert (run["scheduler"]["alpha_max"], run["scheduler"]["h_star"]) == (2.0, 0.5)
    assert (run["last_step"], run["step_count"], run["last"], run["metrics"]) == (None, 0, {}, [])
    assert run["created_at"] == run["updated_at"] == clock.now


def test_a_name_that_is_left_out_is_the_id(api: Api) -> None:
    api.post("/projects/p/runs", json={"run_id": "unnamed", "attempt_key": "k"})
    assert api.run("unnamed")["name"] == "unnamed"


def test_a_config_keeps_what_is_not_finite_as_text(api: Api) -> None:
    body = b'{"run_id": "inf", "attempt_key": "k", "config": {"clip": Infinity, "x": [NaN]}}'
    headers = {"Content-Type": "application/json"}
    api.post("/projects/p/runs", content=body, headers=headers)
    assert api.run("inf")["config"] == {"clip": "Infinity", "x": ["NaN"]}


def test_the_same_request_again_is_the_same_attempt(api: Api, clock: Clock) -> None:
    first = api.open_run("retried", "k")
    clock.now += 5
    answer = api.post("/projects/p/runs", json={"run_id": "retried", "attempt_key": "k"})
    assert answer.status_code == 200
    assert answer.json() == first


def test_another_key_is_another_attempt_and_says_what_holds_now(api: Api) -> None:
    api.open_run("resumed", "a", mode="observe", tags=["old"])
    api.post("/runs/resumed/finish", json={"attempt": 1, "status": "failed"})
    opened = api.open_run("resumed", "b", mode="control", tags=["new"], config={"lr": 2})
    assert opened["attempt"] == 2
    run = opened["run"]
    assert (run["status"], run["mode"], run["tags"], run["config"]) == (
        "running", "control", ["new"], {"lr": 2}
    )  # fmt: skip
    assert api.open_run("resumed", "a")["attempt"] == 1


def test_a_new_attempt_hides_what_the_older_one_did_after_its_first_step(api: Api) -> None:
    api.open_run("rewound", "a")
    values = {"accuracy": [0.1 * i for i in range(6)], "loss": [float(i) for i in range(6)]}
    api.send("rewound", [0, 1, 2, 3, 4, 5], columns=values)
    api.open_run("rewound", "b")
    assert api.run("rewound")["step_count"] == 6
    api.send("rewound", [3, 4], attempt=2, columns={"accuracy": [0.9, 0.8]})
    assert api.series("rewound", "accuracy", "loss", "schedule/p_hat") | {"schedule/p_hat": 0} == {
        "accuracy": {"step": [0, 1, 2, 3, 4], "value": [0.0, 0.1, 0.2, 0.9, 0.8]},
        "loss": {"step": [0, 1, 2], "value": [0.0, 1.0, 2.0]},
        "schedule/p_hat": 0,
    }
    assert api.series("rewound", "schedule/p_hat")["schedule/p_hat"]["step"] == [0, 1, 2, 3, 4, 5]
    run = api.run("rewound")
    assert (run["attempt"], run["last_step"], run["step_count"]) == (2, 4, 5)
    assert run["last"] == {"accuracy": 0.8, "loss": 2.0}


def test_a_new_attempt_from_the_start_hides_everything(api: Api) -> None:
    api.open_run("restarted", "a")
    api.send("restarted", [0, 1], columns={"accuracy": [0.5, 0.5], "loss": [1.0, "NaN"]})
    api.open_run("restarted", "b", scheduler={"p_hat_initial": 0.25})
    accepted = api.send("restarted", [0], attempt=2, columns={"accuracy": [0.1]})
    config = SchedulerConfig(p_hat_initial=0.25)
    wanted = scheduler.replay([(0, 0.1, float("nan"))], config)[-1]
    assert accepted["schedule"]["p_hat"] == wanted.p_hat
    run = api.run("restarted")
    assert (run["last_step"], run["step_count"], run["last"]) == (0, 1, {"accuracy": 0.1})


def test_the_last_values_before_a_rewind_keep_what_is_not_finite(api: Api) -> None:
    api.open_run("nanback", "a")
    api.send("nanback", [0, 1], columns={"loss": ["NaN", 1.0], "grad_norm": ["Infinity", 1.0]})
    api.open_run("nanback", "b")
    api.send("nanback", [1], attempt=2, columns={"accuracy": [0.5]})
    assert api.run("nanback")["last"] == {"loss": "NaN", "grad_norm": "Infinity", "accuracy": 0.5}


def test_steps_of_an_older_attempt_that_come_late_are_stored_but_not_shown(api: Api) -> None:
    api.open_run("straggler", "a")
    api.send("straggler", [0, 1], columns={"loss": [0.0, 1.0]})
    api.open_run("straggler", "b")
    api.send("straggler", [3], attempt=2, columns={"loss": [30.0]})
    before = api.run("straggler")["schedule"]
    late = api.send("straggler", [2, 3, 4], attempt=1, columns={"loss": [2.0, 3.0, 4.0]})
    assert (late["accepted"], late["last_step"], late["schedule"]) == (3, 4, before)
    assert api.series("straggler", "loss")["loss"] == {
        "step": [0, 1, 2, 3],
        "value": [0.0, 1.0, 2.0, 30.0],
    }
    run = api.run("straggler")
    assert (run["last_step"], run["step_count"], run["last"]) == (3, 4, {"loss": 30.0})


def test_an_attempt_that_goes_further_back_hides_more(api: Api) -> None:
    api.open_run("back", "a")
    api.send("back", [0, 1, 2, 3], columns={"loss": [0.0, 1.0, 2.0, 3.0]})
    api.open_run("back", "b")
    api.send("back", [3], attempt=2, columns={"loss": [13.0]})
    api.send("back", [1], attempt=2, columns={"loss": [11.0]})
    assert api.series("back", "loss")["loss"] == {"step": [0, 1, 3], "value": [0.0, 11.0, 13.0]}
    run = api.run("back")
    assert (run["step_count"], run["last_step"], run["last"]) == (3, 3, {"loss": 13.0})


def test_a_run_ends_with_its_newest_attempt(api: Api) -> None:
    api.open_run("ended", "a")
    api.open_run("ended", "b")
    old = api.post("/runs/ended/finish", json={"attempt": 1, "status": "failed"}).json()
    assert old["status"] == "running"
    new = api.post("/runs/ended/finish", json={"attempt": 2, "status": "finished"}).json()
    assert new["status"] == "finished"
    api.send("ended", [0], attempt=2, columns={"loss": [1.0]})
    assert api.run("ended")["status"] == "finished"


def test_a_silent_run_is_stale_until_it_speaks(api: Api, clock: Clock) -> None:
    api.open_run("silent", tags=["stale"])
    clock.now += 600
    assert api.run("silent")["status"] == "running"
    clock.now += 1
    assert api.run("silent")["status"] == "stale"
    assert _ids(api, status="stale", tag="stale") == ["silent"]
    assert _ids(api, status="running", tag="stale") == []
    api.send("silent", [0], columns={"loss": [1.0]})
    assert _ids(api, status="running", tag="stale") == ["silent"]


def test_a_list_shows_the_newest_activity_first_and_narrows(api: Api, clock: Clock) -> None:
    for number in range(3):
        clock.now += 1
        api.open_run(f"list{number}", tags=["list", f"n{number}"])
    clock.now += 1
    api.send("list1", [0], columns={"loss": [1.0]})
    assert _ids(api, tag="list") == ["list1", "list2", "list0"]
    assert _ids(api, tag="n2") == ["list2"]
    assert _ids(api, tag="list", project="p") == ["list1", "list2", "list0"]
    assert _ids(api, tag="list", project="other") == []
    api.post("/runs/list0/finish", json={"attempt": 1})
    assert _ids(api, tag="list", status="finished") == ["list0"]


def test_pages_show_every_run_once_also_those_of_the_same_moment(api: Api) -> None:
    for number in range(7):
        api.open_run(f"page{number}", tags=["page"])
    seen, cursor = [], None
    while True:
        query = {"tag": "page", "limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = api.get("/runs", params=query).json()
        seen.append([run["id"] for run in page["runs"]])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [len(ids) for ids in seen] == [3, 3, 1]
    assert sorted(run_id for ids in seen for run_id in ids) == [
        f"page{number}" for number in range(7)
    ]


def _ids(api: Api, **query: str) -> list[str]:
    return [run["id"] for run in api.get("/runs", params=query).json()["runs"]]
