"""Failures are named before they happen, and healthy runs are left alone."""

import json
import os
from pathlib import Path

import pytest

from bench.early_warning import median, naive, ours, public, rate, score, share, synthetic
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
    synthetic(1, 200)
    printed = capsys.readouterr().out
    assert "| entropy_fall | 1/1" in printed
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
        critical = any(severity == "critical" for _, severity, _ in alerts)
        if label["outcome"] in {"failed", "degraded"} and not critical:
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
    public(RUNS)
    assert "| failed | alexchilton | 3 | 3 |" in capsys.readouterr().out
