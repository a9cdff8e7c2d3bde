"""Runs and attempts: create, resume, rewind, finish, list."""

import pytest
from sqlalchemy import select, update

from fade_core import scheduler
from fade_core.scheduler import SchedulerConfig
from fade_server.tables import audit, runs
from tests.integration.server.api import Api
from tests.integration.server.checks import stored
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


def test_a_list_narrows_to_a_group_a_health_and_a_search(api: Api) -> None:
    api.open_run("Seek1", name="50%_off", group="seeking", tags=["Blue"])
    api.open_run("seek2", name="plain", group="seeking")
    with api.context.store.write() as session:
        session.execute(update(runs).where(runs.c.id == "seek2").values(health="critical"))
    assert sorted(_ids(api, group="seeking")) == ["Seek1", "seek2"]
    assert _ids(api, group="seeking", health="critical") == ["seek2"]
    assert _ids(api, group="seeking", health="unknown") == ["Seek1"]
    assert sorted(_ids(api, q="SEEK")) == ["Seek1", "seek2"], "by id and group, in either case"
    assert _ids(api, q="%_o") == ["Seek1"], "by name, and no wildcards"
    assert _ids(api, q="blue", group="seeking") == ["Seek1"], "by tag"


ORDERS = {
    ("updated", None): "cba", ("updated", "asc"): "abc",
    ("created", "desc"): "cba", ("created", "asc"): "abc",
    ("name", None): "cba", ("name", "desc"): "abc",
    ("step", None): "bac", ("step", "asc"): "cab",
    # Without an accuracy b and c are equal, and then the younger one is the larger.
    ("accuracy", None): "acb", ("accuracy", "asc"): "bca",
}  # fmt: skip


@pytest.fixture(scope="module")
def ordered(api: Api, clock: Clock) -> str:
    """Three runs under a tag: c has no steps, and b an accuracy that is not a number at last."""
    for run_id, name in (("a", "zeta"), ("b", "mid"), ("c", "alpha")):
        clock.now += 1
        api.open_run(f"sort-{run_id}", name=name, tags=["sort"])
        if run_id != "c":
            steps, accuracy = ([3], [0.25]) if run_id == "a" else ([3, 9], [0.5, "NaN"])
            api.send(f"sort-{run_id}", steps, columns={"accuracy": accuracy})
    return "sort"


@pytest.mark.parametrize(("sort", "order"), ORDERS)
def test_every_order_shows_every_run_once_page_by_page(
    api: Api, ordered: str, sort: str, order: str | None
) -> None:
    expected = [f"sort-{one}" for one in ORDERS[sort, order]]
    query = {"tag": ordered, "sort": sort} | ({"order": order} if order else {})
    assert _ids(api, **query) == expected
    assert _pages(api, 1, query) == [[one] for one in expected]


def test_a_cursor_of_another_order_is_refused(api: Api, ordered: str) -> None:
    query = {"tag": ordered, "limit": "1"}
    cursor = api.get("/runs", params=query | {"sort": "name"}).json()["next_cursor"]
    for other in ({"sort": "step"}, {"sort": "name", "order": "desc"}):
        answer = api.get("/runs", params=query | other | {"cursor": cursor})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "cursor"


def test_projects_are_listed_with_their_runs(api: Api) -> None:
    for run_id in ("in-one", "in-two"):
        api.post("/projects/apart/runs", json={"run_id": run_id, "attempt_key": "a"})
    projects = {one["project"]: one for one in api.get("/projects").json()["projects"]}
    none = {"critical": 0, "warning": 0}
    assert projects["apart"] == {"project": "apart", "runs": 2, "open_alerts": none}
    assert list(projects) == sorted(projects)


def test_people_rename_a_run_and_what_they_leave_out_stays(api: Api) -> None:
    api.open_run("renamed", name="first", tags=["x"], group="g")
    answer = api.request("PATCH", "/runs/renamed", json={"name": "second", "tags": ["y", "z"]})
    assert answer.status_code == 200
    run = answer.json()
    assert (run["name"], run["tags"], run["group"]) == ("second", ["y", "z"], "g")
    run = api.request("PATCH", "/runs/renamed", json={"name": None, "group": None}).json()
    assert (run["name"], run["tags"], run["group"]) == ("renamed", ["y", "z"], None)
    refused = api.request("PATCH", "/runs/renamed", json={"tags": ["fine", "\n"], "name": "third"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "tags[1]"
    assert api.run("renamed") == run
    assert _trail(api, "renamed") == ["run.changed", "run.changed"]


def test_a_deleted_run_leaves_nothing_but_its_trace(api: Api) -> None:
    before = stored(api)
    api.open_run("gone", tags=["x"])
    weights = {
        "step": 0, "prompts": 1, "group_size": 1, "rewards": "AAAAAA==", "advantages": "AAAAAA=="
    }  # fmt: skip
    api.send("gone", [0], columns={"loss": [1.0]}, weights=[weights])
    assert stored(api) != before
    assert api.request("DELETE", "/runs/gone").status_code == 204
    after = stored(api)
    assert {name: count for name, count in after.items() if name != "audit"} == {
        name: count for name, count in before.items() if name != "audit"
    }
    assert api.get("/runs/gone").status_code == 404
    assert api.request("DELETE", "/runs/gone").status_code == 404
    assert _trail(api, "gone") == ["run.deleted"]


def test_pages_show_every_run_once_also_those_of_the_same_moment(api: Api) -> None:
    for number in range(7):
        api.open_run(f"page{number}", tags=["page"])
    seen = _pages(api, 3, {"tag": "page"})
    assert [len(ids) for ids in seen] == [3, 3, 1]
    assert sorted(run_id for ids in seen for run_id in ids) == [
        f"page{number}" for number in range(7)
    ]


def _ids(api: Api, **query: str) -> list[str]:
    return [run["id"] for run in api.get("/runs", params=query).json()["runs"]]


def _pages(api: Api, size: int, query: dict[str, str]) -> list[list[str]]:
    seen, cursor = [], None
    while True:
        more = {"limit": str(size)} | ({"cursor": cursor} if cursor else {})
        page = api.get("/runs", params=query | more).json()
        seen.append([run["id"] for run in page["runs"]])
        cursor = page["next_cursor"]
        if cursor is None:
            return seen


def _trail(api: Api, run_id: str) -> list[str]:
    with api.context.store.read() as session:
        statement = select(audit.c.action).where(audit.c.target == run_id).order_by(audit.c.id)
        return list(session.scalars(statement))
