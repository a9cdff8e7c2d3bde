"""Bad input: each a 4xx that names the field and what was wanted, and nothing stored."""

import gzip
from typing import Any

import pytest

from tests.integration.server.api import Api
from tests.integration.server.checks import problem, stored

GOOD: dict[str, Any] = {"attempt": 1, "steps": [0, 1], "columns": {"loss": [0.5, 0.25]}}
WEIGHTS = {
    "step": 0,
    "prompts": 1,
    "group_size": 2,
    "rewards": "AACAPwAAAAA=",
    "advantages": "AAAAPwAAAL8=",
}

BAD_STEPS: list[tuple[str, dict[str, Any], str, str]] = [
    ("text for a number", {"columns": {"loss": [0.5, "high"]}}, "columns.loss[1]", "number"),
    ("a list for a number", {"columns": {"loss": [0.5, [1]]}}, "columns.loss[1]", "number"),
    ("an object for a number", {"columns": {"loss": [{}, 1]}}, "columns.loss[0]", "number"),
    ("a bool for a number", {"columns": {"loss": [True, 0.5]}}, "columns.loss[0]", "number"),
    ("nan spelled otherwise", {"columns": {"loss": ["nan", 0.5]}}, "columns.loss[0]", '"NaN"'),
    ("an object for a list", {"columns": {"loss": {"0": 1}}}, "columns.loss", "list of 2"),
    ("a short list", {"columns": {"loss": [0.5]}}, "columns.loss", "must have 2"),
    ("a long list", {"columns": {"loss": [0.5, 0.5, 0.5]}}, "columns.loss", "has 3"),
    ("a list of columns", {"columns": [[1, 2]]}, "columns", "object of lists"),
    ("a negative step", {"steps": [-1, 0]}, "steps[0]", "from 0"),
    ("a fraction of a step", {"steps": [0, 1.5]}, "steps[1]", "integer"),
    ("a bool for a step", {"steps": [False, True]}, "steps[0]", "integer"),
    ("a text for a step", {"steps": ["0", 1]}, "steps[0]", "integer"),
    ("no integer for a step", {"steps": [None, 1]}, "steps[0]", "integer"),
    ("a huge step", {"steps": [0, 2**53]}, "steps[1]", "integer"),
    ("a step beyond 64 bits", {"steps": [0, 10**30]}, "steps[1]", "integer"),
    ("a repeated step", {"steps": [1, 1]}, "steps[1]", "larger than the step before"),
    ("falling steps", {"steps": [1, 0]}, "steps[1]", "larger than the step before"),
    ("no steps", {"steps": []}, "steps", "1 to 600"),
    ("one step for a list", {"steps": 3}, "steps", "1 to 600"),
    ("too many steps", {"steps": list(range(601))}, "steps", "1 to 600"),
    ("an unknown attempt", {"attempt": 2}, "attempt", "1 to 1"),
    ("attempt zero", {"attempt": 0}, "attempt", "from 1"),
    ("a text for the attempt", {"attempt": "1"}, "attempt", "integer"),
    ("a bool for the attempt", {"attempt": True}, "attempt", "integer"),
    ("a near miss", {"columns": {"acuracy": [0, 0]}}, "columns.acuracy", 'mean "accuracy"?'),
    ("an unknown column", {"columns": {"zzz": [0, 0]}}, "columns.zzz", "under extra"),
    ("a vector as a column", {"columns": {"adv_quantiles": [0, 0]}}, "columns.adv_quantiles",
     "under vectors"),
    ("a scalar as a vector", {"vectors": {"loss": [0, 0]}}, "vectors.loss", "under columns"),
    ("out of range", {"columns": {"accuracy": [0.5, 1.5]}}, "columns.accuracy[1]", "[0, 1]"),
    ("out of range beside nan", {"columns": {"accuracy": ["NaN", 1.5]}}, "columns.accuracy[1]",
     "[0, 1]"),
    ("below the range", {"columns": {"entropy": [-0.1, 0]}}, "columns.entropy[0]", "[0, inf]"),
    ("a time in milliseconds", {"times": [1763700000000, 0]}, "times[0]", "seconds"),
    ("a time that is not finite", {"times": [0, "NaN"]}, "times[1]", "seconds"),
    ("a short vector", {"vectors": {"adv_quantiles": [[0.0], None]}}, "vectors.adv_quantiles[0]",
     "list of 9"),
    ("a vector that is no list", {"vectors": {"adv_quantiles": [None, 3]}},
     "vectors.adv_quantiles[1]", "list of 9"),
    ("a gap in a vector", {"vectors": {"adv_quantiles": [[0.0] * 8 + [None], None]}},
     "vectors.adv_quantiles[0][8]", "number"),
    ("a text in a vector", {"vectors": {"adv_quantiles": [["x"] + [0.0] * 8, None]}},
     "vectors.adv_quantiles[0][0]", "number"),
    ("a vector out of range", {"vectors": {"difficulty_histogram": [[2.0] * 10, None]}},
     "vectors.difficulty_histogram[0][0]", "[0, 1]"),
    ("k that is no number", {"pass_at_k": {"many": [0, 0]}}, "pass_at_k.many", "positive integer"),
    ("pass@k above one", {"pass_at_k": {"4": [0, 7]}}, "pass_at_k.4[1]", "[0, 1]"),
    ("a blank name", {"extra": {" ": [0, 0]}}, "extra. ", "blank"),
    ("a long name", {"extra": {"x" * 129: [0, 0]}}, f"extra.{'x' * 100}", "at most 128"),
    ("a control character", {"extra": {"a\0b": [0, 0]}}, "extra.a\0b", "printable"),
    ("a comma in a name", {"extra": {"a,b": [0, 0]}}, "extra.a,b", "comma"),
    ("a text in extra", {"extra": {"a": [0, "x"]}}, "extra.a[1]", "number"),
    ("too many names", {"extra": {f"n{i}": [0, 0] for i in range(501)}}, "extra", "at most 500"),
    ("an unknown part", {"colums": {}}, "colums", 'mean "columns"?'),
    ("weights that are no list", {"weights": {}}, "weights", "list"),
    ("weights of no step", {"weights": [WEIGHTS | {"step": 5}]}, "weights[0].step", "one of steps"),
    ("weights twice", {"weights": [WEIGHTS, WEIGHTS]}, "weights[1].step", "once"),
    ("weights that are numbers", {"weights": [3]}, "weights[0]", "object"),
    ("bad base64", {"weights": [WEIGHTS | {"rewards": "!!"}]}, "weights[0].rewards", "base64"),
    ("weights too short", {"weights": [WEIGHTS | {"prompts": 2}]}, "weights[0].rewards",
     "16 bytes; has 8"),
    ("weights without rewards", {"weights": [{k: v for k, v in WEIGHTS.items() if k != "rewards"}]},
     "weights[0].rewards", "base64"),
    ("weights of no group", {"weights": [WEIGHTS | {"group_size": 0}]}, "weights[0].group_size",
     "from 1"),
    ("too many weights", {"weights": [WEIGHTS | {"prompts": 262144, "group_size": 2}]},
     "weights[0]", "at most"),
    ("an unknown part of weights", {"weights": [WEIGHTS | {"reward": 1}]}, "weights[0].reward",
     'mean "rewards"?'),
]  # fmt: skip


