"""One record a batch, joined from what the trainer says at different times."""

import math
from pathlib import Path

import pytest

import fade_client
from fade_client.adapters.controller import Controller, open_controller
from fade_client.adapters.rows import Rows
from fade_client.adapters.session import Session
from fade_client.adapters.signals import VERL
from fade_core.errors import RewardError
from tests.unit.client.adapters.helpers import local_run, recorded, replayed

GROUPS = ["a"] * 4 + ["b"] * 4


def batch(*solved: float) -> Rows:
    return Rows.of(list(solved), GROUPS)


def test_a_batch_observed_steers_the_next(tmp_path: Path) -> None:
    run = local_run(tmp_path)
    controller = Controller(run, VERL)
    for entropy in (1.0, 0.5, 0.2):
        weights = controller.weigh(batch(1, 0, 0, 0, 1, 1, 0, 0))
        controller.report({"actor/entropy": entropy, "perf/time": 3.0, "actor/new": 1.0})
    steps = recorded(run)
    assert [(step["alpha"], step["delta"]) for step in steps] == replayed(steps)
    assert steps[-1]["advantages"].reshape(-1).tolist() == weights.tolist()
    assert [step["entropy"] for step in steps] == [1.0, 0.5, 0.2]
    assert steps[0]["extra"] == {"actor/new": 1.0}
    controller.finish()


def test_a_batch_without_a_report_is_recorded_before_the_next(tmp_path: Path) -> None:
    run = local_run(tmp_path)
    controller = Controller(run, VERL)
    controller.weigh(batch(1, 0, 0, 0, 0, 0, 0, 0))
    controller.weigh(batch(1, 0, 0, 0, 0, 0, 0, 0))
    assert [step["step"] for step in recorded(run)] == [0]
    controller.finish()
    assert [step["step"] for step in recorded(run)] == [0, 1]


def test_the_first_batch_must_have_solve_rates_and_a_later_one_falls_back(tmp_path: Path) -> None:
    odd = batch(2, 0, 0, 0, 0, 0, 0, 0)
    refused = Controller(local_run(tmp_path / "a"), VERL)
    with pytest.raises(RewardError, match="mode='local' needs a solve rate"):
        refused.weigh(odd)
    run = local_run(tmp_path / "b")
    controller = Controller(run, VERL)
    controller.weigh(batch(1, 0, 0, 0, 0, 0, 0, 0))
    assert controller.weigh(odd).tolist() == odd.centred().tolist()
    controller.finish()
    assert ["alpha" in step for step in recorded(run)] == [True, False]


def test_watching_uses_the_neutral_weights_and_records_no_pair(tmp_path: Path) -> None:
    run = local_run(tmp_path, mode="observe", server="http://127.0.0.1:9")
    controller = Controller(run, VERL)
    rows = batch(1, 0, 0, 0, 1, 1, 0, 0)
    assert controller.weigh(rows).tolist() == rows.centred().tolist()
    controller.watch(rows, [0.5] * 8)
    controller.finish()
    steps = recorded(run)
    assert not any("alpha" in step for step in steps)
    assert steps[1]["advantages"].reshape(-1).tolist() == [0.5] * 8


def test_several_values_of_a_batch_are_recorded_as_their_mean(tmp_path: Path) -> None:
    run = local_run(tmp_path)
    session = Session(run)
    session.add({"lost": 1.0})  # of no batch
    session.begin()
    session.add({"entropy": [1.0, 2.0], "loss": 1.0})
    session.add({"entropy": 3.0, "loss": math.inf})
    session.add({"grad_norm": [math.nan, 1.0]})
    session.flush()
    session.flush()
    (step,) = recorded(run)
    assert step["entropy"] == pytest.approx(2.0)
    assert step["loss"] == math.inf
    assert math.isnan(step["grad_norm"])
    assert step["extra"] == {}
    session.finish()


def test_the_coverage_is_kept_with_the_run(tmp_path: Path) -> None:
    controller = open_controller("verl", VERL, "p", config={"seed": 1}, mode="local", dir=tmp_path)
    assert controller.run.path is not None
    config = fade_client.read_run(controller.run.path)[0].config
    assert config["seed"] == 1
    assert config["coverage"]["feeds"]["entropy_collapse"] == ["entropy"]
    assert "kl_blowup" in config["coverage"]["not_fed"]
    controller.finish()
