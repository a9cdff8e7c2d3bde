"""How early and how rightly a run's failure is named: our detectors against a naive rule set.

    python -m bench.early_warning [--seeds 16] [--longest 20000] [--public ../shared/runs]

Scores every scenario of ``bench/runs.py`` by: seen (any warning after the onset), in time (before
the failure), cause (in time, by the detector that names it), lead in steps and as a part of the
time from onset to failure; healthy steps by warnings per 1,000. Intervals are 95 %.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.keys import PUBLIC_RUNS, canonical
from bench.runs import CAUSE, HEALTHY, Run, make
from fade_core.monitor import Monitor

Record = Mapping[str, Any]
Watcher = Callable[[Iterable[Record]], list[tuple[str, str, int]]]
"""Records to the alerts raised: detector, severity, step; each once until it is quiet again."""


class Score(NamedTuple):
    """What one watcher did on one run; steps to failure are None where it did not see it."""

    false_alarms: int
    healthy_steps: int
    seen: bool
    lead: int | None
    cause_lead: int | None
    span: int


def ours(records: Iterable[Record]) -> list[tuple[str, str, int]]:
    """Run our monitor."""
    monitor = Monitor()
    state = monitor.start()
    alerts: list[tuple[str, str, int]] = []
    before: Mapping[str, str] = {}
    for record in records:
        state, findings = monitor.step(state, record)
        now = {each.detector: each.severity for each in findings if each.severity != "info"}
        alerts += [(k, v, state.last_step) for k, v in now.items() if before.get(k) != v]
        before = now
    if state.errors:
        raise RuntimeError(f"detectors failed: {dict(state.errors)}")
    return alerts


RULES: dict[str, Callable[[dict[str, float], dict[str, float], dict[str, float]], bool]] = {
    "entropy_collapse": lambda now, start, _: now["entropy"] < 0.2 * start["entropy"],
    "entropy_explosion": lambda now, start, _: now["entropy"] > 2.0 * start["entropy"],
    "kl_blowup": lambda now, _s, _b: now["kl_k3"] > 0.5,
    "zero_variance": lambda now, _s, _b: now["zero_variance_fraction"] > 0.7,
    "reward_collapse": lambda now, _s, best: now["reward_mean"] < 0.8 * best["reward_mean"],
}


def naive(records: Iterable[Record]) -> list[tuple[str, str, int]]:
    """Run five rules on moving averages of twenty steps, as a user would write them in an hour."""
    now: dict[str, float] = {}
    start: dict[str, float] = {}
    best: dict[str, float] = {}
    alerts = []
    active: set[str] = set()
    for index, record in enumerate(records):
        for name in ("entropy", "kl_k3", "zero_variance_fraction", "reward_mean"):
            value: float | None = record.get(name)
            if value is not None and math.isfinite(value):
                now[name] = now.get(name, value) + 0.05 * (value - now.get(name, value))
                best[name] = max(best.get(name, now[name]), now[name]) if index > 20 else now[name]
        if index == 20:
            start = dict(now)
        if index < 20:
            continue
        firing = {name for name, rule in RULES.items() if _holds(rule, now, start, best)}
        alerts += [(name, "warning", record["step"]) for name in sorted(firing - active)]
        active = firing
    return alerts


def _holds(rule: Callable[..., bool], *levels: dict[str, float]) -> bool:
    try:
        return rule(*levels)
    except KeyError:
        return False


WATCHERS: dict[str, Watcher] = {"fadewatch": ours, "naive": naive}


def score(run: Run, scenario: str, watcher: Watcher) -> Score:
    """Score one watcher on one run."""
    alerts = watcher(canonical(row, run.keys) for row in run.rows)
    onset = len(run.rows) if run.onset is None else run.onset
    healthy = 0 if scenario == "dead" else onset
    false_alarms = sum(step < onset for _, _, step in alerts)
    if run.failure is None:
        return Score(false_alarms, healthy, False, None, None, 0)
    after = [(name, step) for name, _, step in alerts if step >= onset]
    named = [step for name, step in after if name == CAUSE[scenario]]
    return Score(
        false_alarms,
        healthy,
        bool(after),
        run.failure - min(step for _, step in after) if after else None,
        run.failure - min(named) if named else None,
        run.failure - onset,
    )


def share(hits: int, of: int) -> str:
    """Format a share with its Wilson interval."""
    if of == 0:
        return "-"
    z2, p = 1.96**2, hits / of
    centre = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = 1.96 * math.sqrt(p * (1 - p) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return f"{hits}/{of} [{max(0, centre - half):.2f}, {min(1, centre + half):.2f}]"


def rate(events: int, steps: int) -> str:
    """Format a rate per 1,000 steps with its Poisson interval (Wilson-Hilferty)."""
    low = events * (1 - 1 / (9 * events) - 1.96 / (3 * math.sqrt(events))) ** 3 if events else 0.0
    k = events + 1
    high = k * (1 - 1 / (9 * k) + 1.96 / (3 * math.sqrt(k))) ** 3
    per = 1000.0 / max(steps, 1)
    return f"{events * per:.3f} [{low * per:.3f}, {high * per:.3f}]"


def median(values: list[int]) -> str:
    """Format the median, or a dash."""
    return f"{sorted(values)[len(values) // 2]:+d}" if values else "-"


def synthetic(seeds: int, longest: int) -> None:
    """Print one table a watcher over all scenarios."""
    scores: dict[tuple[str, str], list[Score]] = {}
    for scenario in (*HEALTHY, *CAUSE):
        for seed in range(seeds):
            run = make(scenario, seed, longest)
            for name, watcher in WATCHERS.items():
                scores.setdefault((name, scenario), []).append(score(run, scenario, watcher))
    for name in WATCHERS:
        print(f"\n{name}\n")
        print("| scenario | seen | in time | cause in time | lead | cause lead | false per 1,000 |")
        print("|---|---|---|---|---|---|---|")
        for scenario in (*HEALTHY, *CAUSE):
            print(_row(scenario, scores[name, scenario]))
        # What a solved run is told (all groups solved) is true; it has its own row.
        pooled = [
            each
            for (who, scenario), rows in scores.items()
            if who == name and scenario != "healthy_solved"
            for each in rows
        ]
        events, steps = sum(s.false_alarms for s in pooled), sum(s.healthy_steps for s in pooled)
        print(f"\nfalse alarms per 1,000 of {steps:,} healthy steps: {rate(events, steps)}")


def _row(scenario: str, rows: list[Score]) -> str:
    false = rate(sum(s.false_alarms for s in rows), sum(s.healthy_steps for s in rows))
    if scenario in HEALTHY:
        return f"| {scenario} | | | | | | {false} |"
    leads = [s.lead for s in rows if s.lead is not None]
    causes = [s.cause_lead for s in rows if s.cause_lead is not None]
    cells = (
        share(sum(s.seen for s in rows), len(rows)),
        share(sum(lead > 0 for lead in leads), len(rows)),
        share(sum(lead > 0 for lead in causes), len(rows)),
        median(leads),
        median(causes),
        false if scenario != "dead" else "-",
    )
    return f"| {scenario} | " + " | ".join(cells) + " |"


def public(folder: Path) -> None:
    """Print, by outcome and family, how many labelled public runs got a critical finding."""
    table: dict[tuple[str, str], list[tuple[str, dict[str, int]]]] = {}
    for label in json.loads((folder / "labels.json").read_text()):
        lines = (folder / label["canon"]).read_text().splitlines()
        rows = [canonical(json.loads(line), PUBLIC_RUNS) for line in lines]
        critical: dict[str, int] = {}
        for name, severity, step in ours(row for row in rows if row["step"] is not None):
            if severity == "critical":
                critical.setdefault(name, step)
        key = (label["outcome"], label["family"])
        table.setdefault(key, []).append((label["name"], critical))
    print("\n| outcome | family | runs | critical | which (first step) |\n|---|---|---|---|---|")
    for (outcome, family), runs in sorted(table.items()):
        hit = [(name, found) for name, found in runs if found]
        which = "; ".join(
            f"{name}: " + ", ".join(f"{k} {v}" for k, v in found.items()) for name, found in hit
        )
        print(f"| {outcome} | {family} | {len(runs)} | {len(hit)} | {which} |")


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--longest", type=int, default=20_000)
    parser.add_argument("--public", type=Path, default=Path("../shared/runs"))
    options = parser.parse_args()
    synthetic(options.seeds, options.longest)
    if (options.public / "labels.json").exists():
        public(options.public)
    else:
        print(f"\nno labelled public runs at {options.public}: not scored")


if __name__ == "__main__":
    main()
