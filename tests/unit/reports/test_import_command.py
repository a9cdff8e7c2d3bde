"""``fadewatch import`` without a server: what it shows, and that nothing gets lost."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fade_client.sync import list_spools
from fadewatch import cli

RUNNER = CliRunner()


def import_(*arguments: object) -> Result:
    return RUNNER.invoke(cli.app, ["import", *map(str, arguments)])


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FADEWATCH_DIR", str(tmp_path / "spool"))
    monkeypatch.setenv("COLUMNS", "200")
    path = tmp_path / "a.jsonl"
    rows = [{"step": step, "entropy": 0.5, "odd": 1.0, "note": "x"} for step in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_dry_run_shows_what_was_recognised_and_sends_nothing(log: Path, tmp_path: Path) -> None:
    result = import_(log, "--dry-run")
    assert result.exit_code == 0
    for shown in ("jsonl, 3 steps", "entropy", "odd", "3 x not a number: str"):
        assert shown in result.output
    assert not (tmp_path / "spool").exists()


def test_a_mapping_file_is_used(log: Path, tmp_path: Path) -> None:
    mapping = tmp_path / "m.toml"
    mapping.write_text('[fields]\nstaleness = "odd"\n')
    result = import_(log, "--dry-run", "--mapping", mapping)
    assert "from odd" in result.output
    assert import_(log, "--dry-run", "--mapping", tmp_path / "none.toml").exit_code == 2


def test_what_cannot_be_read_is_said_and_two(log: Path, tmp_path: Path) -> None:
    result = import_(log, tmp_path / "nowhere", "--dry-run")
    assert result.exit_code == 2
    assert "does not exist" in result.output
    assert "jsonl, 3 steps" in result.output


def test_without_a_server_the_run_waits_in_the_spool(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fade_client.sync.TRIES", 1)
    for _ in range(2):
        result = import_(log, "--project", "p", "--server", "http://127.0.0.1:9")
        assert result.exit_code == 1
        assert "fadewatch sync" in result.output
        (waiting,) = list_spools(tmp_path / "spool")
        assert (waiting.pending, waiting.header.project) == (3, "p")


def test_a_project_that_cannot_be_used_is_said(log: Path) -> None:
    result = import_(log, "--project", "no spaces")
    assert result.exit_code == 2
    assert "project must be" in result.output
