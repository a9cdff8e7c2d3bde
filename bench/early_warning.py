"""How early and how rightly a run's failure is named: our detectors against a naive rule set.

    python -m bench.early_warning [--seeds 16] [--longest 20000] [--public ../shared/runs]
    python -m bench.early_warning --unseen --first-seed 1000     # families of other ranges
    python -m bench.early_warning --labelled FOLDER              # logs made by another program

Scores every scenario of ``bench/runs.py`` by: seen (any warning after the onset), in time (before
the failure), cause (in time, by the detector that names it) and leads in steps; healthy steps by
warnings per 1,000. Intervals are 95 %. Other tools are scored where they are installed
(``bench/peers.py``), on runs of at most ``--peer-steps``, because some read the whole history again
and again.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench import peers
from bench.keys import PUBLIC_RUNS, TRL, canonical
from bench.runs import (
    CAUSE,
    HEALTHY,
    Run,
    draw_family,
    draw_unseen_family,
    simulate,
)
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


OWN: dict[str, Watcher] = {"fadewatch": ours, "naive": naive}
ROUGH = ("healthy_solved", "c_noisy_healthy")
"""Not pooled: what a solved run is told (all groups solved) is true, and whether real gradient
outliers are spikes is a matter of taste. Both have their own row."""
LABELLED = {
    "b_entropy_collapse": "entropy_collapse",
    "e_kl_blowup": "kl_blowup",
    "f_grad_spikes_divergence": "gradient_instability",
    "g_zero_variance_saturation": "zero_variance",
    "h_advantage_heavy_tails": "advantage_tails",
    "i_sign_imbalance": "sign_imbalance",
    "j_entropy_explosion": "entropy_explosion",
}
"""Scenarios of the second generator to the detector that names their cause."""


def score(run: Run, scenario: str, watcher: Watcher) -> Score:
    """Score one watcher on one run."""
    alerts = watcher(canonical(row, run.keys) for row in run.rows)
    onset = len(run.rows) if run.onset is None else run.onset
    healthy = 0 if scenario == "dead" else onset
    false_alarms = sum(step < onset for _, _, step in alerts)
    if run.failure is None:
        return Score(false_alarms, healthy, False, None, None, 0)
    after = [(name, step) for name, _, step in alerts if step >= onset]
    named = [step for name, step in after if name == (CAUSE | LABELLED)[scenario]]
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


class Suite(NamedTuple):
    """Runs to score, by scenario, and who looks at them.

    Attributes:
        runs: Scenario and run, in the order of the table.
        watchers: By name.
        peer_steps: Longest run that is given to the peers.
    """

    runs: Iterable[tuple[str, Run]]
    watchers: Mapping[str, Watcher]
    peer_steps: int = 1500


def generated(seeds: range, longest: int, *, unseen: bool = False) -> Iterator[tuple[str, Run]]:
    """Simulate every scenario with every seed."""
    for scenario in (*HEALTHY, *CAUSE):
        for seed in seeds:
            family = draw_unseen_family(seed) if unseen else draw_family(seed, longest)
            yield scenario, simulate(scenario, seed, family)


def labelled(folder: Path, seeds: range) -> Iterator[tuple[str, Run]]:
    """Read the runs of another generator: JSONL with TRL's keys, and ``labels.json``."""
    for name, label in sorted(json.loads((folder / "labels.json").read_text()).items()):
        if label["seed"] in seeds:
            rows = [json.loads(line) for line in (folder / name).read_text().splitlines()]
            yield label["scenario"], Run(rows, TRL, label["onset_step"], label["failure_step"])


def synthetic(suite: Suite) -> None:
    """Print one table a watcher over all scenarios."""
    scores: dict[str, dict[str, list[Score]]] = {name: {} for name in suite.watchers}
    for scenario, run in suite.runs:
        for name, watcher in suite.watchers.items():
            if name in OWN or len(run.rows) <= suite.peer_steps:
                scores[name].setdefault(scenario, []).append(score(run, scenario, watcher))
    for name, by_scenario in scores.items():
        print(f"\n{name}\n")
        print("| scenario | seen | in time | cause in time | lead | cause lead | false per 1,000 |")
        print("|---|---|---|---|---|---|---|")
        for scenario, rows in by_scenario.items():
            print(_row(scenario, rows))
        pooled = [s for kind, rows in by_scenario.items() if kind not in ROUGH for s in rows]
        events, steps = sum(s.false_alarms for s in pooled), sum(s.healthy_steps for s in pooled)
        print(f"\nfalse alarms per 1,000 of {steps:,} healthy steps: {rate(events, steps)}")


