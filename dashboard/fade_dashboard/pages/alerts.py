"""The page of all alerts, and the dialogs that answer one wherever it is shown."""

import dash_mantine_components as dmc
from dash import Dash, Input, State, html
from dash.development.base_component import Component

from fade_dashboard.wiring import acts, in_browser, named

_STATES = (
    ("open", "Open"),
    ("firing", "Firing"),
    ("acknowledged", "Acknowledged"),
    ("pending", "Pending"),
    ("resolved", "Resolved"),
    ("all", "All"),
)
_SEVERITIES = (("critical", "Critical"), ("warning", "Warning"), ("info", "Info"))
_DURATIONS = ((3600, "1 hour"), (6 * 3600, "6 hours"), (86400, "1 day"), (7 * 86400, "7 days"))


def layout() -> html.Div:
    """Return the page; the browser fills the list and keeps it live."""
    return html.Div(
        id="page-alerts",
        children=html.Section(
            className="panel alerts-page",
            **named("Alerts"),
            children=[
                html.Div(
                    [
                        html.H1("Alerts", className="page-title"),
                        html.Span(id="alerts-count", className="dimmed"),
                        html.Span(id="alerts-denied", className="hidden"),
                    ],
                    className="table-head",
                ),
                _filters(),
                html.Div(id="alerts-list"),
                html.Div(
                    html.Button(
                        "Show more",
                        id="alerts-more",
                        type="button",
                        className="hidden",
                        **acts("alerts-more"),
                    ),
                    className="after",
                ),
            ],
        ),
    )


def dialogs() -> list[Component]:
    """Return the dialogs that acknowledge and silence."""
    note = dmc.Textarea(
        id="ack-note",
        label="Note for the others",
        placeholder="What you do about it (may be left out)",
        autosize=True,
        minRows=2,
    )
    scope = dmc.Select(
        id="silence-scope", label="What to silence", data=[], value="detector", allowDeselect=False
    )
    duration = dmc.Select(
        id="silence-duration",
        label="For",
        data=[{"value": str(seconds), "label": words} for seconds, words in _DURATIONS],
        value=str(_DURATIONS[0][0]),
        allowDeselect=False,
    )
    reason = dmc.TextInput(id="silence-reason", label="Reason", required=True, withAsterisk=True)
    return [
        _dialog("ack", "Acknowledge", [note]),
        _dialog("silence", "Silence", [scope, duration, reason]),
    ]


def register(app: Dash) -> None:
    """Wire the page and the dialogs. They need nothing from the server side."""
    in_browser(
        app,
        "filterAlerts",
        Input("alerts-state", "value"),
        Input("alerts-severity", "value"),
        Input("alerts-project", "value"),
        at_start=False,
    )
    in_browser(
        app,
        "acknowledge",
        Input("ack-send", "n_clicks"),
        State("ack-note", "value"),
        at_start=False,
    )
    in_browser(
        app,
        "silence",
        Input("silence-send", "n_clicks"),
        State("silence-scope", "value"),
        State("silence-duration", "value"),
        State("silence-reason", "value"),
        at_start=False,
    )


def _filters() -> html.Div:
    choices = [{"value": value, "label": label} for value, label in _STATES]
    state = dmc.SegmentedControl(id="alerts-state", data=choices, value="open", size="xs")
    severity = dmc.Select(
        id="alerts-severity",
        data=[{"value": value, "label": label} for value, label in _SEVERITIES],
        placeholder="Severity",
        size="xs",
        clearable=True,
        className="filter",
        **named("Only alerts of this severity"),
    )
    project = dmc.Select(
        id="alerts-project",
        data=[],
        placeholder="Project",
        size="xs",
        clearable=True,
        searchable=True,
        className="hidden",
        **named("Only alerts of this project"),
    )
    return html.Div([html.Div(state, className="scroll"), severity, project], className="filters")


def _dialog(name: str, verb: str, fields: list[Component]) -> dmc.Modal:
    return dmc.Modal(
        id=f"{name}-dialog",
        title=f"{verb} an alert",
        opened=False,
        keepMounted=True,
        closeButtonProps={"aria-label": "Close"},
        children=html.Div(
            [
                html.P(id=f"{name}-what"),
                *fields,
                html.P(id=f"{name}-problem", className="dialog-problem", role="alert"),
                dmc.Group(dmc.Button(verb, id=f"{name}-send", size="xs"), justify="flex-end"),
            ],
            className="dialog",
        ),
    )
