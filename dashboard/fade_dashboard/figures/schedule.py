"""Alpha and delta: what the trainer used, and what FADE computes."""

from collections.abc import Sequence
from dataclasses import replace

from fade_dashboard.api import Run
from fade_dashboard.figures.chart import Chart, Curve, Row
from fade_dashboard.figures.select import Wanted, assemble, curves

_USED = (
    Wanted("alpha", "blue", row=1, smooth=False, stairs=True, width=2.1),
    Wanted("delta", "orange", row=2, smooth=False, stairs=True, width=2.1),
)
_BY_FADE = (
    Wanted("schedule/alpha", "sky", "dot", row=1, smooth=False, stairs=True, width=1.5),
    Wanted("schedule/delta", "grey", "dot", row=2, smooth=False, stairs=True, width=1.5),
)


def data(runs: Sequence[Run]) -> Chart:
    """Select what to draw: alpha above delta, between their guard rails.

    Alone, a run shows both what it used and what FADE computes; compared, each run shows the
    pair it used, or what FADE computes where it used none.
    """
    if len(runs) == 1:
        drawn = _named_once(curves(runs, _BY_FADE), "by FADE") + _named_once(
            curves(runs, _USED), "used"
        )
    else:
        drawn = tuple(c for c in curves(runs, _USED + _BY_FADE) if _is_shown(c.metric, c.run, runs))
    top = max(run.alpha_max for run in runs)
    air = 0.05 + 0.07 * (top - 1.0)
    low = min(run.delta_min for run in runs)
    rows = (
        Row(title="\u03b1", bounds=(1.0 - air, top + air)),
        Row(title="\u03b4", bounds=(low - 0.06, 1.06)),
    )
    return assemble(drawn, rows)


def _named_once(drawn: Sequence[Curve], name: str) -> tuple[Curve, ...]:
    return tuple(
        replace(curve, legend=index == 0, legend_label=name) for index, curve in enumerate(drawn)
    )


def _is_shown(metric: str, run_id: str, runs: Sequence[Run]) -> bool:
    run = next(run for run in runs if run.id == run_id)
    return "/" not in metric or metric.removeprefix("schedule/") not in run.metrics
