"""Runs as files: exported, imported again, and the logs of others."""

import io
import json
import sqlite3
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fade_client.importers.reading import read
from fade_core.records import QUANTILE_GRID
from fade_server.main import create_app
from fade_server.services import export
from fade_server.settings import Settings
from fadewatch.uploads import read_upload
from tests.integration.server.api import Api, serve
from tests.integration.server.checks import stored
from tests.integration.server.conftest import Clock

STEPS = 5
LOSS = [0.5, "NaN", "Infinity", None, "-Infinity"]
QUANTILES = [[float(i) for i in range(len(QUANTILE_GRID))], None, None, None, None]
PARTS: dict[str, Any] = {
    "columns": {"loss": LOSS, "accuracy": [0.1, 0.2, 0.3, 0.4, 0.5]},
    "vectors": {"adv_quantiles": QUANTILES},
    "pass_at_k": {"16": [0.75, None, 0.5, None, None]},
    "extra": {"reward": [1.0, 2.0, "NaN", 4.0, 5.0], "mine, no": [None] * 5},
    "times": [1_763_700_000.0 + i for i in range(STEPS)],
}
del PARTS["extra"]["mine, no"]
METRICS = ("loss", "accuracy", "adv_quantiles/0.5", "pass_at_k/16", "extra/reward")


@pytest.fixture(scope="module")
def api(database_url: str, clock: Clock) -> Iterator[Api]:
    settings = Settings(database_url=database_url, max_batch_steps=600, max_body_bytes=2**20)
    with serve(create_app(settings, clock=clock, importer=read_upload)) as started:
        yield started


@pytest.fixture(scope="module")
def run(api: Api) -> str:
    """A run of two attempts, the second of which replaces steps 3 and 4 of the first."""
    api.open_run("whole")
    api.send("whole", list(range(STEPS)), **PARTS)
    api.open_run("whole", "a2")
    later = {"columns": {"loss": [9.0, 8.0]}, "times": [1_763_700_100.0, 1_763_700_101.0]}
    api.send("whole", [3, 7], attempt=2, **later)
    return "whole"


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_what_is_exported_is_imported_as_the_same(api: Api, run: str, form: str) -> None:
    exported = api.get(f"/runs/{run}/export", params={"format": form})
    assert exported.status_code == 200
    disposition = f'attachment; filename="whole.{form}"'
    assert exported.headers["content-disposition"] == disposition
    query = {"project": "again", "run_id": f"again-{form}", "filename": f"whole.{form}"}
    answer = api.post("/runs/import", content=exported.content, params=query)
    assert answer.status_code == 201, answer.text
    (imported,) = answer.json()["runs"]
    assert imported["format"] == "fadewatch"
    assert imported["accepted"] == 5
    assert imported["unknown_keys"] == imported["skipped"] == {}
    assert imported["run"]["status"] == "finished"
    assert api.series(f"again-{form}", *METRICS) == api.series(run, *METRICS)
    again = api.get(f"/runs/again-{form}/export", params={"format": form})
    assert again.content == exported.content, "times are the same too"


def test_a_csv_holds_what_counts_under_the_names_of_the_series(api: Api, run: str) -> None:
    lines = api.get(f"/runs/{run}/export").text.splitlines()
    header = lines[0].split(",")
    assert header[:3] == ["step", "time", "loss"]
    assert {"extra/reward", "pass_at_k/16", "adv_quantiles/0.5"} <= set(header)
    assert not any(name.startswith("schedule/") for name in header)
    steps_and_losses = [line.split(",")[0:3:2] for line in lines[1:]]
    assert steps_and_losses == [
        ["0", "0.5"], ["1", "NaN"], ["2", "Infinity"], ["3", "9.0"], ["7", "8.0"],
    ]  # fmt: skip