def _row(scenario: str, rows: list[Score]) -> str:
    false = rate(sum(s.false_alarms for s in rows), sum(s.healthy_steps for s in rows))
    if scenario not in CAUSE | LABELLED:
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


def public(folder: Path, watchers: Mapping[str, Watcher], peer_steps: int = 1500) -> None:
    """Print how many labelled public runs got a critical finding.

    By outcome for every watcher, of the runs that it was given; by family, with what was found
    first, for ours.
    """
    labels = json.loads((folder / "labels.json").read_text())
    short = [label for label in labels if label["n_rows"] <= peer_steps]
    hits = {
        name: _criticals(folder, labels if name in OWN else short, watcher)
        for name, watcher in watchers.items()
    }
    print(f"\n| outcome | runs | {' | '.join(watchers)} |\n|---|---|{'---|' * len(watchers)}")
    for outcome in sorted({label["outcome"] for label in labels}):
        names = [label["name"] for label in labels if label["outcome"] == outcome]
        given = {who: [name for name in names if name in hits[who]] for who in watchers}
        counts = [
            f"{sum(bool(hits[who][n]) for n in given[who])}/{len(given[who])}" for who in given
        ]
        print(f"| {outcome} | {len(names)} | {' | '.join(counts)} |")
    print("\n| outcome | family | runs | critical | which (first step) |\n|---|---|---|---|---|")
    families: dict[tuple[str, str], list[str]] = {}
    for label in labels:
        families.setdefault((label["outcome"], label["family"]), []).append(label["name"])
    for (outcome, family), names in sorted(families.items()):
        found = {name: hits["fadewatch"][name] for name in names if hits["fadewatch"][name]}
        which = "; ".join(
            f"{name}: " + ", ".join(f"{k} {v}" for k, v in steps.items())
            for name, steps in found.items()
        )
        print(f"| {outcome} | {family} | {len(names)} | {len(found)} | {which} |")


def _criticals(
    folder: Path, labels: Iterable[Mapping[str, Any]], watcher: Watcher
) -> dict[str, dict[str, int]]:
    """Return the first step of every critical finding, by run and detector."""
    found: dict[str, dict[str, int]] = {}
    for label in labels:
        lines = (folder / label["canon"]).read_text().splitlines()
        rows = [canonical(json.loads(line), PUBLIC_RUNS) for line in lines]
        critical = found.setdefault(label["name"], {})
        for name, severity, step in watcher(row for row in rows if row["step"] is not None):
            if severity == "critical":
                critical.setdefault(name, step)
    return found


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--seeds", type=int, default=16)
    add("--first-seed", type=int, default=0)
    add("--longest", type=int, default=20_000)
    add("--unseen", action="store_true", help="families of other ranges")
    add("--labelled", type=Path, help="folder of logs made by another program")
    add("--public", type=Path, default=Path("../shared/runs"))
    add("--peer-steps", type=int, default=1500, help="longest run given to other tools")
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    watchers = OWN | peers.installed()
    missing = [name for name in peers.PACKAGES if name not in watchers]
    print(f"scored: {', '.join(watchers)}; not installed: {', '.join(missing) or 'none'}")
    if options.labelled:
        runs = labelled(options.labelled, seeds)
    else:
        runs = generated(seeds, options.longest, unseen=options.unseen)
    synthetic(Suite(runs, watchers, options.peer_steps))
    if options.unseen or options.labelled:
        return
    if (options.public / "labels.json").exists():
        public(options.public, watchers, options.peer_steps)
    else:
        print(f"\nno labelled public runs at {options.public}: not scored")


if __name__ == "__main__":
    main()
