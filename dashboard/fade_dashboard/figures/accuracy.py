"""Accuracy of the training batches, and pass@k wherever it was evaluated."""

from collections.abc import Sequence

from fade_dashboard.api import Run
from fade_dashboard.figures.chart import Chart, Row, Symbol
from fade_dashboard.figures.select import Wanted, assemble, curves
from fade_dashboard.theme import Hue

_MARKS: tuple[tuple[Hue, Symbol], ...] = (
    ("green", "circle"),
    ("orange", "diamond"),
    ("purple", "square"),
    ("vermilion", "triangle-up"),
    ("sky", "cross"),
)
_PREFIX = "pass_at_k/"


def data(runs: Sequence[Run]) -> Chart:
    """Select what to draw: every pass@k that a run has, in the order of k."""
    wanted = [Wanted("accuracy", "blue", width=2.0)]
    for index, metric in enumerate(_pass_at_k(runs)):
        hue, symbol = _MARKS[index % len(_MARKS)]
        wanted.append(Wanted(metric, hue, smooth=False, symbol=symbol, width=1.5))
    return assemble(curves(runs, wanted), (Row(percent=True),))


def _pass_at_k(runs: Sequence[Run]) -> list[str]:
    found = {m for run in runs for m in run.metrics if m.startswith(_PREFIX)}
    return sorted(found, key=lambda metric: int(metric.removeprefix(_PREFIX)))
