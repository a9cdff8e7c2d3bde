"""What a figure is made of, as values; ``draw`` makes plotly's figure of them.

A figure is a template: its traces are empty and their ``meta`` says which run and metric the
browser fills them with.
"""

from dataclasses import dataclass
from typing import Literal

from fade_dashboard.theme import Dash, Hue

Symbol = Literal["circle", "diamond", "square", "triangle-up", "cross"]
Statistic = Literal["mean", "low", "high"]


@dataclass(frozen=True, slots=True)
class Curve:
    """One line.

    Attributes:
        run: Id of the run it belongs to.
        metric: What the browser fills it with.
        label: Its name in the legend and on hover; any text.
        hue: Its colour.
        dash: Its dash.
        row: Plot of the figure, from 1.
        sign: -1 draws it downwards.
        smooth: Whether the smoothing of the page applies to it.
        ghost: Whether the unsmoothed line stands faintly behind the smoothed one.
        stairs: Drawn as stairs: a value holds until the next.
        symbol: Marker at each point.
        fill: Opacity of the area towards ``fill_to``; 0 for none.
        fill_to: ``zero``, or the curve before this one.
        legend: Whether the legend names it.
        legend_label: Its name in the legend where that differs from the one on hover.
        width: In pixels; 0 for an edge that is not drawn.
        faint: Drawn as a background to the others, without hover.
        plus: A metric of the run, added with ``factor``: an edge of an error band.
        factor: See ``plus``.
        minus: Id of the run whose same metric is subtracted, or empty.
        among: Ids of the runs that ``statistic`` is over; ``run`` is the first of them.
        statistic: The mean over ``among``, or an end of its 95 % interval.
    """

    run: str
    metric: str
    label: str
    hue: Hue
    dash: Dash = "solid"
    row: int = 1
    sign: int = 1
    smooth: bool = True
    ghost: bool = True
    stairs: bool = False
    symbol: Symbol | None = None
    fill: float = 0.0
    fill_to: Literal["zero", "previous"] = "zero"
    legend: bool = True
    legend_label: str = ""
    width: float = 1.9
    faint: bool = False
    plus: str = ""
    factor: float = 1.0
    minus: str = ""
    among: tuple[str, ...] = ()
    statistic: Statistic | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line at a fixed value, with its name.

    Attributes:
        value: Where it is.
        label: Its name; empty for none.
        hue: Its colour.
        dash: Its dash.
        row: Plot of the figure, from 1.
        band: The other end of the faint band that it bounds, or None.
    """

    value: float
    label: str
    hue: Hue
    dash: Dash = "dash"
    row: int = 1
    band: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One plot of a figure; all of them share the axis of steps.

    Attributes:
        height: Its part of the whole.
        title: Of its axis; empty for none.
        bounds: Fixed ends of the axis, or None to follow the data.
        zero: Whether a free axis starts at zero.
        percent: Whether the ticks are percentages.
        heading: Above the plot; any text.
    """

    height: float = 1.0
    title: str = ""
    bounds: tuple[float, float] | None = None
    zero: bool = False
    percent: bool = False
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """All that a figure shows; compared as a value in tests. Without curves there is no figure.

    Attributes:
        curves: In the order of drawing.
        levels: Their ``row`` and that of the curves count in ``rows``.
        rows: The plots, from the top; with several columns, line by line.
        columns: Plots side by side; more than one share their vertical axis.
    """

    curves: tuple[Curve, ...]
    levels: tuple[Level, ...] = ()
    rows: tuple[Row, ...] = (Row(),)
    columns: int = 1


@dataclass(frozen=True, slots=True)
class Heat:
    """A vector over the steps as a picture, with its profile now and at the start beside it.

    Attributes:
        run: Id of the run.
        cells: Metrics of the picture, from the bottom.
        weight: Metrics of the curve over the same bins, or empty.
        label: Name of the vertical axis.
    """

    run: str
    cells: tuple[str, ...]
    weight: tuple[str, ...]
    label: str
