"""The command line: what it shows, and that a wrong word is answered helpfully."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

import fade_client
from fadewatch import cli, demo_table
from fadewatch.commands.database import database_url

RUNNER = CliRunner()


def test_help_shows_the_product() -> None:
    shown = RUNNER.invoke(cli.app, ["--help"]).output
    commands = (
        "demo",
        "diagnose",
        "server",
        "dashboard",
        "db",
        "audit",
        "whatif",
        "import",
        "sync",
    )
    for command in (*commands, "spool"):
        assert command in shown


@pytest.mark.parametrize(
    "command",
    ["demo", "diagnose", "import", "server", "dashboard", "whatif", "sync", "spool"],
)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    result = RUNNER.invoke(cli.app, [command, "--help"])
    assert result.exit_code == 0
    assert f"fadewatch {command}" in result.output


def test_an_unknown_command_is_a_usage_error() -> None:
    assert RUNNER.invoke(cli.app, ["nonsense"]).exit_code == 2


def test_a_wrong_file_of_settings_is_explained_and_not_traced(tmp_path: Path) -> None:
    path = tmp_path / "fadewatch.toml"
    path.write_text("prot = 9000")
    for command in (["server", "--config", str(path)], ["db", "upgrade"]):
        ended = RUNNER.invoke(cli.app, command, env={"FADEWATCH_CONFIG": str(path)})
        assert ended.exit_code == 2
        assert 'there is no setting "prot"; did you mean "port"?' in ended.output


def test_the_version_is_the_installed_one() -> None:
    assert RUNNER.invoke(cli.app, ["--version"]).output.startswith("fadewatch 0.")


def test_a_command_without_its_packages_names_the_extra_to_install() -> None:
    block = "import sys; sys.modules['fastapi'] = None; sys.argv = ['fadewatch', 'server']"
    script = f"{block}; from fadewatch.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "pip install 'fadewatch[demo]'" in ended.stderr


def test_a_store_may_be_a_path_or_a_url() -> None:
    assert database_url("runs.db") == "sqlite:///runs.db"
    assert database_url("postgresql+psycopg://u@h/d") == "postgresql+psycopg://u@h/d"
    assert database_url(None) is None


def test_an_open_address_without_a_key_is_refused_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FADEWATCH_API_KEY", raising=False)
    arguments = ["server", "--host", "0.0.0.0", "--db", str(tmp_path / "x.db")]
    result = RUNNER.invoke(cli.app, arguments)
    assert result.exit_code == 2
    assert "FADEWATCH_API_KEY" in result.output


def test_an_empty_spool_is_said_to_be_empty(tmp_path: Path) -> None:
    assert "empty" in RUNNER.invoke(cli.app, ["spool", str(tmp_path)]).output


def spooled(folder: Path) -> Path:
    run = fade_client.init("countdown", "first", mode="local", dir=folder)
    run.log_step(rewards=[[1, 0]], advantages=[[0.5, -0.5]], loss=float("nan"), entropy=1.0)
    run.finish()
    assert run.path is not None
    with run.path.open("ab") as file:
        file.write(b"torn")
    return run.path


def test_the_spool_is_listed_with_what_is_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    file = spooled(tmp_path)
    for place in (tmp_path, file):
        shown = RUNNER.invoke(cli.app, ["spool", str(place)]).output
        row = next(line for line in shown.splitlines() if "countdown" in line)
        cells = [cell.strip() for cell in row.split("│")[1:-2]]
        assert cells == ["countdown", "first", "local", "1", "1", "0", "4", "finished"]


def test_one_spool_is_printed_step_by_step(tmp_path: Path) -> None:
    result = RUNNER.invoke(cli.app, ["spool", str(spooled(tmp_path)), "--format", "jsonl"])
    (line,) = result.output.splitlines()
    step = json.loads(line)
    assert (step["step"], step["loss"], step["accuracy"]) == (0, "NaN", 0.5)
    assert (step["rewards"], step["advantages"]) == ([[1.0, 0.0]], [[0.5, -0.5]])


def test_what_is_not_one_spool_cannot_be_printed(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("hello")
    folder = RUNNER.invoke(cli.app, ["spool", str(tmp_path), "--format", "jsonl"])
    assert (folder.exit_code, "needs the path of one spool file" in folder.output) == (2, True)
    text = RUNNER.invoke(cli.app, ["spool", str(other), "--format", "jsonl"])
    assert (text.exit_code, "is not a spool" in text.output) == (1, True)


def evaluated(arm: str, seed: int, value: float) -> dict[str, object]:
    names = [f"pass_at_{k}" for k in demo_table.PASS_AT] + ["entropy"]
    row = {"step": 0, **dict.fromkeys(names, value), "head_rank1_share": None}
    return {"arm": arm, "seed": seed, "evals": [row]}


def test_the_result_table_shows_every_arm_at_the_same_step_with_its_spread() -> None:
    results = [evaluated("grpo", 0, 0.2), evaluated("grpo", 1, 0.4), evaluated("fade", 0, 0.5)]
    table = demo_table.result_table(results)
    columns = [list(column.cells) for column in table.columns]
    assert columns[0] == ["0", "0"]
    assert columns[1] == ["grpo", "fade"]
    assert columns[2] == ["0.300 ± 0.141", "0.500"]


def test_nothing_of_the_table_is_lost_on_a_narrow_terminal() -> None:
    result = evaluated("grpo+k3-in-reward", 0, -1e-9)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(demo_table.result_table([result]))
    shown = console.export_text()
    assert "…" not in shown
    assert "-0.000" not in shown


def test_what_was_not_measured_is_a_dash_in_the_table() -> None:
    table = demo_table.result_table([evaluated("grpo", 0, 0.2)])
    assert list(table.columns[-1].cells) == ["–"]
