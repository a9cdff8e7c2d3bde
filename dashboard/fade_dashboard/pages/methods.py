"""Two tabs of a run: what its weights and its KL penalty are, and what other methods would do."""

import dash_mantine_components as dmc
from dash import Dash, Input, html

from fade_core.advantages import METHODS
from fade_dashboard.wiring import in_browser, named

_FIRST = ("fade", "grpo", "maxrl")


def audit() -> html.Div:
    """Return the tab with the verdicts; the browser fills it."""
    return html.Div(
        id="audit",
        className="steer",
        children=[
            _panel("KL penalty", html.Div(id="audit-kl", className="facts-list")),
            _panel(
                "Advantage function",
                html.Div(id="audit-advantage", className="facts-list"),
                html.Div(id="audit-plot", className="step-plot"),
            ),
        ],
    )


def what_if() -> html.Div:
    """Return the tab that compares methods on this run's rewards; the browser fills it."""
    choice = dmc.MultiSelect(
        id="whatif-methods",
        label="Methods",
        description="On the rewards that this run recorded: what each would have weighed, "
        "not where it would have led.",
        data=[{"value": name, "label": name} for name in sorted(METHODS)],
        value=list(_FIRST),
        maxValues=6,
        searchable=True,
        size="xs",
    )
    return html.Div(
        id="whatif",
        children=[
            html.Section([choice, html.P(id="whatif-note", role="status")],
                         className="panel whatif-head", **named("Methods")),
            html.Div(
                [
                    _panel(
                        "Mass on successes", html.Div(id="whatif-success", className="step-plot")
                    ),
                    _panel(
                        "Mass on failures", html.Div(id="whatif-failure", className="step-plot")
                    ),
                ],
                className="steer even",
            ),
        ],
    )  # fmt: skip


def register(app: Dash) -> None:
    """Wire the tabs. They need nothing from the server side."""
    in_browser(app, "whatIf", Input("whatif-methods", "value"))


def _panel(title: str, *children: html.Div) -> html.Section:
    return html.Section(
        [html.H2(title, className="panel-title"), *children], className="panel", **named(title)
    )
