"""Draw a vector over the steps as a picture, with its profile beside it."""

from typing import Any

from fade_dashboard.figures.chart import Heat
from fade_dashboard.figures.look import frame, x_axis, y_axis
from fade_dashboard.theme import CIVIDIS, Theme, translucent


def heat_figure(heat: Heat, theme: Theme) -> dict[str, Any]:
    """Return the template: the picture, and on its right what it is now and at the start.

    Args:
        heat: With at least one cell.
        theme: Light or dark.
    """
    bins = len(heat.cells)
    centres = [(i + 0.5) / bins for i in range(bins)]
    profile = {"run": heat.run, "metrics": list(heat.cells), "kind": "profile"}
    side = {"xaxis": "x2", "yaxis": "y", "x": [], "y": centres, "orientation": "h"}
    traces: list[dict[str, Any]] = [
        {
            "type": "heatmap",
            "x": [],
            "y": centres,
            "z": [],
            "meta": {"run": heat.run, "metrics": list(heat.cells), "kind": "heat"},
            "colorscale": CIVIDIS,
            "showscale": False,
            "zmin": 0,
            "hoverongaps": False,
            "hovertemplate": "step %{x:,.0f}<br>solve rate %{y:.2f}<br>%{z:.1%} of prompts"
            "<extra></extra>",
        },
        {
            **side,
            "type": "bar",
            "name": "now",
            "meta": {**profile, "part": "last"},
            "marker": {"color": theme.hues["blue"]},
            "hovertemplate": "now: %{x:.1%}<extra></extra>",
        },
        {
            **{key: side[key] for key in ("xaxis", "yaxis", "x", "y")},
            "type": "scatter",
            "name": "start",
            "mode": "markers",
            "marker": {"color": theme.ink, "symbol": "circle-open", "size": 5.5},
            "meta": {**profile, "part": "first"},
            "hovertemplate": "start: %{x:.1%}<extra></extra>",
        },
    ]
    if heat.weight:
        traces.append(_mass(heat, centres, theme))
    return {"data": traces, "layout": _layout(heat, theme, len(traces) - 1)}


def _mass(heat: Heat, centres: list[float], theme: Theme) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": "mean |A|",
        "x": [],
        "y": centres,
        "xaxis": "x3",
        "yaxis": "y",
        "mode": "lines+markers",
        "line": {"color": theme.hues["orange"], "width": 1.8},
        "marker": {"size": 4.5, "symbol": "diamond"},
        "connectgaps": True,
        # a bin without prompts has no weight to show
        "meta": {
            "run": heat.run, "metrics": list(heat.weight), "kind": "profile", "part": "last",
            "where": list(heat.cells),
        },
        "hovertemplate": "mean |A| %{x:.3g}<extra></extra>",
    }  # fmt: skip


def _layout(heat: Heat, theme: Theme, named: int) -> dict[str, Any]:
    layout = frame(theme, named=named, titled=True)
    narrow = {"fixedrange": True, "showgrid": False, "zeroline": False, "rangemode": "tozero"}
    return {
        **layout,
        "margin": {**layout["margin"], "t": 26},
        "hovermode": "closest",
        "bargap": 0.25,
        "legend": {**layout["legend"], "x": 1, "xanchor": "right"},
        "meta": {"steps": ["xaxis"]},
        "xaxis": {**x_axis(theme), "domain": [0, 0.68], "showspikes": False, "showgrid": False},
        "xaxis2": {
            **narrow,
            "domain": [0.76, 1],
            "anchor": "y",
            "nticks": 2,
            "tickformat": ".0%",
            "tickfont": {"size": 9.5},
            "linecolor": translucent("#868e96", 0.4),
        },
        # the masses have their own scale; their shape against the bars is what matters
        "xaxis3": {**narrow, "overlaying": "x2", "anchor": "y", "visible": False},
        "yaxis": {
            **y_axis(theme),
            "range": [0, 1],
            "fixedrange": True,
            "showgrid": False,
            "title": {"text": heat.label, "standoff": 4},
        },
    }
