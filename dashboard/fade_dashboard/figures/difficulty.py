"""How hard the prompts are for the policy, over the steps, and where the advantage puts weight."""

from collections.abc import Sequence

from fade_core.records import DIFFICULTY_BINS
from fade_dashboard.api import Run
from fade_dashboard.figures.chart import Heat


def data(runs: Sequence[Run]) -> Heat:
    """Select what to draw: always of the first run, pictures do not lie over each other."""
    run = runs[0]
    return Heat(
        run.id,
        _bins(run, "difficulty_histogram"),
        _bins(run, "mass_by_difficulty"),
        "solve rate p",
    )


def _bins(run: Run, vector: str) -> tuple[str, ...]:
    names = tuple(f"{vector}/{index}" for index in range(DIFFICULTY_BINS))
    return names if run.metrics.issuperset(names) else ()
