"""pass@k against k at one step: whether a run still finds more with more samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from fade_dashboard.api import Run
from fade_dashboard.figures.compared import Group
from fade_dashboard.figures.look import frame, y_axis
from fade_dashboard.figures.select import short
from fade_dashboard.theme import RUN_STYLES, Theme

_PREFIX = "pass_at_k/"
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "x", "star")


@dataclass(frozen=True, slots=True)
class PassCurve:
    """One run's curve: its ks in order, and what it is called."""

    run: str
    name: str
    ks: tuple[int, ...]
    rank: int


def data(groups: Sequence[Group]) -> tuple[PassCurve, ...]:
    """Select what to draw: every run with at least two values of k, in the style of its group.

    Args:
        groups: In the order of the legend.
    """
    found = ((rank, run, _ks(run)) for rank, group in enumerate(groups) for run in group.runs)
    return tuple(
        PassCurve(run.id, short(run.name), ks, rank) for rank, run, ks in found if len(ks) > 1
    )


def figure(curves: Sequence[PassCurve], theme: Theme) -> dict[str, Any] | None:
    """Return the template, or None where there is nothing to show.

    Args:
        curves: Of ``data``.
        theme: Light or dark.
    """
    if not curves:
        return None
    layout = frame(theme, named=1, titled=True)
    ks = sorted({k for curve in curves for k in curve.ks})
    layout |= {
        "meta": {"steps": []},
        "margin": {**layout["margin"], "b": 40},
        "xaxis": {
            "type": "log",
            "title": {"text": "k, samples a problem", "standoff": 6},
            "tickmode": "array",
            "tickvals": ks,
            "ticktext": [f"{k:,}" for k in ks],
            "gridcolor": theme.grid,
            "zeroline": False,
        },
        "yaxis": {**y_axis(theme), "tickformat": ".0%", "title": {"text": "pass@k", "standoff": 4}},
    }
    return {"data": [_trace(curve, theme) for curve in curves], "layout": layout}


def _ks(run: Run) -> tuple[int, ...]:
    found = (m.removeprefix(_PREFIX) for m in run.metrics if m.startswith(_PREFIX))
    return tuple(sorted(int(k) for k in found))


def _trace(curve: PassCurve, theme: Theme) -> dict[str, Any]:
    hue, dash = RUN_STYLES[curve.rank]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": list(curve.ks),
        "y": [],
        "name": escape(curve.name, quote=False),
        "showlegend": False,
        "line": {"color": theme.hues[hue], "dash": dash, "width": 1.9},
        "marker": {"symbol": _SYMBOLS[curve.rank % len(_SYMBOLS)], "size": 6.5},
        "meta": {
            "run": curve.run,
            "metrics": [f"{_PREFIX}{k}" for k in curve.ks],
            "kind": "pass_at_k",
        },
        "hovertemplate": "%{y:.1%}",
    }
