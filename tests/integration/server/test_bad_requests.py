"""Bad runs, queries, waits and ends: each a 4xx that names the field, and nothing stored."""

from typing import Any

import pytest

from tests.integration.server.api import Api
from tests.integration.server.checks import problem, stored

RUN: dict[str, Any] = {"run_id": "new", "attempt_key": "a", "name": "n"}
DEEP: Any = 0
for _ in range(40):
    DEEP = [DEEP]

BAD_RUNS: list[tuple[str, dict[str, Any], str, str]] = [
    ("a path as the id", {"run_id": "a/b"}, "run_id", "pattern"),
    ("a newline after the id", {"run_id": "a\n"}, "run_id", "pattern"),
    ("a long id", {"run_id": "a" * 65}, "run_id", "pattern"),
    ("an empty key", {"attempt_key": ""}, "attempt_key", "pattern"),
    ("a number as the name", {"name": 3}, "name", "string"),
    ("a blank name", {"name": "  "}, "name", "blank"),
    ("a long name", {"name": "n" * 129}, "name", "128"),
    ("a control character", {"name": "a\0"}, "name", "printable"),
    ("an unknown mode", {"mode": "drive"}, "mode", "'control'"),
    ("a list as config", {"config": [1]}, "config", "dictionary"),
    ("a huge integer", {"config": {"seed": 2**70}}, "config", "64 bits"),
    ("a deep config", {"config": {"a": DEEP}}, "config", "nested"),
    ("a tag that is no text", {"tags": ["a", 1]}, "tags[1]", "string"),
    ("an empty tag", {"tags": ["a", ""]}, "tags[1]", "blank"),
    ("too many tags", {"tags": [str(i) for i in range(65)]}, "tags", "64"),
    ("alpha_max too small", {"scheduler": {"alpha_max": 0.5}}, "scheduler.alpha_max", "[1, inf]"),
    ("a bool as alpha_max", {"scheduler": {"alpha_max": True}}, "scheduler.alpha_max", "number"),
    ("an unknown setting", {"scheduler": {"alpha": 1.0}}, "scheduler.alpha", "extra inputs"),
    ("an unknown field", {"projet": "p"}, "projet", "extra inputs"),
]


@pytest.mark.parametrize(("change", "field", "wanted"), [b[1:] for b in BAD_RUNS],
                         ids=[b[0] for b in BAD_RUNS])  # fmt: skip
def test_a_bad_run_is_refused_by_name_and_not_made(
    api: Api, change: dict[str, Any], field: str, wanted: str
) -> None:
    before = stored(api)
    found = problem(api.post("/projects/p/runs", json=RUN | change), 422)
    assert found["errors"][0]["field"] == field
    assert wanted in found["errors"][0]["message"]
    assert stored(api) == before


def test_a_run_of_a_bad_project_is_not_made(api: Api) -> None:
    for project in ("%20", "x" * 129, "a%00b"):
        found = problem(api.post(f"/projects/{project}/runs", json=RUN), 422)
        assert found["errors"][0]["field"] == "project"


def test_a_run_in_another_project_is_a_conflict(api: Api) -> None:
    api.open_run("mine")
    before = stored(api)
    body = {"run_id": "mine", "attempt_key": "b", "name": "n"}
    found = problem(api.post("/projects/other/runs", json=body), 409)
    assert '"mine" exists already in another project' in found["detail"]
    assert stored(api) == before


@pytest.mark.parametrize("body", [b"", b"{", b"NaN,"])
def test_a_run_that_is_not_json_is_refused(api: Api, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = api.post("/projects/p/runs", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("metrics=acuracy", "metrics"),
        ("metrics=,", "metrics"),
        ("", "metrics"),
        ("metrics=mass_by_difficulty/10", "metrics"),
        ("metrics=mass_by_difficulty", "metrics"),
        ("metrics=adv_quantiles/0.5000", "metrics"),
        ("metrics=pass_at_k/x", "metrics"),
        ("metrics=schedule/version", "metrics"),
        ("metrics=" + ",".join(f"extra/{i}" for i in range(65)), "metrics"),
        ("metrics=loss&points=7", "points"),
        ("metrics=loss&points=many", "points"),
        ("metrics=loss&from=-1", "from"),
        ("metrics=loss&to=99999999999999999999", "to"),
    ],
)
def test_a_bad_query_is_refused_by_name(api: Api, query: str, field: str) -> None:
    api.open_run("bad")
    found = problem(api.get(f"/runs/bad/series?{query}"), 422)
    assert found["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "status=lost", "cursor=xx", "cursor=WzEsIHRydWVd"]
)
def test_a_bad_list_query_is_refused_by_name(api: Api, query: str) -> None:
    found = problem(api.get(f"/runs?{query}"), 422)
    assert found["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize("query", ["wait=31", "wait=-1", "wait=nan", "after=-1", "after=x"])
def test_a_bad_wait_is_refused_by_name(api: Api, query: str) -> None:
    api.open_run("bad")
    found = problem(api.get(f"/runs/bad/schedule?{query}"), 422)
    assert found["errors"][0]["field"] == query.partition("=")[0]


def test_an_end_of_an_unknown_attempt_is_refused(api: Api) -> None:
    api.open_run("bad")
    for body, field in [({"attempt": 2}, "attempt"), ({"attempt": 1, "status": "ok"}, "status")]:
        found = problem(api.post("/runs/bad/finish", json=body), 422)
        assert found["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/runs?project=%00", None),
        ("GET", "/runs?q=a%00", None),
        ("GET", "/runs?tag=%00&group=%00", None),
        ("GET", "/runs/%00", None),
        ("GET", "/runs/%00/series?metrics=loss", None),
        ("GET", "/runs/told/series?metrics=extra/%00", None),
        ("GET", "/alerts?project=%00", None),
        ("GET", "/runs/%00/events", None),
        ("GET", "/runs?sort=name&cursor=WyJuYW1lIiwwLCJcdTAwMDAiLDFd", None),
        ("PUT", "/runs/told/schedule/override", {"delta": 0.8, "reason": "a\0b"}),
        ("PATCH", "/runs/told", {"group": "\0"}),
        ("POST", "/silences", {"reason": "a\0b", "duration_s": 60}),
        ("POST", "/silences", {"reason": "x", "duration_s": 60, "detector": "\0"}),
        ("POST", "/projects/p/runs", {"run_id": "told", "attempt_key": "k", "config": {"a": "\0"}}),
    ],
)
def test_a_nul_is_no_fault(api: Api, method: str, path: str, body: Any) -> None:
    api.open_run("told")
    assert api.request(method, path, json=body).status_code in (200, 201, 404, 422)


def test_a_stream_of_a_project_with_a_nul_is_refused_before_it_begins(api: Api) -> None:
    problem(api.get("/events?project=%00"), 422)
