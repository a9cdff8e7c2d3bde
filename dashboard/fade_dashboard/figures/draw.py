"""Draw a template of plotly from a ``Chart`` or a ``Heat``; no choice of what to show is here.

Plain dictionaries: plotly's own classes check every property, which takes the service's event loop
half a second for a page of panels. The tests have plotly check them instead.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

from fade_dashboard.figures.chart import Chart, Curve, Heat, Level, Row
from fade_dashboard.figures.heat import heat_figure
from fade_dashboard.figures.look import frame, x_axis, y_axis
from fade_dashboard.theme import Theme, translucent

Figure = dict[str, Any]
_GAP = 0.09
_CELL_GAP = 0.05


def figure(shown: Chart | Heat, theme: Theme) -> Figure | None:
    """Return the template of a figure, or None where there is nothing to show.

    Args:
        shown: At least one curve in every row, because plotly draws a broken axis for a row
            without.
        theme: Light or dark.
    """
    if isinstance(shown, Heat):
        return heat_figure(shown, theme) if shown.cells else None
    return _lines(shown, theme) if shown.curves else None


def _lines(chart: Chart, theme: Theme) -> Figure:
    named = sum(curve.legend for curve in chart.curves)
    layout = frame(theme, named=named, titled=any(row.title for row in chart.rows))
    across = _spans([1.0] * chart.columns, 0.03)
    lines = -(-len(chart.rows) // chart.columns)
    heights = [row.height for row in chart.rows[:: chart.columns]]
    gap = _GAP if chart.columns == 1 else min(_CELL_GAP + 0.16 / lines, 0.14)
    down = [(1 - top, 1 - low) for low, top in _spans(heights, gap)]
    for number, row in enumerate(chart.rows, start=1):
        line, column = divmod(number - 1, chart.columns)
        lowest = number + chart.columns > len(chart.rows)
        layout[f"xaxis{_n(number)}"] = {
            **x_axis(theme),
            "domain": list(across[column]),
            "anchor": f"y{_n(number)}",
            "showticklabels": lowest,
            **({"nticks": 3} if chart.columns > 2 else {}),
            **({"matches": "x"} if number > 1 else {}),
        }
        layout[f"yaxis{_n(number)}"] = {
            **y_axis(theme, low=len(heights) > 1 and row.height < 0.6 * sum(heights)),
            **_scale(row),
            "domain": list(down[line]),
            "anchor": f"x{_n(number)}",
            **({"showticklabels": column == 0} if chart.columns > 1 else {}),
        }
    layout["shapes"] = [
        *(
            _level_band(level, level.band, theme)
            for level in chart.levels
            if level.band is not None
        ),
        *(_level_line(level, theme) for level in chart.levels),
    ]
    layout["annotations"] = [
        *(_level_name(level, theme) for level in chart.levels if level.label),
        *(_heading(n, row, theme) for n, row in enumerate(chart.rows, start=1) if row.heading),
    ]
    if any(row.heading for row in chart.rows):
        layout["margin"]["t"] = 24
    if chart.columns > 1:
        layout["meta"] = {"sameScale": True}
    traces = [trace for curve in chart.curves for trace in _traces(curve, theme)]
    return {"data": traces, "layout": layout}


def _spans(heights: Sequence[float], gap: float) -> list[tuple[float, float]]:
    room = 1.0 - gap * (len(heights) - 1)
    spans, start = [], 0.0
    for height in heights:
        end = start + room * height / sum(heights)
        spans.append((round(start, 4), round(min(end, 1.0), 4)))
        start = end + gap
    return spans


def _n(number: int) -> str:
    return "" if number == 1 else str(number)


def _traces(curve: Curve, theme: Theme) -> list[dict[str, Any]]:
    colour = theme.hues[curve.hue]
    meta = _meta(curve)
    main = {
        "type": "scatter",
        "x": [],
        "y": [],
        "xaxis": f"x{_n(curve.row)}",
        "yaxis": f"y{_n(curve.row)}",
        "name": escape(curve.legend_label or curve.label, quote=False),
        "meta": meta,
        "mode": "lines+markers" if curve.symbol else "lines",
        "line": {
            "color": translucent(colour, 0.22) if curve.faint else colour,
            "width": curve.width,
            "dash": curve.dash,
            "shape": "hv" if curve.stairs else "linear",
        },
        "connectgaps": False,
        "cliponaxis": not curve.symbol,
        "showlegend": curve.legend,
        **_hover(curve),
    }
    if curve.symbol:
        main["marker"] = {"symbol": curve.symbol, "size": 5.5}
    if curve.fill:
        main["fill"] = "tozeroy" if curve.fill_to == "zero" else "tonexty"
        main["fillcolor"] = translucent(colour, curve.fill)
    if not (curve.smooth and curve.ghost):
        return [main]
    ghost = {
        **{key: main[key] for key in ("type", "x", "y", "xaxis", "yaxis", "connectgaps")},
        "meta": {**meta, "smooth": False, "ghost": True},
        "mode": "lines",
        "line": {"color": translucent(colour, 0.28), "width": 1},
        "showlegend": False,
        "hoverinfo": "skip",
    }
    return [ghost, main]


def _meta(curve: Curve) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "run": curve.run, "metric": curve.metric, "sign": curve.sign, "smooth": curve.smooth,
    }  # fmt: skip
    if curve.plus:
        meta |= {"plus": curve.plus, "factor": curve.factor}
    if curve.minus:
        meta["minus"] = curve.minus
    if curve.statistic:
        meta |= {"among": list(curve.among), "statistic": curve.statistic}
    return meta


def _hover(curve: Curve) -> dict[str, Any]:
    if curve.faint or not curve.width:
        return {"hoverinfo": "skip"}
    number = "%{customdata:.4g}" if curve.sign < 0 else "%{y:.4g}"
    if not curve.legend_label:
        return {"hovertemplate": number}  # plotly puts the trace's name before it
    label = escape(curve.label, quote=False)
    return {"hovertemplate": f"{label} : {number}<extra></extra>"}


def _level_line(level: Level, theme: Theme) -> dict[str, Any]:
    line = {"color": theme.hues[level.hue], "width": 1.4, "dash": level.dash}
    ends = {"x0": 0, "x1": 1, "y0": level.value, "y1": level.value}
    return {"type": "line", "line": line, **ends, **_place(level)}


def _level_band(level: Level, end: float, theme: Theme) -> dict[str, Any]:
    colour = translucent(theme.hues[level.hue], 0.09)
    ends = {"x0": 0, "x1": 1, "y0": level.value, "y1": end}
    look = {"fillcolor": colour, "line": {"width": 0}, "layer": "below"}
    return {"type": "rect", **look, **ends, **_place(level)}


def _level_name(level: Level, theme: Theme) -> dict[str, Any]:
    return {
        "x": 0,
        "y": level.value,
        "text": escape(level.label, quote=False),
        "showarrow": False,
        "xanchor": "left",
        "yanchor": "top",
        "xshift": 3,
        "font": {"size": 10, "color": theme.ink},
        **_place(level),
    }


def _heading(number: int, row: Row, theme: Theme) -> dict[str, Any]:
    return {
        "x": 0,
        "y": 1,
        "xref": f"x{_n(number)} domain",
        "yref": f"y{_n(number)} domain",
        "text": escape(row.heading, quote=False),
        "showarrow": False,
        "xanchor": "left",
        "yanchor": "bottom",
        "font": {"size": 10.5, "color": theme.ink},
    }


def _place(level: Level) -> dict[str, Any]:
    axis = _n(level.row)
    return {"xref": f"x{axis} domain", "yref": f"y{axis}"}


def _scale(row: Row) -> dict[str, Any]:
    free = "nonnegative" if row.percent else "normal"
    axis: dict[str, Any] = {"rangemode": "tozero" if row.zero else free}
    if row.bounds:
        axis["range"] = list(row.bounds)
    if row.percent:
        axis["tickformat"] = ".0%"
    if row.title:
        axis["title"] = {"text": row.title, "standoff": 4}
    return axis