@pytest.mark.parametrize(("change", "field", "wanted"), [b[1:] for b in BAD_STEPS],
                         ids=[b[0] for b in BAD_STEPS])  # fmt: skip
def test_a_bad_batch_is_refused_by_name_and_nothing_of_it_isstored(
    api: Api, change: dict[str, Any], field: str, wanted: str
) -> None:
    api.open_run("bad")
    before = stored(api)
    answer = api.post("/runs/bad/steps", json=GOOD | change)
    found = problem(answer, 422)
    assert found["errors"][0]["field"] == field
    assert wanted in found["errors"][0]["message"]
    assert stored(api) == before


@pytest.mark.parametrize("missing", ["attempt", "steps"])
def test_a_missing_part_is_named(api: Api, missing: str) -> None:
    api.open_run("bad")
    body = {name: part for name, part in GOOD.items() if name != missing}
    answer = api.post("/runs/bad/steps", json=body)
    assert problem(answer, 422)["errors"][0]["field"] == missing


@pytest.mark.parametrize(
    "body", [b"", b"{", b"steps=1", b"\xff\xfe", b'{"steps": [NaN]}', b'["' + b"[" * 5000]
)
def test_a_body_that_is_not_json_is_refused(api: Api, body: bytes) -> None:
    api.open_run("bad")
    before = stored(api)
    assert "not JSON" in problem(api.post("/runs/bad/steps", content=body), 400)["detail"]
    assert stored(api) == before


