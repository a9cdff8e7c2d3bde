"""A log of another tool, imported into a real server, and read back from it."""

import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fade_client.importers import server_run
from fadewatch import cli
from tests.conftest import ServerProcess

RUNNER = CliRunner()


def test_importing_twice_is_one_run_with_every_step_once(
    server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FADEWATCH_DIR", str(tmp_path / "spool"))
    rows = [
        {"step": step, "entropy": 0.5 + 0.1 * launch, "loss": math.nan, "odd": 2.0}
        for launch, steps in enumerate((range(4), range(2, 300)))
        for step in steps
    ]
    log = tmp_path / "a.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for _ in range(2):
        result = RUNNER.invoke(
            cli.app, ["import", str(log), "--project", "p", "--server", server.url]
        )
        assert result.exit_code == 0, result.output
        assert "302 steps as import-" in result.output
    (run,) = server.get("/api/v1/runs", project="p").json()["runs"]
    assert (run["attempt"], run["last_step"], run["status"]) == (2, 299, "finished")
    assert not list((tmp_path / "spool").rglob("*.spool"))

    back = server_run.read(run["id"], server.url)
    assert [record["step"] for record in back.steps] == list(range(300))
    assert back.steps[1]["entropy"] == 0.5
    assert back.steps[2]["entropy"] == pytest.approx(0.6)
    assert math.isnan(back.steps[0]["loss"])
    assert back.steps[0]["odd"] == 2.0