def test_raw_weights_come_with_jsonl_where_they_are_asked_for(api: Api, tmp_path: Path) -> None:
    api.open_run("weighed")
    weights = {
        "step": 1, "prompts": 1, "group_size": 2, "rewards": "AACAPwAAAAA=",
        "advantages": "AAAAPwAAAL8=",
    }  # fmt: skip
    api.send("weighed", [0, 1], columns={"loss": [1.0, 2.0]}, weights=[weights])
    query = {"format": "jsonl", "weights": "true"}
    first, second = map(json.loads, api.get("/runs/weighed/export", params=query).text.splitlines())
    assert "rewards" not in first
    assert (second["rewards"], second["advantages"]) == ([[1.0, 0.0]], [[0.5, -0.5]])
    refused = api.get("/runs/weighed/export", params={"format": "csv", "weights": "true"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "weights"


def test_an_export_is_sent_again_only_after_a_change(api: Api) -> None:
    api.open_run("tagged")
    api.send("tagged", [0], columns={"loss": [1.0]})
    first = api.get("/runs/tagged/export")
    known = {"if-none-match": first.headers["etag"]}
    assert api.get("/runs/tagged/export", headers=known).status_code == 304
    assert api.get("/runs/tagged/export?format=jsonl", headers=known).status_code == 200
    api.send("tagged", [1], columns={"loss": [1.0]})
    assert api.get("/runs/tagged/export", headers=known).status_code == 200


def test_a_run_without_steps_is_a_file_without_rows(api: Api) -> None:
    api.open_run("empty")
    assert api.get("/runs/empty/export").text == "step,time\n"
    assert api.get("/runs/empty/export?format=jsonl").text == ""
    parquet = pytest.importorskip("pyarrow.parquet")
    content = api.get("/runs/empty/export?format=parquet").content
    assert parquet.read_table(io.BytesIO(content)).num_rows == 0


def test_parquet_without_pyarrow_is_refused_by_name(
    api: Api, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    answer = api.get(f"/runs/{run}/export?format=parquet")
    assert answer.status_code == 422
    assert "fadewatch[export]" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_long_run_takes_no_more_memory_than_a_short_one(
    api: Api, form: export.Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In smaller pieces, so that a run of a few thousand steps has many.
    monkeypatch.setattr(export, "CHUNK", 100)
    monkeypatch.setattr(export, "GROUP", 200)

    def peak(run_id: str, steps: int) -> int:
        api.open_run(run_id)
        for first in range(0, steps, 600):
            api.send(run_id, list(range(first, first + 600)), columns={"loss": [0.5] * 600})
        assert api.context.background.wait_idle(60)
        opened = export.open_export(api.context, run_id, form, weights=False)
        for _ in export.write(api.context, opened):
            pass  # what is loaded once, is
        tracemalloc.start()
        for _ in export.write(api.context, opened):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(f"long-{form}", 6000) < 1.5 * peak(f"short-{form}", 1200)


LOG = b"""\
{"step": 1, "reward": 0.31, "entropy": 0.92, "my_metric": 3.0, "note": [1, 2]}
{"step": 2, "reward": 0.35, "entropy": NaN, "my_metric": 4.0}
the job was preempted
{"step": 3, "reward": 0.35, "entropy": 0.9, "accuracy": 1.5}
"""


def test_a_foreign_log_becomes_a_run_and_says_what_was_left_out(api: Api) -> None:
    answer = api.post("/runs/import?project=foreign", content=LOG)
    assert answer.status_code == 201, answer.text
    (imported,) = answer.json()["runs"]
    assert imported["created"] is True
    assert (imported["accepted"], imported["duplicates"]) == (3, 0)
    assert imported["recognised"]["reward_mean"] == "reward"
    assert imported["unknown_keys"]["my_metric"] == 2
    assert imported["skipped"]["line that is no JSON object"] == 1
    assert imported["skipped"]["not a number: a list"] == 1
    run = imported["run"]
    assert (run["project"], run["status"], run["mode"]) == ("foreign", "finished", "observe")
    assert run["tags"] == ["imported", "jsonl"]
    assert api.series(run["id"], "entropy")["entropy"]["value"] == [0.92, "NaN", 0.9]


def test_the_same_log_again_changes_nothing(api: Api) -> None:
    first = api.post("/runs/import?project=twice", content=LOG).json()["runs"][0]
    before = stored(api)
    first["run"] = api.run(first["run"]["id"])
    (again,) = api.post("/runs/import?project=twice", content=LOG).json()["runs"]
    assert (again["created"], again["accepted"], again["duplicates"]) == (False, 0, 3)
    assert again["run"] == first["run"]
    assert stored(api) == before


def test_the_server_and_the_command_line_read_a_log_alike(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "grpo.jsonl"
    path.write_bytes(LOG)
    (mine,) = read(path)
    files = {"file": ("grpo.jsonl", LOG)}
    (theirs,) = api.post("/runs/import?project=alike", files=files).json()["runs"]
    assert theirs["run"]["name"] == mine.name
    assert theirs["recognised"] == dict(mine.recognised)
    found = api.series(theirs["run"]["id"], "reward_mean")["reward_mean"]
    assert found["step"] == [record["step"] for record in mine.steps]
    assert found["value"] == [record["reward_mean"] for record in mine.steps]


@pytest.mark.parametrize(
    ("content", "query", "field"),
    [
        (b"", "", "file"),
        (b"nothing that is a log", "", "file"),
        (LOG, "&format=tensorbord", "file"),
        (LOG, "&run_id=../x", "run_id"),
        (LOG, "&project=" + "x" * 200, "project"),
    ],
)
def test_what_cannot_be_imported_is_refused_by_name_and_leaves_nothing(
    api: Api, content: bytes, query: str, field: str
) -> None:
    before = stored(api)
    answer = api.post(f"/runs/import?filename=../../secret.log{query}", content=content)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert "fadewatch-import-" not in answer.text, "no path of the server is told"
    assert stored(api) == before


def test_nothing_of_a_log_is_stored_when_its_last_launch_is_refused(api: Api) -> None:
    names = {f"k{i}": 1.0 for i in range(300)}
    late = {f"l{i}": 1.0 for i in range(300)}
    rows = [{"step": 1, "loss": 1.0, **names}, {"step": 1, "loss": 2.0, **late}]
    before = stored(api)
    taken = api.post("/runs/import", content=b"\n".join(json.dumps(r).encode() for r in rows))
    # The reader keeps what fits, so this is taken; a run that is another one already is not.
    assert taken.status_code == 201
    assert stored(api) != before
    api.open_run("mine")
    before = stored(api)
    refused = api.post("/runs/import?project=p&run_id=mine", content=LOG)
    assert refused.status_code == 409
    assert stored(api) == before
    assert api.run("mine")["status"] == "running"


def test_a_form_without_a_file_is_refused(api: Api) -> None:
    answer = api.post("/runs/import", files={"log": ("a.jsonl", LOG)})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "file"


def test_a_log_may_be_compressed_on_the_way(api: Api) -> None:
    import gzip

    headers = {"content-encoding": "gzip"}
    query = {"project": "packed"}
    answer = api.post("/runs/import", content=gzip.compress(LOG), headers=headers, params=query)
    assert answer.json()["runs"][0]["accepted"] == 3


def test_a_parquet_file_that_unpacks_to_more_than_a_body_may_be_is_refused(api: Api) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    count = 2_000_000
    same = pyarrow.array(np.zeros(count))
    bomb = io.BytesIO()
    parquet.write_table(pyarrow.table({"step": same, "time": same, "loss": same}), bomb)
    assert len(bomb.getvalue()) < 2**20 / 10
    answer = api.post("/runs/import?filename=bomb.parquet", content=bomb.getvalue())
    assert answer.status_code == 422
    said = answer.json()["detail"]
    assert "bomb.parquet" in said
    assert f"over {2**20} bytes once it is unpacked" in said


@pytest.mark.parametrize(
    "made",
    [
        "CREATE VIEW w AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i FROM n",
        "CREATE TABLE metrics (id INTEGER, timestamp TEXT, run_name TEXT, step INTEGER, "
        "metrics TEXT AS (printf('%.*c', 900000000, 'x')))",
    ],
)
def test_a_database_that_makes_its_rows_up_is_refused(api: Api, tmp_path: Path, made: str) -> None:
    path = tmp_path / "made.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(made)
    answer = api.post("/runs/import?filename=made.db&format=trackio", content=path.read_bytes())
    assert answer.status_code == 422
    assert "made.db has views or computed columns" in answer.json()["detail"]
