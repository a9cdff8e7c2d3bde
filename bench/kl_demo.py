"""KL penalties and losses compared on a real training: the Countdown example, several seeds.

    PYTHONPATH=examples/countdown python bench/kl_demo.py --folder kl-demo

All trainings of a seed start from the same warmed-up policy and see the same prompts. What is
finished lies in the folder and is not done again, so the command can be stopped and repeated.
"""

import argparse
import copy
import json
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from arms import parse_arm
from fade_core.errors import FadeError
from model import Policy
from penalty import KL, KL_NAMES
from ppo import PPOConfig
from train import Settings, train
from warmup import warm_up

STUDENT_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""97.5 % quantiles of Student's t with 1, 2, ... degrees of freedom."""
SMOOTH = 5
"""Steps of the running mean whose largest fall is reported."""
REFERENCES = ("grpo+k1-in-reward", "grpo", "ppo")
"""What the others are compared with, seed by seed."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run and where."""

    folder: Path
    seeds: tuple[int, ...]
    beta: float
    settings: Settings
    variants: tuple[tuple[str, str | None], ...]
    """(arm, name of the KL penalty or None) pairs."""

    def result(self, arm: str, kl: str | None, seed: int) -> Path:
        """Return where a training's result lies; every setting that changes it is in the name."""
        config = self.settings.ppo
        shape = f"{self.settings.steps}x{config.epochs}x{config.minibatches}"
        size = f"{self.settings.eval_problems}-{self.settings.eval_every}"
        penalty = f"{kl}-{self.beta:g}" if kl else "none"
        return self.folder / f"{arm}-{penalty}-{shape}-{size}-seed{seed}.json"


def start_of(seed: int, folder: Path) -> Policy:
    """Return the warmed-up policy of a seed, from the folder where it is there already."""
    path, policy = folder / f"warm-seed{seed}.pt", Policy()
    if not path.exists():
        partial = path.with_suffix(".partial")
        torch.save(warm_up(seed).state_dict(), partial)
        partial.rename(path)
    policy.load_state_dict(torch.load(path, weights_only=True))
    return policy


def run_one(plan: Plan, start: Policy, arm: str, kl: str | None, seed: int) -> Row:
    """Train once; a training that breaks down is a result too."""
    settings = plan.settings if kl is None else replace(plan.settings, kl=KL(kl, plan.beta))
    curve: list[float] = []

    def note(phase: str, step: int, total: int, accuracy: float, entropy: float | None) -> None:  # noqa: ARG001
        curve.append(accuracy)

    row: Row = {"arm": settings.label(parse_arm(arm)), "seed": seed, "broke": None}
    try:
        row |= train(copy.deepcopy(start), parse_arm(arm), seed, settings, on_step=note).to_json()
    except (RuntimeError, FadeError) as problem:
        row["broke"] = f"after {len(curve)} steps: {problem}"
    return row | {"curve": curve}


def run_all(plan: Plan) -> list[Row]:
    """Run what is missing; return the results of everything."""
    columns = (
        TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(),
    )  # fmt: skip
    rows = []
    with Progress(*columns) as progress:
        task = progress.add_task("", total=len(plan.seeds) * len(plan.variants))
        for seed in plan.seeds:
            progress.update(task, description=f"warm-up seed {seed}")
            start = start_of(seed, plan.folder)
            for arm, kl in plan.variants:
                progress.update(task, description=f"{arm} {kl or ''} seed {seed}")
                path = plan.result(arm, kl, seed)
                if not path.exists():
                    partial = path.with_suffix(".partial")
                    partial.write_text(json.dumps(run_one(plan, start, arm, kl, seed)))
                    partial.rename(path)
                rows.append(json.loads(path.read_text()))
                progress.advance(task)
    return rows


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the half-width of its 95 % interval, Student's t over seeds."""
    if len(values) < 2:
        return statistics.fmean(values), math.nan
    quantile = STUDENT_95[min(len(values) - 2, len(STUDENT_95) - 1)]
    return statistics.fmean(values), quantile * statistics.stdev(values) / math.sqrt(len(values))


def largest_fall(curve: Sequence[float]) -> float:
    """Return how far the running mean of the training reward ever falls below its best so far."""
    means = [statistics.fmean(curve[i : i + SMOOTH]) for i in range(len(curve) - SMOOTH + 1)]
    return max((max(means[: i + 1]) - mean for i, mean in enumerate(means)), default=0.0)


def final(name: str) -> Callable[[Row], float]:
    """Return what reads one number of the last evaluation."""
    return lambda row: float(row["evals"][-1][name])


def kl_growth(row: Row) -> float:
    """Return how much the KL to the start grew since the last evaluation but one."""
    before, last = (float(evaluated["kl_per_sequence"]) for evaluated in row["evals"][-2:])
    return last - before