@pytest.mark.parametrize("body", [b"[]", b"3", b'"text"', b"null"])
def test_a_body_that_is_no_object_is_refused(api: Api, body: bytes) -> None:
    api.open_run("bad")
    answer = api.post("/runs/bad/steps", content=body)
    assert problem(answer, 422)["errors"][0]["field"] == "body"


def test_every_fault_is_listed_up_to_a_number(api: Api) -> None:
    api.open_run("bad")
    body = GOOD | {"columns": {"loss": ["x", "y"], "entropy": ["z"] * 2}}
    errors = problem(api.post("/runs/bad/steps", json=body), 422)["errors"]
    assert [one["got"] for one in errors] == ["x", "y", "z", "z"]
    many = {"attempt": 1, "steps": list(range(100)), "columns": {"loss": ["x"] * 100}}
    assert len(problem(api.post("/runs/bad/steps", json=many), 422)["errors"]) == 20


def test_an_unknown_run_is_not_found(api: Api) -> None:
    before = stored(api)
    for method, path in [
        ("GET", ""), ("POST", "/steps"), ("GET", "/series?metrics=loss"), ("GET", "/schedule"),
        ("GET", "/series.bin?metrics=loss"), ("GET", "/schedule/history"), ("GET", "/weights/1"),
        ("DELETE", "/schedule/override"),
    ]:  # fmt: skip
        answer = api.request(method, f"/runs/nobody{path}", json=GOOD if method == "POST" else None)
        assert 'no run "nobody"' in problem(answer, 404)["detail"], path
    finish = api.post("/runs/nobody/finish", json={"attempt": 1})
    pinned = api.request("PUT", "/runs/nobody/schedule/override", json={"alpha": 1, "reason": "x"})
    assert (finish.status_code, pinned.status_code) == (404, 404)
    assert stored(api) == before


def test_an_unknown_path_below_the_api_is_aproblem(api: Api) -> None:
    assert "/api/v1/typo" in problem(api.get("/typo"), 404)["detail"]
    assert "/api/v1/typo" in problem(api.post("/typo", json={}), 404)["detail"]


def test_a_body_over_the_limit_is_refused(api: Api) -> None:
    api.open_run("bad")
    body = b" " * (2**20 + 1)
    assert "over 1048576 bytes" in problem(api.post("/runs/bad/steps", content=body), 413)["detail"]
    packed, headers = gzip.compress(body), {"Content-Encoding": "gzip"}
    answer = api.post("/runs/bad/steps", content=packed, headers=headers)
    assert "after decompression" in problem(answer, 413)["detail"]


def test_a_body_that_does_not_say_its_size_is_counted(api: Api) -> None:
    async def chunks() -> Any:
        for _ in range(3):
            yield b" " * 2**19

    api.open_run("bad")
    problem(api.post("/runs/bad/steps", content=chunks()), 413)
    problem(api.post("/projects/p/runs", content=chunks()), 413)


@pytest.mark.parametrize("cut", [b"no gzip at all", gzip.compress(b"{}", mtime=0)[:-4],
                                 gzip.compress(b"{}", mtime=0) + b"more"])  # fmt: skip
def test_a_body_that_is_not_one_whole_gzip_is_refused(api: Api, cut: bytes) -> None:
    api.open_run("bad")
    answer = api.post("/runs/bad/steps", content=cut, headers={"Content-Encoding": "gzip"})
    assert "gzip" in problem(answer, 400)["detail"]


def test_an_unknown_content_encoding_is_refused(api: Api) -> None:
    api.open_run("bad")
    answer = api.post("/runs/bad/steps", json=GOOD, headers={"Content-Encoding": "br"})
    assert "gzip or identity" in problem(answer, 415)["detail"]
