"""``fadewatch audit advantage`` and ``fadewatch whatif``: what goes in and what comes out."""

import io
import json
import math
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from fade_core.errors import SettingError, UnknownMethodError
from fade_core.gradient_mass import exact_mass
from fade_core.whatif import MethodSpec, parse_methods, what_if
from fadewatch import audit_advantage, whatif
from fadewatch.commands.audit import app
from fadewatch.numbers import wire

GROUPS = [[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 1.0]]


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["advantage", *arguments])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_json_has_the_exact_masses_to_fifteen_digits() -> None:
    got = run("fade", "--param", "alpha=2", "--param", "delta=0.5", "--solve-rate", "0.1,0.5",
              "--group-size", "16", "--format", "json")  # fmt: skip
    assert list(got) == ["method", "params", "group_size", "masses", "nearest"]
    assert (got["method"], got["group_size"]) == ("fade", 16)
    assert got["params"] == {"alpha": 2.0, "delta": 0.5}
    for row, p in zip(got["masses"], (0.1, 0.5), strict=True):
        mass = exact_mass("fade", p, 16, alpha=2, delta=0.5)
        assert row["solve_rate"] == p
        assert row["mass_success"] == float(f"{mass.success:.15g}")
        assert row["mass_failure"] == float(f"{mass.failure:.15g}")
    assert (got["nearest"]["method"], got["nearest"]["relation"]) == ("fade", "equals")


def test_the_parameter_lambda_is_taken_by_its_name() -> None:
    got = run("w_reinforce", "--param", "lambda=0.3", "--rewards", "1,0", "--format", "json")
    assert got == {"weights": [0.3, -1.0], "mass_success": 0.15, "mass_failure": 0.5}


def test_one_group_gets_its_weights_and_masses() -> None:
    got = run("maxrl", "--rewards", "1,0,0,1", "--format", "json")
    assert got == {"weights": [1, -1, -1, 1], "mass_success": 0.5, "mass_failure": 0.5}


def test_a_function_of_the_user_is_found_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_trainer_advantages.py").write_text(
        "def centred(r):\n    return 2 * (r - r.mean(axis=1, keepdims=True))\nconstant = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    got = run("my_trainer_advantages:centred", "--format", "json")
    assert got["nearest"]["relation"] == "proportional"
    assert {"method": "grpo", "params": {}, "factor": 2.0, "distance": 0.0} in (
        got["nearest"]["proportional"]
    )
    weights = run("my_trainer_advantages:centred", "--rewards", "1,0", "--format", "json")
    assert weights["weights"] == [1.0, -1.0]
    for name in ("my_trainer_advantages:absent", "no_such_module_here:f", ":f"):
        with pytest.raises(SettingError, match="must be MODULE:FUNCTION, importable from"):
            audit_advantage.load_method(name)
    with pytest.raises(SettingError, match="must be a function of rewards"):
        audit_advantage.load_method("my_trainer_advantages:constant")


def test_text_has_the_verdict_and_both_tables() -> None:
    result = CliRunner().invoke(app, ["advantage", "gpg"])
    assert "gpg: equals gpg" in result.stdout
    assert "depend on the other groups" in result.stdout
    assert "8 of 8" in result.stdout
    group = CliRunner().invoke(app, ["advantage", "grpo", "--rewards", "1,0"])
    assert "mass success: 0.25" in group.stdout


def test_the_page_draws_the_curves_by_itself(tmp_path: Path) -> None:
    page = tmp_path / "masses.html"
    CliRunner().invoke(app, ["advantage", "maxrl", "--html", str(page)])
    html = page.read_text("utf-8")
    assert "maxrl, success" in html
    assert "cdn.plot.ly" not in html.partition("</script>")[0][:2000]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gropo"], "did you mean 'grpo'"),
        (["fade"], "missing: alpha, delta"),
        (["grpo", "--solve-rate", "x"], "--solve-rate must be numbers with commas, got 'x'"),
        (["grpo", "--format", "xml"], "--format must be text or json, got 'xml'"),
        (["grpo", "--param", "alpha"], "must be NAME=NUMBER"),
        (["maxrl", "--rewards", "1,-1"], "map {-1, +1} to {0, 1}"),
    ],
)
def test_bad_input_is_answered_in_one_line(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["advantage", *arguments])
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_a_function_of_no_weight_has_no_nearest() -> None:
    found = audit_advantage.audit(lambda rewards: 0.0 * rewards, {})
    assert audit_advantage.audit_document(found, "mine", {})["nearest"] is None


