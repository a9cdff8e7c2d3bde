"""Batches of steps: what is stored, what is shown, and that nothing is stored twice."""

import base64
import gzip
import json
import math
from typing import Any

import numpy as np

from fade_core.records import FIELDS, QUANTILE_GRID, SCALARS, VECTORS
from tests.integration.server.alarms import settle
from tests.integration.server.api import Api
from tests.integration.server.conftest import Clock


def test_a_batch_is_stored_and_shown(api: Api) -> None:
    api.open_run("happy")
    columns = {"accuracy": [0.25, 0.5], "loss": [-1.5, None]}
    accepted = api.send("happy", [3, 7], columns=columns)
    assert (accepted["accepted"], accepted["duplicates"], accepted["last_step"]) == (2, 0, 7)
    assert api.series("happy", "accuracy", "loss") == {
        "accuracy": {"step": [3, 7], "value": [0.25, 0.5]},
        "loss": {"step": [3], "value": [-1.5]},
    }
    run = api.run("happy")
    assert (run["last_step"], run["step_count"]) == (7, 2)
    assert run["last"] == {"accuracy": 0.5, "loss": -1.5}


def test_every_scalar_field_comes_back(api: Api) -> None:
    api.open_run("fields")
    sent = {name: max(1.0, FIELDS[name].low) for name in SCALARS}
    api.send("fields", [0], columns={name: [value] for name, value in sent.items()})
    series = api.series("fields", *SCALARS)
    assert {name: curve["value"] for name, curve in series.items()} == {
        name: [value] for name, value in sent.items()
    }
    assert api.run("fields")["last"] == sent


def test_every_element_of_every_vector_comes_back(api: Api) -> None:
    api.open_run("vectors")
    sent = {name: [i / 100 for i in range(FIELDS[name].length)] for name in VECTORS}
    api.send("vectors", [0, 1], vectors={name: [None, row] for name, row in sent.items()})
    keys = {name: [str(i) for i in range(FIELDS[name].length)] for name in VECTORS}
    keys["adv_quantiles"] = [f"{p:g}" for p in QUANTILE_GRID]
    wanted = {
        f"{name}/{key}": {"step": [1], "value": [value]}
        for name, row in sent.items()
        for key, value in zip(keys[name], row, strict=True)
    }
    assert api.series("vectors", *wanted) == wanted
    assert set(wanted) <= set(api.run("vectors")["metrics"])


def test_pass_at_k_and_extra_values_come_back(api: Api) -> None:
    api.open_run("extra")
    api.send(
        "extra", [0, 1], pass_at_k={"16": [0.5, None]}, extra={"val/loss é": [None, "Infinity"]}
    )
    assert api.series("extra", "pass_at_k/16", "extra/val/loss é", "extra/never", "entropy") == {
        "pass_at_k/16": {"step": [0], "value": [0.5]},
        "extra/val/loss é": {"step": [1], "value": ["Infinity"]},
        "extra/never": {"step": [], "value": []},
        "entropy": {"step": [], "value": []},
    }


def test_not_a_number_and_infinities_are_values_and_null_is_none(api: Api) -> None:
    api.open_run("nan")
    loss = ["NaN", 1.0, None, "Infinity", "-Infinity"]
    api.send(
        "nan",
        [0, 1, 2, 3, 4],
        columns={"loss": loss, "grad_norm": [2.0, "NaN", 3.0, None, "Infinity"]},
        vectors={"adv_quantiles": [["NaN"] * 9, None, None, None, ["-Infinity"] * 9]},
    )
    assert api.series("nan", "loss", "grad_norm", "adv_quantiles/0.5") == {
        "loss": {"step": [0, 1, 3, 4], "value": ["NaN", 1.0, "Infinity", "-Infinity"]},
        "grad_norm": {"step": [0, 1, 2, 4], "value": [2.0, "NaN", 3.0, "Infinity"]},
        "adv_quantiles/0.5": {"step": [0, 4], "value": ["NaN", "-Infinity"]},
    }
    assert api.run("nan")["last"] == {"loss": "-Infinity", "grad_norm": "Infinity"}


def test_the_smallest_and_the_largest_numbers_survive(api: Api) -> None:
    api.open_run("extremes")
    sent = [5e-324, 1.7976931348623157e308, 2**64 - 1, -(2**63), 10**300, 0.1 + 0.2]
    api.send("extremes", list(range(6)), columns={"loss": sent}, extra={"x": sent})
    floats = [float(one) for one in sent]
    curves = api.series("extremes", "loss", "extra/x")
    assert [curves["loss"]["value"], curves["extra/x"]["value"]] == [floats, floats]


def test_the_ratio_of_masses_is_infinite_without_mass_on_failures(api: Api) -> None:
    api.open_run("ratio")
    masses = {"mass_success": [0.3, 0.3, 0.0, None], "mass_failure": [0.5, 0.0, 0.0, 0.5]}
    api.send("ratio", [0, 1, 2, 3], columns=masses)
    assert api.series("ratio", "sign_ratio")["sign_ratio"] == {
        "step": [0, 1, 2],
        "value": [0.6, "Infinity", "NaN"],
    }


