"""Series: ranges, downsampling, the binary form, and not sending what is known."""

import json
import struct
from typing import Any

import numpy as np
import pytest

from tests.integration.server.api import Api


@pytest.fixture(scope="module")
def long(api: Api) -> str:
    """A run of 3,000 steps with one spike down and one up."""
    api.open_run("long")
    for start in range(0, 3000, 600):
        steps = list(range(start, start + 600))
        loss = [float(step % 7) for step in steps]
        if start == 1200:
            loss[37], loss[311] = -50.0, 90.0
        api.send("long", steps, columns={"loss": loss})
    return "long"


def test_a_long_series_keeps_its_ends_and_extremes(api: Api, long: str) -> None:
    curve = api.series(long, "loss", points=100)["loss"]
    assert len(curve["step"]) <= 100
    assert (curve["step"][0], curve["step"][-1]) == (0, 2999)
    assert (min(curve["value"]), max(curve["value"])) == (-50.0, 90.0)


def test_a_range_includes_both_ends(api: Api, long: str) -> None:
    curve = api.series(long, "loss", **{"from": 1236, "to": 1238})["loss"]
    assert curve == {"step": [1236, 1237, 1238], "value": [4.0, -50.0, 6.0]}


def test_the_binary_form_holds_the_same(api: Api, long: str) -> None:
    api.send(long, [3000], columns={"entropy": ["NaN"]})
    query = {"metrics": "loss,entropy,kl_k1", "points": "50"}
    plain = api.get(f"/runs/{long}/series", params=query).json()
    answer = api.get(f"/runs/{long}/series.bin", params=query)
    assert answer.headers["content-type"] == "application/octet-stream"
    header, columns = _read_binary(answer.content)
    assert header == {
        "run": long,
        "attempt": 1,
        "last_step": 3000,
        "series": [
            {"metric": name, "points": len(plain["series"][name]["step"])}
            for name in ("loss", "entropy", "kl_k1")
        ],
    }
    assert columns["loss"][0].tolist() == plain["series"]["loss"]["step"]
    assert columns["loss"][1].tolist() == plain["series"]["loss"]["value"]
    assert columns["entropy"][0].tolist() == [3000.0]
    assert np.isnan(columns["entropy"][1]).all()


@pytest.mark.parametrize("form", ["series", "series.bin"])
def test_a_series_is_sent_again_only_after_a_change(api: Api, form: str) -> None:
    run = f"tag-{form.replace('.', '-')}"
    api.open_run(run)
    path, query = f"/runs/{run}/{form}", {"metrics": "loss"}
    tag = api.get(path, params=query).headers["etag"]
    known = {"If-None-Match": f'"other", W/{tag}'}
    same = api.get(path, params=query, headers=known)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert api.get(path, params=query | {"points": 10}, headers=known).status_code == 200
    api.send(run, [0], columns={"loss": [1.0]})
    assert api.get(path, params=query, headers=known).status_code == 200


def test_who_asks_next_gets_the_same_until_there_is_more(api: Api) -> None:
    api.open_run("asked-twice")
    api.send("asked-twice", [0], columns={"loss": [1.5]})
    first, second = (api.series("asked-twice", "loss")["loss"] for _ in range(2))
    assert first == second == {"step": [0], "value": [1.5]}
    api.send("asked-twice", [1], columns={"loss": [2.5]})
    assert api.series("asked-twice", "loss")["loss"] == {"step": [0, 1], "value": [1.5, 2.5]}


def test_near_misses_are_named(api: Api, long: str) -> None:
    for name, hint in [
        ("los", '"loss"'),
        ("schedule/alfa", '"schedule/alpha"'),
        ("adv_quantiles/0.6", "one of 0, 0.01"),
        ("mass_by_difficulty", "mass_by_difficulty/0 to mass_by_difficulty/9"),
    ]:
        answer = api.get(f"/runs/{long}/series", params={"metrics": f"loss,{name}"})
        assert hint in answer.json()["errors"][0]["message"]


def _read_binary(body: bytes) -> tuple[dict[str, Any], dict[str, list[np.ndarray[Any, Any]]]]:
    (length,) = struct.unpack_from("<I", body)
    assert (4 + length) % 8 == 0
    header = json.loads(body[4 : 4 + length])
    floats = np.frombuffer(body, "<f8", offset=4 + length)
    columns, at = {}, 0
    for one in header["series"]:
        count = one["points"]
        columns[one["metric"]] = [floats[at : at + count], floats[at + count : at + 2 * count]]
        at += 2 * count
    assert at == len(floats)
    return header, columns


def test_large_answers_are_compressed_for_who_takes_that(api: Api, long: str) -> None:
    path, query = f"/runs/{long}/series", {"metrics": "loss"}
    packed = api.get(path, params=query, headers={"accept-encoding": "gzip"})
    plain = api.get(path, params=query, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.content == plain.content
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    known = {"accept-encoding": "gzip", "if-none-match": packed.headers["etag"]}
    unchanged = api.get(path, params=query, headers=known)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    binary = api.get(f"{path}.bin", params=query, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in binary.headers
