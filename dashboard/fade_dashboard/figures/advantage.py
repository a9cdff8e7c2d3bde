"""How the advantage weights are spread: a fan of their quantiles over the steps."""

from collections.abc import Sequence
from dataclasses import replace

from fade_dashboard.api import Run
from fade_dashboard.figures.chart import Chart, Curve, Level
from fade_dashboard.figures.select import Wanted, assemble, curves

_BANDS = (("0.05", "0.95", "5-95 %", 0.15), ("0.25", "0.75", "25-75 %", 0.32))
_MEDIAN = Wanted("adv_quantiles/0.5", "blue", ghost=False, width=2.0)


def data(runs: Sequence[Run]) -> Chart:
    """Select what to draw: two bands and the median; compared, the medians and the quartiles."""
    zero = (Level(0.0, "", "grey", "solid"),)
    if len(runs) > 1:
        edges = (_edge(q) for q in ("0.25", "0.75"))
        return assemble(curves(runs, (_MEDIAN, *edges)), levels=zero)
    fan = [
        curve for low, high, name, fill in _BANDS for curve in _band(runs, low, high, name, fill)
    ]
    medians = [replace(curve, legend_label="median") for curve in curves(runs, (_MEDIAN,))]
    return assemble((*fan, *medians), levels=zero)


def _edge(quantile: str, width: float = 1.0) -> Wanted:
    return Wanted(f"adv_quantiles/{quantile}", "blue", ghost=False, width=width)


def _band(runs: Sequence[Run], low: str, high: str, name: str, fill: float) -> list[Curve]:
    edges = curves(runs, (_edge(low, 0.5), _edge(high, 0.5)))
    if len(edges) < 2:
        return []
    lower, upper = edges
    return [
        replace(lower, legend=False),
        replace(upper, fill=fill, fill_to="previous", legend_label=name),
    ]
