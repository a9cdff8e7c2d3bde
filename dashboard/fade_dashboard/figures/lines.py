"""Panels that are nothing but a few metrics over the steps."""

from collections.abc import Callable, Sequence

from fade_dashboard.api import Run
from fade_dashboard.figures.chart import Chart, Row
from fade_dashboard.figures.select import Wanted, assemble, curves


def of(*wanted: Wanted, rows: Sequence[Row] = (Row(),)) -> Callable[[Sequence[Run]], Chart]:
    """Return the ``data`` function of a panel that shows these metrics.

    Args:
        wanted: In the order of drawing; their ``row`` counts in ``rows``.
        rows: The plots, from the top.
    """

    def data(runs: Sequence[Run]) -> Chart:
        return assemble(curves(runs, wanted), rows)

    return data
