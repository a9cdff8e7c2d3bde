"""What a figure is made of, as values; and the one function that draws it.

A figure is a template: its traces are empty and their ``meta`` says which run and metric the
browser fills them with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fade_dashboard.theme import FONT, Dash, Hue, Theme, translucent

Symbol = Literal["circle", "diamond", "square", "triangle-up", "cross"]


@dataclass(frozen=True, slots=True)
class Curve:
    """One line.

    Attributes:
        run: Id of the run it belongs to.
        metric: What the browser fills it with.
        label: Its name in the legend and on hover; any text.
        hue: Its colour.
        dash: Its dash.
        row: Row of the figure, from 1.
        sign: -1 draws it downwards.
        smooth: Whether the smoothing of the page applies to it.
        ghost: Whether the unsmoothed line stands faintly behind the smoothed one.
        stairs: Drawn as stairs: a value holds until the next.
        symbol: Marker at each point.
        fill: Opacity of the area towards ``fill_to``; 0 for none.
        fill_to: ``zero``, or the curve before this one.
        legend: Whether the legend names it.
        legend_label: Its name in the legend where that differs from the one on hover.
        width: In pixels.
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


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line at a fixed value, with its name."""

    value: float
    label: str
    hue: Hue
    dash: Dash = "dash"
    row: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One plot of a figure; all rows share the axis of steps.

    Attributes:
        height: Its part of the whole.
        title: Of its axis; empty for none.
        bounds: Fixed ends of the axis, or None to follow the data.
        zero: Whether a free axis starts at zero.
        percent: Whether the ticks are percentages.
    """

    height: float = 1.0
    title: str = ""
    bounds: tuple[float, float] | None = None
    zero: bool = False
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """All that a figure shows; compared as a value in tests. Without curves there is no figure."""

    curves: tuple[Curve, ...]
    levels: tuple[Level, ...] = ()
    rows: tuple[Row, ...] = (Row(),)


def figure(chart: Chart, theme: Theme) -> go.Figure:
    """Draw a template. No choice of what to show is made here.

    Args:
        chart: What to show; at least one curve in every row, because plotly draws a broken
            axis for a row without.
        theme: Light or dark.
    """
    fig = make_subplots(
        rows=len(chart.rows),
        cols=1,
        shared_xaxes=True,
        row_heights=[row.height for row in chart.rows],
        vertical_spacing=0.09,
    )
    for curve in chart.curves:
        fig.add_traces(_traces(curve, theme), rows=curve.row, cols=1)
    for level in chart.levels:
        _add_level(fig, level, theme)
    named = sum(curve.legend for curve in chart.curves)
    titled = any(row.title for row in chart.rows)
    _dress(fig, theme, named=named, titled=titled)
    for number, row in enumerate(chart.rows, start=1):
        fig.update_yaxes(_axis(row), row=number, col=1)
    return fig


def _traces(curve: Curve, theme: Theme) -> Sequence[go.Scatter]:
    colour = theme.hues[curve.hue]
    meta = {"run": curve.run, "metric": curve.metric, "sign": curve.sign, "smooth": curve.smooth}
    main = go.Scatter(
        x=[],
        y=[],
        name=escape(curve.legend_label or curve.label, quote=False),
        meta=meta,
        mode="lines+markers" if curve.symbol else "lines",
        line={
            "color": colour,
            "width": curve.width,
            "dash": curve.dash,
            "shape": "hv" if curve.stairs else "linear",
        },
        connectgaps=False,
        cliponaxis=not curve.symbol,
        showlegend=curve.legend,
        hovertemplate=_hover(curve),
    )
    if curve.symbol:
        main.marker = {"symbol": curve.symbol, "size": 5.5}
    if curve.fill:
        main.fill = "tozeroy" if curve.fill_to == "zero" else "tonexty"
        main.fillcolor = translucent(colour, curve.fill)
    if not (curve.smooth and curve.ghost):
        return [main]
    return [_ghost(meta, translucent(colour, 0.28)), main]


def _hover(curve: Curve) -> str:
    number = "%{customdata:.4g}" if curve.sign < 0 else "%{y:.4g}"
    if not curve.legend_label:
        return number  # plotly puts the trace's name before it
    return f"{escape(curve.label, quote=False)} : {number}<extra></extra>"


def _ghost(meta: dict[str, Any], colour: str) -> go.Scatter:
    return go.Scatter(
        x=[],
        y=[],
        meta={**meta, "smooth": False, "ghost": True},
        mode="lines",
        line={"color": colour, "width": 1},
        connectgaps=False,
        showlegend=False,
        hoverinfo="skip",
    )


def _add_level(fig: go.Figure, level: Level, theme: Theme) -> None:
    axis = "" if level.row == 1 else str(level.row)
    line = {"color": theme.hues[level.hue], "width": 1.4, "dash": level.dash}
    place = {"xref": f"x{axis} domain", "yref": f"y{axis}"}
    fig.add_shape(type="line", x0=0, x1=1, y0=level.value, y1=level.value, line=line, **place)
    fig.add_annotation(
        x=0,
        y=level.value,
        text=escape(level.label, quote=False),
        showarrow=False,
        xanchor="left",
        yanchor="top",
        xshift=3,
        font={"size": 10, "color": theme.ink},
        **place,
    )


def _dress(fig: go.Figure, theme: Theme, *, named: int, titled: bool) -> None:
    # one name needs no legend; more than three take two lines in a narrow panel
    top = 10 if named < 2 else 26 if named < 4 else 40
    hover = {"font": {"family": FONT, "size": 11}, "bgcolor": theme.surface}
    fig.update_layout(
        template="none",
        margin={"l": 50 if titled else 44, "r": 12, "t": top, "b": 28},
        margin_autoexpand=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 11, "color": theme.ink},
        hovermode="x unified",
        hoverlabel={**hover, "bordercolor": theme.grid},
        showlegend=named > 1,
        legend={
            "orientation": "h",
            "traceorder": "normal",
            "x": 0,
            "y": 1.0,
            "yref": "container",
            "yanchor": "top",
            "font": {"size": 10.5},
            "bgcolor": "rgba(0,0,0,0)",
        },
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": theme.ink, "activecolor": theme.hues["blue"]},
        dragmode="zoom",
    )
    fig.update_xaxes(
        gridcolor=theme.grid,
        linecolor=theme.grid,
        tickcolor=theme.grid,
        zeroline=False,
        ticks="outside",
        ticklen=3,
        tickformat=",d",
        nticks=6,
        showspikes=True,
        spikethickness=1,
        spikedash="dot",
        spikecolor=theme.hues["grey"],
        spikemode="across",
        spikesnap="data",
    )
    fig.update_yaxes(gridcolor=theme.grid, zeroline=False, ticks="", nticks=5)


def _axis(row: Row) -> dict[str, Any]:
    free = "nonnegative" if row.percent else "normal"
    axis: dict[str, Any] = {"rangemode": "tozero" if row.zero else free}
    if row.bounds:
        axis["range"] = list(row.bounds)
    if row.percent:
        axis["tickformat"] = ".0%"
    if row.title:
        axis["title"] = {"text": row.title, "standoff": 4}
    return axis
