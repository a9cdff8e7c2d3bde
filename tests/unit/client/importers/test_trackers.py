"""Stores of experiment trackers: TensorBoard, W&B, trackio, MLflow, CSV, parquet."""

import math
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from fade_client.errors import LogError
from fade_client.importers import mlflow_server
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.reading import read
from tests.unit.client.importers import writers
from tests.unit.client.importers.reads import only, steps_of, text


def test_tensorboard_scalars_of_both_forms_are_read(tmp_path: Path) -> None:
    events = [
        event
        for step in (1, 2)
        for event in (
            writers.scalar_event(step, "train/loss", writers.NAN if step == 2 else 0.5),
            writers.tensor_event(step, "train/entropy", 0.25),
            writers.scalar_event(step, "train/reward", writers.INF),
        )
    ]
    run = only(writers.event_file(tmp_path / "events.out.tfevents.1", events))
    assert run.format == "tensorboard"
    assert run.steps[0] == {"step": 1, "loss": 0.5, "entropy": 0.25, "reward_mean": math.inf}
    assert math.isnan(run.steps[1]["loss"])
    assert run.times[0, 1] == 1.7e9


def test_the_event_files_of_a_folder_are_launches_of_one_run(tmp_path: Path) -> None:
    for number, steps in ((1, (1, 2, 3)), (2, (3, 4))):
        events = [writers.scalar_event(step, "loss", step + 0.1 * number) for step in steps]
        writers.event_file(tmp_path / f"events.out.tfevents.{number}", events)
    assert steps_of(only(tmp_path)) == [[1, 2, 3], [3, 4]]


def test_a_cut_event_file_is_read_up_to_the_cut(tmp_path: Path) -> None:
    events = [writers.scalar_event(step, "loss", 0.5) for step in (1, 2)]
    path = writers.event_file(tmp_path / "a.tfevents", [*events, b"\xff\xff\xff"])
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    run = only(path)
    assert steps_of(run) == [[1, 2]]
    assert run.skipped == {"broken record": 1, "cut record at the end of the file": 1}


def test_a_wandb_run_is_read_over_block_borders_with_its_config(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"train/global_step": s, "_step": 7 * s, "_timestamp": 1.7e9 + s, "train/loss": 0.5 * s}
        | {"pad": "x" * 9000}
        for s in range(1, 12)
    ]
    lagging: dict[str, Any] = {"train/global_step": 1, "_step": 50, "profiling/Time taken: f": 0.1}
    records = [writers.wandb_config({"beta": 0.04}), *map(writers.wandb_history, [*rows, lagging])]
    run = only(writers.wandb_file(tmp_path / "run-abc.wandb", records))
    assert (run.format, run.name) == ("wandb", "the run")
    assert steps_of(run) == [list(range(1, 12))]
    assert run.config == {"beta": 0.04}
    assert run.times[0, 1] == 1.7e9 + 1
    assert run.skipped == {"timing of TRL's own functions": 1, "not a number: str": 11}


def test_a_wandb_value_may_be_nan_and_the_file_may_be_cut(tmp_path: Path) -> None:
    records = [writers.wandb_history({"train/global_step": s, "loss": math.nan}) for s in (1, 2)]
    path = writers.wandb_file(tmp_path / "run-a.wandb", records)
    path.write_bytes(path.read_bytes()[:-5])
    run = only(path)
    assert [math.isnan(each["loss"]) for each in run.steps] == [True]
    assert run.skipped == {"cut record at the end of the file": 1}


def test_trackio_runs_are_read_without_the_timings_between(tmp_path: Path) -> None:
    rows: list[tuple[str, int, dict[str, Any]]] = []
    for step in (1, 2):
        rows.append(("one", 2 * step, {"train/global_step": step, "train/loss": 0.5}))
        rows.append(("one", 2 * step + 1, {"train/global_step": step - 1, "profiling/f": 0.1}))
        rows.append(("two", step, {"loss": "NaN"}))
    one, two = read(writers.trackio_file(tmp_path / "huggingface.db", rows))
    assert (one.format, one.name, one.config) == ("trackio", "one", {"beta": 0.04})
    assert steps_of(one) == steps_of(two) == [[1, 2]]
    assert math.isnan(two.steps[0]["loss"])
    assert one.skipped == {"timing of TRL's own functions": 2}


def test_an_mlflow_store_keeps_nan_and_infinity(tmp_path: Path) -> None:
    rows = [
        ("loss", 0.0, 1000, 1, 1),
        ("grad_norm", sys.float_info.max, 1000, 1, 0),
        ("loss", 0.5, 2000, 2, 0),
        ("loss", 0.6, 9000, 2, 0),
        ("loss", None, 9000, 3, 0),
    ]
    run = only(writers.mlflow_file(tmp_path / "mlflow.db", rows))
    assert (run.format, run.name, run.config) == ("mlflow", "named", {"lr": "1e-6"})
    assert steps_of(run) == [[1, 2], [2]]
    assert math.isnan(run.steps[0]["loss"])
    assert run.steps[0]["grad_norm"] == math.inf
    assert run.skipped == {"value without a time or a step": 1}


