"""The table of held-out evaluations that the demo ends with."""

import statistics
from collections.abc import Sequence
from typing import Any

from rich.table import Table

PASS_AT = (1, 4, 16, 64)


def result_table(results: Sequence[dict[str, Any]]) -> Table:
    """Lay the held-out evaluations of all arms side by side, at the same steps.

    Args:
        results: What the example's script wrote, one a run.

    Returns:
        One row a step and arm: mean over the seeds, with their standard deviation behind it
        where there are several. pass@1 is the mean reward, the KL is in nats an answer.
    """
    seeds = len({result["seed"] for result in results})
    spread = f", mean ± standard deviation over {seeds} seeds" if seeds > 1 else ""
    table = Table(title=f"Held-out problems{spread}")
    rates = (f"pass@{k}" for k in PASS_AT)
    for name in ("step", "arm", *rates, "entropy", "KL to start", "head rank-1 share"):
        # Folded on a narrow terminal: a cut name or number would say nothing.
        table.add_column(name, justify="left" if name == "arm" else "right", overflow="fold")
    arms = list(dict.fromkeys(result["arm"] for result in results))
    names = (
        *(f"pass_at_{k}" for k in PASS_AT), "entropy", "kl_per_sequence", "head_rank1_share",
    )  # fmt: skip
    for step in sorted({row["step"] for result in results for row in result["evals"]}):
        for arm in arms:
            rows = [
                row
                for result in results
                for row in result["evals"]
                if result["arm"] == arm and row["step"] == step
            ]
            table.add_row(
                str(step), arm, *(_cell([row.get(name) for row in rows]) for name in names)
            )
        table.add_section()
    return table


def _cell(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "–"  # noqa: RUF001  not measured, as opposed to a minus
    mean = f"{round(statistics.fmean(known), 3) + 0.0:.3f}"  # never -0.000
    return f"{mean} ± {statistics.stdev(known):.3f}" if len(known) > 1 else mean
