"""How every graph of the dashboard is set up."""

from typing import Any

from dash import html


def graph_config() -> dict[str, Any]:
    """Return the one configuration of graphs: nothing in it sends a figure to another site.

    Returns:
        What plotly takes; the browser reads it from the page's facts.
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


def graph(key: str, height: int) -> html.Div:
    """Return the place of a panel's graph, which ``assets/fadewatch_graphs.js`` draws into.

    Args:
        key: The panel's key; the place's id is ``graph-KEY``.
        height: In pixels.
    """
    return html.Div(id=f"graph-{key}", className="plot", style={"height": f"{height}px"})