def test_the_time_of_a_step_is_a_series(api: Api) -> None:
    api.open_run("clock")
    api.send("clock", [0, 5], columns={"loss": [1.0, 0.5]}, times=[1000.5, 1060.0])
    assert api.series("clock", "time")["time"] == {"step": [0, 5], "value": [1000.5, 1060.0]}


def test_a_compressed_batch_is_the_same_batch(api: Api) -> None:
    api.open_run("gzip")
    body = json.dumps({"attempt": 1, "steps": [0], "columns": {"loss": [0.5]}}).encode()
    headers = {"Content-Encoding": "gzip"}
    answer = api.post("/runs/gzip/steps", content=gzip.compress(body), headers=headers)
    assert answer.status_code == 200
    assert api.series("gzip", "loss") == {"loss": {"step": [0], "value": [0.5]}}


def test_a_batch_that_is_sent_again_changes_nothing(api: Api, clock: Clock) -> None:
    api.open_run("again")
    first = api.send("again", [0, 1, 2], columns={"accuracy": [0.1, 0.2, 0.3]})
    settle(api)
    before = api.run("again")
    clock.now += 1
    second = api.send("again", [0, 1, 2], columns={"accuracy": [0.9, 0.9, 0.9]})
    assert (second["accepted"], second["duplicates"], second["last_step"]) == (0, 3, 2)
    assert second["schedule"] == first["schedule"]
    assert api.run("again") == before
    assert api.series("again", "accuracy")["accuracy"]["value"] == [0.1, 0.2, 0.3]


def test_a_batch_that_overlaps_adds_only_what_is_new(api: Api) -> None:
    api.open_run("overlap")
    api.send("overlap", [0, 2], columns={"loss": [0.0, 2.0]})
    accepted = api.send(
        "overlap", [0, 1, 2, 3], columns={"loss": [9.0, 1.0, 9.0, 3.0]}, extra={"x": [9, 1, 9, 3]}
    )
    assert (accepted["accepted"], accepted["duplicates"]) == (2, 2)
    assert api.series("overlap", "loss", "extra/x") == {
        "loss": {"step": [0, 1, 2, 3], "value": [0.0, 1.0, 2.0, 3.0]},
        "extra/x": {"step": [1, 3], "value": [1.0, 3.0]},
    }
    run = api.run("overlap")
    assert (run["last_step"], run["step_count"], run["last"]) == (3, 4, {"loss": 3.0})


def test_an_older_step_does_not_replace_the_last_value(api: Api) -> None:
    api.open_run("late")
    api.send("late", [5], columns={"loss": [5.0]})
    api.send("late", [4], columns={"loss": [4.0], "entropy": [1.0]})
    assert api.run("late")["last"] == {"loss": 5.0, "entropy": 1.0}


def test_raw_weights_come_back_in_their_shape(api: Api) -> None:
    api.open_run("weights")
    rewards = np.array([[1, 0, math.nan], [0, math.inf, 1]], dtype="<f4")
    advantages = np.array([[0.5, -0.5, 0], [0.25, -0.25, 0]], dtype="<f4")
    entry = {"step": 4, "prompts": 2, "group_size": 3} | _encoded(rewards, advantages)
    api.send("weights", [3, 4], weights=[entry])
    assert api.get("/runs/weights/weights/4").json() == {
        "step": 4,
        "prompts": 2,
        "group_size": 3,
        "sampled": False,
        "rewards": [[1.0, 0.0, "NaN"], [0.0, "Infinity", 1.0]],
        "advantages": [[0.5, -0.5, 0.0], [0.25, -0.25, 0.0]],
    }
    assert api.get("/runs/weights/weights/3").status_code == 404
    assert api.get("/runs/nobody/weights/3").status_code == 404


def test_weights_that_are_a_sample_say_so(api: Api) -> None:
    api.open_run("sampled")
    array = np.zeros((1, 2), dtype="<f4")
    entry = {"step": 0, "prompts": 1, "group_size": 2, "sampled": True} | _encoded(array, array)
    api.send("sampled", [0], weights=[entry])
    assert api.get("/runs/sampled/weights/0").json()["sampled"] is True
    body = {"attempt": 1, "steps": [1], "weights": [entry | {"step": 1, "sampled": "yes"}]}
    answer = api.post("/runs/sampled/steps", json=body)
    assert answer.json()["errors"][0]["field"] == "weights[0].sampled"


def test_times_are_the_clients_or_the_servers(api: Api) -> None:
    api.open_run("times")
    api.send("times", [0, 1], times=[1763700000.5, None])
    assert api.run("times")["step_count"] == 2


def _encoded(rewards: Any, advantages: Any) -> dict[str, str]:
    both = {"rewards": rewards, "advantages": advantages}
    return {name: base64.b64encode(array.tobytes()).decode() for name, array in both.items()}