MEASURES: dict[str, Callable[[Row], float]] = {
    "reward = pass@1": final("pass_at_1"),
    "pass@4": final("pass_at_4"),
    "pass@16": final("pass_at_16"),
    "pass@64": final("pass_at_64"),
    "entropy": final("entropy"),
    "KL to start, k1": final("kl_per_sequence"),
    "its standard error in a run": final("kl_per_sequence_stderr"),
    "KL to start, k3": final("kl_k3_per_sequence"),
    "its growth since the last evaluation": kl_growth,
    "largest fall": lambda row: largest_fall(row["curve"]),
}
PAIRED = ("reward = pass@1", "pass@64", "entropy", "KL to start, k1", "largest fall")


def table(rows: Sequence[Row]) -> list[str]:
    """Return a Markdown table: mean and 95 % interval over the seeds, a row an arm."""
    lines = [*_head("arm", ["runs", "broke", *MEASURES]), _start_line(rows)]
    for arm in _arms(rows):
        of_arm = [row for row in rows if row["arm"] == arm]
        whole = [row for row in of_arm if not row["broke"]]
        cells = [str(len(of_arm)), str(len(of_arm) - len(whole))]
        cells += [_cell([measure(row) for row in whole]) for measure in MEASURES.values()]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return lines


def paired_table(rows: Sequence[Row], reference: str) -> list[str]:
    """Return the differences to one arm seed by seed, mean and 95 % interval."""
    whole = {(row["arm"], row["seed"]): row for row in rows if not row["broke"]}
    seeds = [seed for arm, seed in whole if arm == reference]
    lines = _head(f"arm, less {reference}", list(PAIRED))
    for arm in _arms(rows):
        pairs = [
            (whole[arm, s], whole[reference, s])
            for s in seeds
            if arm != reference and (arm, s) in whole
        ]
        if pairs:
            cells = [
                _cell([MEASURES[name](one) - MEASURES[name](other) for one, other in pairs], "+")
                for name in PAIRED
            ]
            lines.append(f"| {arm} | {' | '.join(cells)} |")
    return lines


def _start_line(rows: Sequence[Row]) -> str:
    """Return the row of the policies that all arms start from, one a seed."""
    starts = {row["seed"]: row | {"evals": row["evals"][:1]} for row in rows if not row["broke"]}
    rates = ("reward = pass@1", "pass@4", "pass@16", "pass@64", "entropy")
    cells = [_cell([MEASURES[name](row) for row in starts.values()]) for name in rates]
    return f"| the start | {len(starts)} | | {' | '.join(cells)} |{' |' * (len(MEASURES) - 5)}"


def _arms(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["arm"] for row in rows))


def _head(first: str, names: Sequence[str]) -> list[str]:
    return [f"| {first} | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]


def _cell(values: Sequence[float], sign: str = "") -> str:
    if not values:
        return "none"
    mean, half = interval(values)
    return f"{mean:{sign}.3f} ± {half:.3f}"


def parse_arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    add = parser.add_argument
    add("--folder", type=Path, default=Path("kl-demo"), help="warm starts and results")
    add("--seeds", type=int, default=5, help="seeds 0 to N-1 (default: %(default)s)")
    add("--steps", type=int, default=60, help="rollout batches a run (default: %(default)s)")
    add("--beta", type=float, default=0.3, help="of every penalty (default: %(default)s)")
    add("--arms", default="grpo,ppo,apa,awr", help="without a penalty (default: %(default)s)")
    add("--kl", default=",".join(KL_NAMES), help="penalties, all with the arm grpo")
    add("--on-policy", action="store_true", help="one optimizer step a batch, not four")
    return parser.parse_args()


def main() -> None:
    """Run the command line."""
    options = parse_arguments()
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    ppo = PPOConfig(epochs=1, minibatches=1) if options.on_policy else PPOConfig()
    plain = [(arm, None) for arm in options.arms.split(",") if arm]
    penalised = [("grpo", kl) for kl in options.kl.split(",") if kl]
    settings = Settings(steps=options.steps, eval_every=30, eval_problems=128, ppo=ppo)
    plan = Plan(
        options.folder, tuple(range(options.seeds)), options.beta, settings,
        (*plain, *penalised),
    )  # fmt: skip
    rows = run_all(plan)
    for lines in (table(rows), *(paired_table(rows, reference) for reference in REFERENCES)):
        print("\n" + "\n".join(lines))
    for row in rows:
        if row["broke"]:
            print(f"\n{row['arm']} seed {row['seed']} broke {row['broke']}")


if __name__ == "__main__":
    main()
