"""The page of settings, for admins: keys, where alerts are told, what is kept for how long."""

import dash_mantine_components as dmc
from dash import Dash, Input, State, html
from dash.development.base_component import Component

from fade_dashboard.wiring import acts, in_browser, named

_SCOPES = (
    ("read", "read: look at everything"),
    ("ingest", "ingest: send records"),
    ("control", "control: steer runs, handle alerts"),
    ("admin", "admin: all of it, and this page"),
)
_LIVES = (
    ("", "Never"),
    ("604800", "In 7 days"),
    ("7776000", "In 90 days"),
    ("31536000", "In a year"),
)
_SEVERITIES = (
    ("info", "Info and worse"),
    ("warning", "Warnings and worse"),
    ("critical", "Critical only"),
)


def layout() -> html.Div:
    """Return the page; the browser fills it for those who may see it."""
    return html.Div(
        id="page-settings",
        children=[
            html.H1("Settings", className="page-title settings-title"),
            html.P(id="settings-denied", className="hidden"),
            html.Div(
                id="settings-body", className="hidden", children=[_keys(), _sinks(), _retention()]
            ),
        ],
    )


def register(app: Dash) -> None:
    """Wire the page. It needs nothing from the server side."""
    in_browser(
        app,
        "createKey",
        Input("key-create", "n_clicks"),
        State("key-name", "value"),
        State("key-scopes", "value"),
        State("key-project", "value"),
        State("key-life", "value"),
        at_start=False,
    )
    in_browser(
        app,
        "addSink",
        Input("sink-add", "n_clicks"),
        State("sink-name", "value"),
        State("sink-kind", "value"),
        State("sink-url", "value"),
        State("sink-project", "value"),
        State("sink-severity", "value"),
        at_start=False,
    )
    in_browser(app, "chooseProject", Input("keep-project", "value"), at_start=False)
    in_browser(
        app,
        "keepFor",
        Input("keep-save", "n_clicks"),
        State("keep-project", "value"),
        State("keep-weights", "value"),
        State("keep-runs", "value"),
        at_start=False,
    )


def _keys() -> html.Section:
    fields = [
        dmc.TextInput(id="key-name", label="Name", placeholder="who or what it is for", size="xs"),
        dmc.MultiSelect(
            id="key-scopes", label="Scopes", data=_data(_SCOPES), value=["read"], size="xs"
        ),
        dmc.TextInput(id="key-project", label="Only project", placeholder="all", size="xs"),
        _select("key-life", "Ends", _LIVES, ""),
    ]
    shown = html.Div(
        id="key-shown",
        className="hidden",
        children=[
            html.P("This is the only time that the key is shown:"),
            html.Code(id="key-secret"),
            html.Button("I have kept it", type="button", className="button", **acts("key-kept")),
        ],
    )
    heads = ("Name", "Scopes", "Project", "Made", "Ends", "Last use", "")
    return _part("key", "Keys", _hint(
        "As long as there is no key, everybody who can reach the service may do everything. The "
        "first must be an admin's: from then on, everybody needs one."
    ), fields, dmc.Button("Create", id="key-create", size="xs"), heads, shown)  # fmt: skip


def _sinks() -> html.Section:
    kinds = (("apprise", "apprise (chat, mail, push)"), ("webhook", "webhook, signed"))
    fields = [
        dmc.TextInput(id="sink-name", label="Name", size="xs"),
        _select("sink-kind", "Kind", kinds, "apprise"),
        dmc.TextInput(
            id="sink-url",
            label="Address",
            placeholder="slack://…, mailto://…, https://…",
            size="xs",
        ),
        dmc.TextInput(id="sink-project", label="Only project", placeholder="all", size="xs"),
        _select("sink-severity", "Told of", _SEVERITIES, "warning"),
    ]
    shown = html.Div(
        id="sink-shown",
        className="hidden",
        children=[
            html.P("This secret signs the bodies. It is the only time that it is shown:"),
            html.Code(id="sink-secret"),
        ],
    )
    heads = ("Name", "Kind", "Address", "Project", "Told of", "Last message", "")
    return _part("sink", "Where alerts are told", None, fields,
                 dmc.Button("Add", id="sink-add", size="xs"), heads, shown)  # fmt: skip


def _retention() -> html.Section:
    fields = [
        dmc.Select(id="keep-project", label="Project", data=[], size="xs", searchable=True),
        dmc.NumberInput(id="keep-weights", label="Raw weights, days", min=0, placeholder="for ever",
                        size="xs"),
        dmc.NumberInput(id="keep-runs", label="Whole runs, days", min=0, placeholder="for ever",
                        size="xs"),
    ]  # fmt: skip
    return _part("keep", "What is kept for how long", _hint(
        "Days without news of a run, after which it is deleted. Empty keeps it for ever."
    ), fields, dmc.Button("Save", id="keep-save", size="xs", disabled=True), (), None)  # fmt: skip


def _part(
    name: str,
    title: str,
    hint: Component | None,
    fields: list[Component],
    button: dmc.Button,
    heads: tuple[str, ...],
    shown: Component | None,
) -> html.Section:
    table = html.Table(
        className="reasons",
        children=[
            html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])),
            html.Tbody(id=f"{name}-rows"),
        ],
    )
    said = html.P(id=f"{name}-said", className="hidden", role="alert")
    parts = [hint, html.Div([*fields, button], className="settings-form"), said, shown]
    if heads:
        parts.append(html.Div(table, className="trail"))
    return html.Section(
        [html.H2(title, className="panel-title"), *(one for one in parts if one is not None)],
        className="panel settings-part",
        **named(title),
    )


def _hint(text: str) -> html.P:
    return html.P(text, className="dimmed")


def _data(choices: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"value": value, "label": label} for value, label in choices]


def _select(name: str, label: str, choices: tuple[tuple[str, str], ...], value: str) -> dmc.Select:
    return dmc.Select(
        id=name, label=label, data=_data(choices), value=value, size="xs", allowDeselect=False
    )