def test_an_mlflow_file_store_is_found_below_its_root(tmp_path: Path) -> None:
    folder = tmp_path / "mlruns" / "1" / "abc"
    (folder / "metrics" / "train").mkdir(parents=True)
    (folder / "params").mkdir()
    text(folder / "meta.yaml", "run_id: abc\nrun_name: 'brave-owl'\n")
    text(folder / "params" / "lr", "1e-6\n")
    text(folder / "metrics" / "train" / "loss", "1000 0.5 1\n2000 nan 2\nbroken\n")
    text(folder / "metrics" / "reward", "1000 0.25 1\n2000 0.5 2\n")
    run = only(tmp_path)
    assert (run.format, run.name, run.config) == ("mlflow_files", "brave-owl", {"lr": "1e-6"})
    assert run.steps[0] == {"step": 1, "reward_mean": 0.25, "loss": 0.5}
    assert run.skipped == {"line that is not 'time value step'": 1}


def mlflow(request: httpx.Request) -> httpx.Response:
    path, query = request.url.path.removeprefix("/api/2.0/mlflow"), request.url.params
    run = {
        "info": {"run_id": "r1", "run_name": "remote"},
        "data": {"metrics": [{"key": "loss"}], "params": [{"key": "lr", "value": "1e-6"}]},
    }
    if path == "/runs/get":
        return httpx.Response(200, json={"run": run})
    if path == "/runs/search":
        return httpx.Response(200, json={"runs": [run]})
    if path == "/metrics/get-history":
        later = "page_token" in query
        entry = {"timestamp": "2000" if later else "1000", "step": "2" if later else "1"}
        page = {"metrics": [{**entry, "value": "NaN" if later else 0.5}]}
        return httpx.Response(200, json=page | ({} if later else {"next_page_token": "more"}))
    return httpx.Response(404)


def connect(base_url: str) -> httpx.Client:
    return httpx.Client(base_url=base_url, transport=httpx.MockTransport(mlflow))


@pytest.mark.parametrize("place", ["/#/experiments/7/runs/r1", "#/experiments/7"])
def test_an_mlflow_server_is_read_page_by_page(place: str) -> None:
    (run,) = mlflow_server.read(f"http://host:5000{place}", KeyMapping(), connect)
    assert (run.name, run.config, steps_of(run)) == ("remote", {"lr": "1e-6"}, [[1, 2]])
    assert math.isnan(run.steps[1]["loss"])


def test_a_server_that_is_not_mlflow_is_said_to_be_none() -> None:
    with pytest.raises(LogError, match="does not answer"):
        mlflow_server.read(
            "http://h/#/experiments/1/runs/a",
            KeyMapping(),
            lambda base: httpx.Client(
                base_url=base, transport=httpx.MockTransport(lambda _: httpx.Response(500))
            ),
        )
    with pytest.raises(LogError, match="no run or experiment"):
        read("http://host:5000/nothing")


def test_a_wide_csv_is_read(tmp_path: Path) -> None:
    content = '_step,train/global_step,train/loss,note\n7,1,0.5,"a, b"\n14,2,NaN,\n21,3\n'
    run = only(text(tmp_path / "history.csv", content))
    assert run.format == "csv"
    assert steps_of(run) == [[1, 2]]
    assert math.isnan(run.steps[1]["loss"])
    assert run.skipped == {"not a number: text": 1, "row with another number of columns": 1}


def test_a_chart_of_wandb_is_one_run_a_column(tmp_path: Path) -> None:
    content = (
        '"Step","a - b - train/loss","a - b - train/loss__MIN",'
        '"c - train/loss","c - train/entropy"\n'
        '"1","0.5","0.4","0.6","1.0"\n"2","0.4","0.3","","0.9"\n'
    )
    first, second = read(text(tmp_path / "wandb_export.csv", content))
    assert (first.name, second.name) == ("a - b", "c")
    assert first.steps == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.4}]
    assert second.steps == [{"step": 1, "loss": 0.6, "entropy": 1.0}, {"step": 2, "entropy": 0.9}]
    assert "thinned out" in first.warnings[0]


def test_completions_give_the_whole_distribution_of_a_step(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="TRL's completions are parquet files")
    from pyarrow import parquet

    folder = tmp_path / "completions"
    folder.mkdir()
    for step in (1, 2):
        columns = {
            "step": [step] * 8,
            "prompt": ["a"] * 4 + ["b"] * 4,
            "completion": ["x"] * 8,
            "accuracy_reward": [1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0],
            "advantage": [0.75, -0.25, -0.25, -0.25, 0.0, 0.0, 0.0, 0.0],
        }
        parquet.write_table(pyarrow.table(columns), folder / f"completions_{step:05d}.parquet")
    run = only(folder)
    assert steps_of(run) == [[1, 2]]
    assert run.steps[0]["accuracy"] == 0.625
    assert run.steps[0]["zero_variance_fraction"] == 0.5
    assert run.steps[0]["adv_max"] == 0.75
    assert len(run.steps[0]["mass_by_difficulty"]) == 10


def test_parquet_without_pyarrow_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "completions_00001.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(LogError, match="pip install pyarrow"):
        read(path)
