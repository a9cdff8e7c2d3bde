"""How every graph of the dashboard is set up."""

from typing import Any

from dash import dcc


def graph_config() -> Any:
    """Return the one configuration of graphs: nothing in it sends a figure to another site.

    Returns:
        A dictionary; Dash types it narrower than what plotly takes.
    """
    return {
        "displaylogo": False,
        "displayModeBar": "hover",
        "responsive": True,
        "plotlyServerURL": "",
        "showSendToCloud": False,
        "doubleClick": "autosize",
        "showTips": False,
        "modeBarButtonsToRemove": [
            "sendChartToCloud",
            "select2d",
            "lasso2d",
            "resetScale2d",
            "zoomIn2d",
            "zoomOut2d",
        ],
        "toImageButtonOptions": {"format": "png", "scale": 2},
    }


def graph(key: str, height: int) -> dcc.Graph:
    """Return the empty graph of a panel, without axes until it has numbers.

    Args:
        key: The panel's key; the graph's id is ``{"panel": key}``.
        height: In pixels.
    """
    empty = {"xaxis": {"visible": False}, "yaxis": {"visible": False}}
    clear = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)"}
    return dcc.Graph(
        id={"panel": key},
        figure={"data": [], "layout": {**empty, **clear}},
        config=graph_config(),
        responsive=True,
        className="plot",
        style={"height": height},
    )