def test_numbers_travel_as_strict_json() -> None:
    assert wire([math.inf, (1, None, "x")]) == ["Infinity", [1, None, "x"]]


def test_methods_are_read_from_lists_and_kept_once() -> None:
    got = parse_methods(["fade,grpo", "grpo, power:alpha=3"])
    assert [spec.label for spec in got] == ["fade", "grpo", "power:alpha=3"]
    with pytest.raises(SettingError, match="name at least one method"):
        parse_methods([","])
    with pytest.raises(UnknownMethodError):
        parse_methods(["fad"])


def no_client() -> httpx.Client:
    raise AssertionError("the server is not asked")


def no_spool(path: Path) -> tuple[Any, list[dict[str, Any]]]:
    raise AssertionError("no spool is read")


def test_a_file_of_lines_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    rows = [{"step": 4, "rewards": GROUPS, "alpha": 2.0, "entropy": "NaN"}, {"step": 5,
            "rewards": None}]  # fmt: skip
    path.write_text("\n\n".join(json.dumps(row) for row in rows))
    (step,) = whatif.read_source(str(path), no_client, no_spool)
    assert (step.step, step.alpha, step.delta) == (4, 2.0, None)
    assert math.isnan(step.entropy)
    path.write_text('{"step": 1}')
    with pytest.raises(whatif.RunError, match=r"line 1: wanted .*KeyError"):
        whatif.read_source(str(path), no_client, no_spool)
    path.write_text("")
    with pytest.raises(whatif.RunError, match="has no step with rewards"):
        whatif.read_source(str(path), no_client, no_spool)
    with pytest.raises(whatif.RunError, match="there is no file"):
        whatif.read_source("absent.jsonl", no_client, no_spool)


def test_a_spool_is_read_by_the_client(tmp_path: Path) -> None:
    path = tmp_path / "a.spool"
    path.touch()

    def read_run(asked: Path) -> tuple[Any, list[dict[str, Any]]]:
        assert asked == path
        return None, [{"step": 0}, {"step": 1, "rewards": GROUPS, "entropy": 0.5}]

    (step,) = whatif.read_source(str(path), no_client, read_run)
    assert (step.step, step.entropy) == (1, 0.5)


def served(request: httpx.Request) -> httpx.Response:
    path = request.url.path
    if path == "/api/v1/runs/r1/series":
        one = {"step": [0, 1], "value": [0.5, "NaN"]}
        return httpx.Response(200, json={"series": {"accuracy": one, "entropy": one}})
    if path == "/api/v1/runs/r1/weights/1":
        return httpx.Response(200, json={"rewards": GROUPS, "advantages": GROUPS})
    return httpx.Response(404)


def test_a_run_on_a_server_is_read_where_its_rewards_are_stored() -> None:
    def client() -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(served), base_url="http://service/api/v1")

    (step,) = whatif.read_source("r1", client, no_spool)
    assert step.step == 1
    assert math.isnan(step.entropy)
    with pytest.raises(whatif.RunError, match="the server has no run 'r2'"):
        whatif.read_source("r2", client, no_spool)


def test_a_name_that_is_neither_file_nor_run_is_told_so() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    def client() -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(refuse), base_url="http://service")

    with pytest.raises(whatif.RunError, match=r"no file 'r1', and the service at http://service"):
        whatif.read_source("r1", client, no_spool)


def test_a_what_if_is_told_as_json_and_as_a_table() -> None:
    steps = [whatif._step({"step": 0, "rewards": GROUPS}), whatif._step(
        {"step": 1, "rewards": [[3.0, 1.0]]})]  # fmt: skip
    specs = [MethodSpec("maxrl"), MethodSpec("fade"), MethodSpec("nsr")]
    results = what_if(steps, specs)
    document = whatif.document("r1", results)
    json.dumps(document, allow_nan=False)
    first, second = document["steps"]
    assert first["methods"]["fade"]["params"] == {"alpha": 1.5, "delta": 1.0}
    assert first["methods"]["maxrl"]["weights"]["mass_success"] == 0.5
    assert "rewards must be in [0, 1]" in second["methods"]["maxrl"]["error"]
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(whatif.table(results))
    text = console.export_text()
    assert "fade (alpha 1.5, delta 1)" in text
    assert "rewards must be" in text


def test_the_commands_are_mounted_by_name() -> None:
    from fadewatch.commands import whatif as command

    mounted = typer.Typer()
    mounted.command()(command.whatif)
    help_text = CliRunner().invoke(mounted, ["--help"]).stdout
    assert "--advantage" in help_text
