"""The look that all figures share: margins, grid, legend, hover."""

from typing import Any

from fade_dashboard.theme import FONT, Theme

_CLEAR = "rgba(0,0,0,0)"
_FAST = "allow"
"""Any other choice has the browser measure each label of an axis, a third of a redraw."""


def frame(theme: Theme, *, named: int, titled: bool) -> dict[str, Any]:
    """Return a layout without axes.

    Args:
        theme: Light or dark.
        named: Entries of the legend.
        titled: Whether a vertical axis has a title.
    """
    # one name needs no legend; more than three take two lines in a narrow panel
    top = 10 if named < 2 else 26 if named < 4 else 40
    return {
        "margin": {"l": 50 if titled else 44, "r": 12, "t": top, "b": 28},
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "font": {"family": FONT, "size": 11, "color": theme.ink},
        "hovermode": "x unified",
        "hoverlabel": {
            "font": {"family": FONT, "size": 11, "color": theme.ink},
            "bgcolor": theme.surface,
            "bordercolor": theme.grid,
        },
        "showlegend": named > 1,
        "legend": {
            "orientation": "h",
            "traceorder": "normal",
            "x": 0,
            "y": 1.0,
            "yref": "container",
            "yanchor": "top",
            "font": {"size": 10.5},
            "bgcolor": _CLEAR,
        },
        "modebar": {"bgcolor": _CLEAR, "color": theme.ink, "activecolor": theme.hues["blue"]},
        "dragmode": "zoom",
    }


def x_axis(theme: Theme) -> dict[str, Any]:
    """Return the axis of steps."""
    return {
        "gridcolor": theme.grid,
        "linecolor": theme.grid,
        "tickcolor": theme.grid,
        "zeroline": False,
        "ticks": "outside",
        "ticklen": 3,
        "tickformat": ",d",
        "nticks": 6,
        "showspikes": True,
        "spikethickness": 1,
        "spikedash": "dot",
        "spikecolor": theme.hues["grey"],
        "spikemode": "across",
        "spikesnap": "data",
        "ticklabeloverflow": _FAST,
    }


def y_axis(theme: Theme, *, low: bool = False) -> dict[str, Any]:
    """Return the axis of values.

    Args:
        theme: Light or dark.
        low: Whether the plot has room for a few ticks only.
    """
    return {
        "gridcolor": theme.grid,
        "zeroline": False,
        "ticks": "",
        "ticklabelstandoff": 3,
        "nticks": 3 if low else 5,
        "exponentformat": "e",
        "minexponent": 5,
        "ticklabeloverflow": _FAST,
    }
