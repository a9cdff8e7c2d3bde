"""The tab that steers a run: what is in force, a change and what it would make, the trail."""

import dash_mantine_components as dmc
from dash import Dash, Input, Output, html

from fade_core.scheduler import DELTA_MIN, SchedulerConfig
from fade_dashboard.wiring import acts, in_browser, named

_ENDS = (
    ("900", "15 minutes"),
    ("3600", "1 hour"),
    ("21600", "6 hours"),
    ("86400", "1 day"),
    ("", "Until it is released"),
)
_REVERTS = (
    ("critical", "Turns critical"),
    ("warning", "Turns to a warning"),
    ("", "Never by itself"),
)


def layout() -> html.Div:
    """Return the tab; the browser fills it."""
    return html.Div(
        id="steering",
        className="steer",
        children=[html.Div([_state(), _form()], className="steer-side"), _preview(), _trail()],
    )


def register(app: Dash) -> None:
    """Wire the tab. It needs nothing from the server side."""
    in_browser(
        app,
        "wished",
        Output("steer-alpha-value", "children"),
        Output("steer-delta-value", "children"),
        Input("steer-alpha-on", "checked"),
        Input("steer-alpha", "value"),
        Input("steer-delta-on", "checked"),
        Input("steer-delta", "value"),
        Input("steer-reason", "value"),
        Input("steer-duration", "value"),
        Input("steer-revert", "value"),
    )


def _state() -> html.Section:
    return _panel(
        "In force",
        html.P(id="steer-mode"),
        html.Div(id="steer-now", className="steer-facts"),
        html.Div(id="steer-pinned"),
        html.Span(id="steer-confirmed", className="badge calm", role="status"),
        html.P(id="steer-denied", className="hidden"),
    )


def _form() -> html.Section:
    top = SchedulerConfig().alpha_max
    reason = dmc.TextInput(id="steer-reason", label="Reason", size="xs", withAsterisk=True)
    ends = dmc.Select(
        id="steer-duration",
        label="Ends after",
        data=[{"value": value, "label": label} for value, label in _ENDS],
        value="3600",
        size="xs",
        allowDeselect=False,
    )
    revert = dmc.Select(
        id="steer-revert",
        label="Ends when the run",
        data=[{"value": value, "label": label} for value, label in _REVERTS],
        value="critical",
        size="xs",
        allowDeselect=False,
    )
    return html.Section(
        id="steer-form",
        className="panel",
        **named("Change"),
        children=[
            html.H2("Change", className="panel-title"),
            _knob("alpha", 1.0, top),
            _knob("delta", DELTA_MIN, 1.0),
            html.Div([reason, ends, revert], className="steer-fields"),
            html.Div(
                [
                    dmc.Button("Pin", id="steer-pin", size="xs", **acts("pin")),
                    dmc.Button(
                        "Release",
                        id="steer-release",
                        size="xs",
                        variant="default",
                        disabled=True,
                        **acts("release"),
                    ),
                ],
                className="steer-acts",
            ),
            html.P(id="steer-problem", className="hidden", role="alert"),
        ],
    )


def _knob(name: str, low: float, high: float) -> html.Div:
    nudges = [
        html.Button(
            f"{sign}{size:g}",
            type="button",
            className="button",
            **acts("nudge", f"{name} {sign}{size:g}"),
            **named(f"{'Lower' if sign == '-' else 'Raise'} {name} by {size:g}"),
        )
        for sign, size in (("-", 0.1), ("+", 0.1))
    ]
    slider = dmc.Slider(
        id=f"steer-{name}",
        min=low,
        max=high,
        step=0.01,
        precision=2,
        value=high,
        label=None,
        size="sm",
        thumbLabel=name,
    )
    return html.Div(
        [
            dmc.Checkbox(id=f"steer-{name}-on", label=name, checked=False, size="xs"),
            slider,
            html.Span(id=f"steer-{name}-value", className="value"),
            html.Span(nudges, className="pair"),
        ],
        className="steer-row",
    )


def _preview() -> html.Section:
    return _panel(
        "What it would make",
        html.Div(id="steer-plot", className="step-plot"),
        html.P(id="steer-preview-note", className="dimmed", role="status"),
    )


def _trail() -> html.Section:
    heads = ("When", "What", "Step", "alpha", "delta", "Why, and by whom")
    table = html.Table(
        className="reasons",
        children=[
            html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])),
            html.Tbody(id="steer-trail"),
        ],
    )
    return html.Section(
        [html.H2("Trail", className="panel-title"), html.Div(table, className="trail")],
        className="panel wide",
        **named("Trail"),
    )


def _panel(title: str, *children: html.Div | html.P | html.Span) -> html.Section:
    return html.Section(
        [html.H2(title, className="panel-title"), *children], className="panel", **named(title)
    )
