"""What is shown where there is nothing: an address that is no page, a run that is not there."""

import dash_mantine_components as dmc
from dash import html


def layout(title: str, explanation: str, home: str) -> html.Section:
    """Return the page.

    Args:
        title: What is missing.
        explanation: What to do about it.
        home: Address of the runs page.
    """
    return html.Section(
        id="page-missing",
        className="panel empty-state",
        children=[
            html.H1(title, className="page-title"),
            html.P(explanation),
            dmc.Anchor("All runs", href=home, size="sm"),
        ],
    )
