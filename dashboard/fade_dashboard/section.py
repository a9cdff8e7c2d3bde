"""Panels on a page: a heading with its tools, a graph, and what to say where there is none."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from fade_dashboard.graphs import graph
from fade_dashboard.wiring import acts, named

HEIGHT = 236

_TOOLS = (
    ("log", "log", "Logarithmic axis"),
    ("csv", "CSV", "Download the numbers as CSV"),
    ("png", "PNG", "Download the picture as PNG"),
)


def section(
    key: str,
    title: str,
    subtitle: str,
    missing: str = "No data yet",
    *,
    extra: Component | None = None,
    above: Component | None = None,
    height: int = HEIGHT,
    log: bool = True,
) -> html.Section:
    """Return a panel that the browser fills.

    Args:
        key: Its name in ids and addresses.
        title: Its heading.
        subtitle: What it shows, in words.
        missing: What to say where there is nothing to show.
        extra: A control of its own in the heading.
        above: What stands between the heading and the graph.
        height: Of the graph, in pixels.
        log: Whether its axis can be logarithmic.
    """
    heading = [
        html.H2(title, className="panel-title"),
        html.Span(subtitle, className="panel-subtitle", title=subtitle),
        html.Span(id={"marks": key}, className="panel-marks"),
        html.Span(
            [action(name, word, what, key) for name, word, what in _TOOLS if log or name != "log"],
            className="tools",
        ),
    ]
    if extra is not None:
        heading.insert(2, extra)
    body: list[Component] = [graph(key, height)]
    if above is not None:
        body.insert(0, above)
    return html.Section(
        id=f"panel-{key}",
        **named(title),
        children=html.Div(
            id={"section": key},
            className="panel",
            children=[
                html.Div(heading, className="panel-head"),
                *body,
                html.P(missing, id={"missing": key}, className="missing"),
            ],
        ),
    )


def action(name: str, word: str, what: str, key: str = "") -> html.Button:
    """Return a button that the browser's side acts on by its name, without a callback.

    Args:
        name: Of the action, in ``assets/fadewatch_actions.js``.
        word: On the button.
        what: What it does, for a tooltip and for screen readers.
        key: Panel that it is for.
    """
    state: dict[str, Any] = {"aria-pressed": "false"} if name == "log" else {}
    return html.Button(
        word, type="button", className="tool", title=what, **acts(name, key), **state, **named(what)
    )
