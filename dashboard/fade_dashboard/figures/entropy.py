"""Entropy of the policy, its target H*, and the band below it in which delta moves."""

from collections.abc import Sequence

from fade_dashboard.api import Run
from fade_dashboard.figures.chart import Chart, Level, Row
from fade_dashboard.figures.select import Wanted, assemble, curves
from fade_dashboard.theme import RUN_STYLES


def data(runs: Sequence[Run]) -> Chart:
    """Select what to draw: zero-based, with one target line a run, named and banded when alone.

    In the band delta goes from 1, at H*, to its smallest; below it FADE can do no more.
    """
    drawn = curves(runs, (Wanted("entropy", "blue", width=2.0),))
    return assemble(drawn, (Row(zero=True),), _targets(runs))


def _targets(runs: Sequence[Run]) -> tuple[Level, ...]:
    known = [(rank, run) for rank, run in enumerate(runs) if run.h_star is not None]
    if len(runs) == 1:
        return tuple(
            Level(_value(run), f"H* {_value(run):.2f}", "green", band=_lowest(run))
            for _, run in known
        )
    return tuple(Level(_value(run), "", RUN_STYLES[rank][0]) for rank, run in known)


def _value(run: Run) -> float:
    return run.h_star or 0.0


def _lowest(run: Run) -> float:
    return max(0.0, _value(run) - (1.0 - run.delta_min) * run.entropy_scale)
