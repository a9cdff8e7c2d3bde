"""``fadewatch diagnose``: exit codes, the four forms, and what could not be checked."""

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import fade_client
from fade_core.kl_audit.live import verdict_of
from fadewatch import cli

RUNNER = CliRunner()


def diagnose(*arguments: object) -> Result:
    return RUNNER.invoke(cli.app, ["diagnose", *map(str, arguments)])


def log(path: Path, entropies: list[float], **more: Any) -> Path:
    rows = ({"step": s, "train/entropy": h, **more} for s, h in enumerate(entropies))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def healthy(path: Path) -> Path:
    return log(path, [1.0 + 0.01 * math.sin(step) for step in range(80)])


def collapsing(path: Path) -> Path:
    return log(path, [1.0 if step < 60 else 0.85 ** (step - 60) for step in range(100)], odd=1.0)


def test_a_healthy_run_is_zero_and_a_collapse_is_one(tmp_path: Path) -> None:
    assert diagnose(healthy(tmp_path / "a.jsonl")).exit_code == 0
    result = diagnose(collapsing(tmp_path / "b.jsonl"))
    assert result.exit_code == 1
    assert "entropy_collapse" in result.output
    assert "keys without a canonical name: odd" in result.output


def test_the_verdict_on_the_kl_that_a_run_holds_is_a_finding(tmp_path: Path) -> None:
    verdict = verdict_of({"beta": 0.04}, "trl-grpo", "1.9.2")
    run = fade_client.init("p", mode="local", dir=tmp_path, config={"kl_audit": verdict})
    for step in range(80):
        run.log_step(step=step, entropy=1.0 + 0.01 * math.sin(step))
    run.finish()
    (spool,) = tmp_path.rglob("*.spool")
    result = diagnose(spool, "--format", "json")
    (finding,) = json.loads(result.stdout)["findings"]
    assert (finding["detector"], finding["severity"]) == ("kl_misconfigured", "warning")
    assert "use_bias_correction_kl=True" in finding["advice"]["do"][0]
    assert (result.exit_code, diagnose(spool, "--fail-on", "critical").exit_code) == (1, 0)
    assert "kl_misconfigured" in diagnose(spool).output


def test_what_cannot_be_checked_is_two(tmp_path: Path) -> None:
    nothing = tmp_path / "notes.txt"
    nothing.write_text("no metrics")
    assert diagnose(nothing).exit_code == 2
    blind = tmp_path / "blind.jsonl"
    blind.write_text('{"step": 1, "mine": 0.5}\n{"step": 2, "mine": 0.5}\n')
    assert diagnose(blind).exit_code == 2
    assert diagnose(healthy(tmp_path / "a.jsonl"), nothing).exit_code == 2
    assert diagnose(healthy(tmp_path / "a.jsonl"), "--log-format", "nonsense").exit_code == 2


def test_a_run_that_is_nowhere_is_two(tmp_path: Path) -> None:
    result = diagnose("no-such-run", "--server", "http://127.0.0.1:9")
    assert result.exit_code == 2
    assert "no such file" in result.output


@pytest.mark.parametrize("level", ["info", "warning", "critical"])
def test_the_level_decides_about_the_exit_code(tmp_path: Path, level: str) -> None:
    path = collapsing(tmp_path / "b.jsonl")
    findings = json.loads(diagnose(path, "--format", "json").output)["findings"]
    levels = ("info", "warning", "critical")
    worst = max(levels.index(finding["severity"]) for finding in findings)
    expected = int(worst >= levels.index(level))
    assert diagnose(path, "--fail-on", level).exit_code == expected


def test_json_has_the_documented_shape(tmp_path: Path) -> None:
    report = json.loads(diagnose(collapsing(tmp_path / "b.jsonl"), "--format", "json").output)
    assert list(report) == ["run", "format", "steps", "coverage", "findings", "headline"]
    assert (report["run"], report["format"], report["steps"]) == ("b", "jsonl", 100)
    finding = report["findings"][0]
    assert list(finding) == [
        "detector", "severity", "onset_step", "first_alert_step", "resolved_step", "evidence",
        "advice",
    ]  # fmt: skip


def test_several_runs_are_a_json_list(tmp_path: Path) -> None:
    healthy(tmp_path / "a.jsonl")
    collapsing(tmp_path / "b.jsonl")
    result = diagnose(tmp_path, "--format", "json")
    assert [each["run"] for each in json.loads(result.output)] == ["a", "b"]
    assert result.exit_code == 1


def test_sarif_names_rule_level_and_file(tmp_path: Path) -> None:
    path = collapsing(tmp_path / "b.jsonl")
    report = json.loads(diagnose(path, "--format", "sarif").output)
    assert report["version"] == "2.1.0"
    (run,) = report["runs"]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} <= rules
    assert {result["level"] for result in run["results"]} <= {"note", "warning", "error"}
    place = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert place == str(path)
    assert run["invocations"][0]["executionSuccessful"] is True


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.names.append(tag)


def test_html_is_one_file_that_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    path = collapsing(tmp_path / "<script>alert(1)<.jsonl")
    assert diagnose(path, "--format", "html", "-o", page).exit_code == 1
    content = page.read_text()
    parser = Tags()
    parser.feed(content)
    assert "svg" in parser.names
    assert not {"script", "link", "img", "iframe"} & set(parser.names)
    assert not re.search(r"https?://|@import|url\(", content)
    assert "entropy_collapse" in content
