"""Panels that are nothing but a few metrics over the steps."""

from collections.abc import Callable, Sequence

from fade_dashboard.api import Run
from fade_dashboard.figures.chart import Chart, Row
from fade_dashboard.figures.select import Wanted, assemble, curves


def of(*wanted: Wanted, row: Row) -> Callable[[Sequence[Run]], Chart]:
    """Return the ``data`` function of a panel that shows these metrics on one plot.

    Args:
        wanted: In the order of drawing.
        row: The plot.
    """

    def data(runs: Sequence[Run]) -> Chart:
        return assemble(curves(runs, wanted), (row,))

    return data
