"""Failures are named before they happen, and healthy runs are left alone."""

import json
import os
from pathlib import Path

import pytest

from bench import peers
from bench.diagnose import cost, write_log
from bench.early_warning import (
    OWN,
    Suite,
    generated,
    labelled,
    median,
    naive,
    ours,
    public,
    rate,
    score,
    share,
    synthetic,
)
from bench.keys import PUBLIC_RUNS, canonical
from bench.runs import CAUSE, HEALTHY, make
from tests.helpers import ROOT

RUNS = Path(os.environ.get("FADEWATCH_RUNS", ROOT.parent / "shared" / "runs"))
needs_runs = pytest.mark.skipif(
    not (RUNS / "labels.json").exists(),
    reason="the labelled public runs are not beside the checkout (set FADEWATCH_RUNS)",
)
LONGEST = 1000


@pytest.mark.parametrize("scenario", CAUSE)
def test_a_failure_is_named_before_it_happens(scenario: str) -> None:
    for seed in (0, 1):
        found = score(make(scenario, seed, LONGEST), scenario, ours)
        assert found.cause_lead is not None
        assert found.cause_lead > 0
        assert found.false_alarms == 0


@pytest.mark.parametrize("scenario", [each for each in HEALTHY if each != "healthy_solved"])
def test_a_healthy_run_is_left_alone(scenario: str) -> None:
    assert score(make(scenario, 0, LONGEST), scenario, ours).false_alarms == 0


def test_the_same_seed_makes_the_same_run() -> None:
    assert make("kl_growth", 3, LONGEST) == make("kl_growth", 3, LONGEST)


def test_the_naive_rules_see_what_they_are_for() -> None:
    assert score(make("entropy_fall", 0, LONGEST), "entropy_fall", naive).seen
    assert naive([{"step": t} for t in range(30)]) == []


def test_the_tables_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    synthetic(Suite(generated(range(1), 200), OWN))
    printed = capsys.readouterr().out
    assert "| entropy_fall | 1/1" in printed
    assert printed.count("| healthy_solved |") == len(OWN)
    assert "false alarms per 1,000" in printed


def test_shares_and_rates_come_with_their_intervals() -> None:
    assert share(0, 0) == "-"
    assert share(12, 12) == "12/12 [0.76, 1.00]"
    assert rate(0, 33_000).startswith("0.000 [0.000, 0.1")
    assert rate(4, 2000).startswith("2.000 [0.")
    assert median([]) == "-"


@needs_runs
def test_public_failures_are_critical_and_healthy_runs_hardly_ever() -> None:
    missed, alarmed = [], []
    for label in json.loads((RUNS / "labels.json").read_text()):
        rows = map(json.loads, (RUNS / label["canon"]).read_text().splitlines())
        alerts = ours(canonical(row, PUBLIC_RUNS) for row in rows if row["step"] is not None)
        critical = [step for _, severity, step in alerts if severity == "critical"]
        # Where an episode is over before the run, it has to be told by then.
        ends = [each.get("end_step", label["last_step"]) for each in label["labels"]]
        in_time = critical and critical[0] <= min(ends, default=label["last_step"])
        if label["outcome"] in {"failed", "degraded"} and not in_time:
            missed.append(label["name"])
        if label["outcome"] in {"healthy", "plateau"} and critical:
            alarmed.append(label["name"])
    assert missed == []
    assert len(alarmed) <= 2


@needs_runs
def test_a_solved_public_run_is_told_from_a_collapse() -> None:
    rows = map(json.loads, (RUNS / "canon" / "tinkerlab_arithmetic.jsonl").read_text().splitlines())
    assert ours(canonical(row, PUBLIC_RUNS) for row in rows) == []


@needs_runs
def test_public_runs_are_scored_by_outcome_and_family(capsys: pytest.CaptureFixture[str]) -> None:
    public(RUNS, OWN)
    printed = capsys.readouterr().out
    assert "| outcome | runs | fadewatch | naive |" in printed
    assert "| failed | alexchilton | 3 | 3 |" in printed


def test_families_of_other_ranges_are_other_families() -> None:
    (known, other) = (
        dict(generated(range(1000, 1001), LONGEST, unseen=unseen)) for unseen in (False, True)
    )
    assert known.keys() == other.keys()
    assert all(known[name].rows != other[name].rows for name in known)
    assert {frozenset(run.keys) for run in known.values()}.isdisjoint(
        frozenset(run.keys) for run in other.values()
    )


def test_logs_of_another_program_are_read_with_their_labels(tmp_path: Path) -> None:
    run = make("entropy_fall", 1, LONGEST)
    rows = ({"step": row["step"], "entropy": row[run.keys["entropy"]]} for row in run.rows)
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, rows)))
    label = {"scenario": "b_entropy_collapse", "onset_step": run.onset, "failure_step": run.failure}
    (tmp_path / "labels.json").write_text(json.dumps({"b.jsonl": label | {"seed": 4}}))
    assert list(labelled(tmp_path, range(4))) == []
    ((scenario, read),) = labelled(tmp_path, range(5))
    found = score(read, scenario, ours)
    assert found.cause_lead is not None
    assert found.cause_lead > 0


@pytest.mark.parametrize("name", peers.PACKAGES)
def test_another_tool_that_is_installed_sees_a_growing_kl(name: str) -> None:
    if name not in peers.installed():
        pytest.skip(f"{name} is not installed")
    run = make("kl_growth", 0, LONGEST)
    assert score(run, "kl_growth", peers.PACKAGES[name][1]).seen


def test_a_long_log_is_diagnosed_in_bounded_time_and_memory(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    write_log(log, 2000, 30)
    assert len(log.read_text().splitlines()[0].split(",")) == 31
    cpu_s, peak_mb = cost(log)
    assert cpu_s < 10.0
    assert peak_mb < 500.0
