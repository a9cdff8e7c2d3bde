"""Header, navigation, toolbar: what stays while pages come and go."""

import json

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html

from fade_dashboard import links
from fade_dashboard.api import ApiClient, ApiUnreachable, RunNotFound
from fade_dashboard.graphs import graph_config
from fade_dashboard.pages import alerts, compare, missing, run, runs, settings
from fade_dashboard.section import action
from fade_dashboard.theme import FONT, MAX_COMPARED, MAX_RUNS
from fade_dashboard.wiring import acts, in_browser, named

TICK_MS = 1000

NAVIGATION = (
    ("runs", "Runs", ""),
    ("compare", "Compare", "compare"),
    ("alerts", "Alerts", "alerts"),
    ("settings", "Settings", "settings"),
)
"""Pages beside those of runs: key, title, path below the base."""

SHORTCUTS = (
    ("?", "show or hide this sheet"),
    ("g r", "go to the runs"),
    ("g c", "go to the page that compares"),
    ("g a", "go to the alerts"),
    ("/", "search"),
    ("d", "dark or light"),
    ("x", "next axis: step, tokens, time"),
    ("[ ]", "less or more smoothing"),
    ("l", "logarithmic axis of the panel under the pointer, or of all"),
    ("z", "zoom out again"),
    ("s", "synchronise zoom and hover, or not"),
    ("a", "show or hide alert regions"),
    ("f", "follow a live run, or hold still"),
    ("j k", "next or previous panel"),
    ("Esc", "close what is open"),
)
"""Keys and what they do; ``assets/keys.js`` acts on them."""

_PAGES = {"compare": compare.layout, "alerts": alerts.layout, "settings": settings.layout}

# in the order that ``address`` in ``assets/shell.js`` has them
_CONTROLS = (
    ("compare", "value"),
    ("axis", "value"),
    ("range", "value"),
    ("smooth", "value"),
    ("dark", "checked"),
    ("arrangement", "value"),
    ("grouped", "checked"),
    ("baseline", "value"),
    ("metrics", "value"),
)


def layout(base: str) -> dmc.MantineProvider:
    """Return the frame around every page, without any data.

    Args:
        base: Where the dashboard is, with a slash at both ends.
    """
    return dmc.MantineProvider(
        id="mantine",
        defaultColorScheme="light",
        theme={"fontFamily": FONT, "primaryShade": 8, "defaultRadius": "sm"},
        children=[
            dcc.Location(id="url", refresh="callback-nav"),
            dcc.Interval(id="clock", interval=TICK_MS),
            dmc.AppShell(
                id="app-shell",
                header={"height": 52},
                navbar={"width": 172, "breakpoint": "sm", "collapsed": {"mobile": True}},
                padding="sm",
                children=[
                    dmc.AppShellHeader(_header(base)),
                    dmc.AppShellNavbar(_navigation(base), p="xs"),
                    dmc.AppShellMain(
                        [_offline(), _toolbar(), compare.controls(), html.Div(id="page")]
                    ),
                ],
            ),
            _help(),
            *alerts.dialogs(),
        ],
    )


def register(app: Dash, api: ApiClient, base: str) -> None:
    """Wire the frame.

    Args:
        app: The application it belongs to.
        api: Where runs are read from.
        base: Where the dashboard is, with a slash at both ends.
    """

    async def show(pathname: str | None) -> object:
        return await page(api, pathname or base, base)

    app.callback(Output("page", "children"), Input("url", "pathname"))(show)
    in_browser(app, "mounted", Input("page", "children"))
    # one for all that happens by the clock: Dash tells apart what has no output by its input
    in_browser(app, "live", Input("clock", "n_intervals"))
    controls = [Output(name, prop) for name, prop in _CONTROLS]
    in_browser(
        app,
        "address",
        Output("url", "search"),
        *controls,
        Output("mantine", "forceColorScheme"),
        Output("smooth-value", "children"),
        Input("url", "pathname"),
        Input("url", "search"),
        *(Input(name, prop) for name, prop in _CONTROLS),
    )
    in_browser(
        app,
        "navbar",
        Output("app-shell", "navbar"),
        Input("burger", "opened"),
        State("app-shell", "navbar"),
    )
    in_browser(app, "closeNavbar", Output("burger", "opened"), Input("url", "pathname"))
    in_browser(
        app,
        "whoAmI",
        Output("log-out", "children"),
        Output("log-out", "className"),
        Input("log-out", "id"),
    )
    in_browser(
        app,
        "copyLink",
        Output("copy", "children"),
        Input("copy", "n_clicks"),
        at_start=False,
    )


async def page(api: ApiClient, pathname: str, base: str) -> object:
    """Return the page at a path of the browser's address.

    A run that cannot be read now gets its page all the same: the browser says that the service
    is not reachable, and fills the page when it is again.

    Args:
        api: Where runs are read from.
        pathname: As it came from the browser.
        base: Where the dashboard is, with a slash at both ends.
    """
    if pathname in (base, base.rstrip("/")):
        return runs.layout()
    if make := _PAGES.get(pathname.rstrip("/").removeprefix(base)):
        return make()
    run_id = links.run_id_in(pathname, base)
    if run_id is None:
        return missing.layout("No such page", "Nothing is at this address.", base)
    try:
        await api.get_run(run_id)
    except RunNotFound:
        hint = f"No run has the id {run_id}. It may belong to another server."
        return missing.layout("No such run", hint, base)
    except ApiUnreachable:
        return run.layout()
    return run.layout()


def facts(base: str) -> dict[str, str]:
    """Return what the browser's side has to know before anything else: attributes of the body.

    Args:
        base: Where the dashboard is, with a slash at both ends.
    """
    most = {"data-most": str(MAX_COMPARED), "data-most-runs": str(MAX_RUNS)}
    graphs = {"data-graph": json.dumps(graph_config())}
    return {"data-base": base, "data-first": ",".join(compare.FIRST_METRICS), **most, **graphs}


def _header(base: str) -> html.Div:
    burger = dmc.Burger(
        id="burger", size="sm", hiddenFrom="sm", opened=False, **named("Navigation")
    )
    crumbs = html.Div(
        id="run-crumbs",
        className="hidden",
        children=[
            html.Span("/", className="dimmed slash"),
            html.Span(id="crumb-project", className="dimmed crumb-project"),
            html.Span("/", className="dimmed slash crumb-project"),
            html.H1(id="crumb-run", className="crumb-run"),
            html.Span(id="run-badge", className="badge calm"),
            html.Span(id="run-facts", className="dimmed facts"),
        ],
    )
    home = dcc.Link(
        [html.Span(className="logo"), html.Span("Fadewatch", className="brand")],
        href=base,
        className="home",
        title="All runs",
    )
    dark = dmc.Switch(id="dark", size="sm", label="Dark", checked=False)
    leave = html.A(id="log-out", href="/logout", className="hidden")
    copy = dmc.Button("Copy link", id="copy", size="xs", variant="default", className="copy")
    keys = html.Button(
        "?", type="button", className="button keys", title="Keyboard shortcuts",
        **acts("help"), **named("Keyboard shortcuts"),
    )  # fmt: skip
    return html.Div(
        [burger, home, crumbs, html.Div([copy, _export(), keys, dark, leave], className="right")],
        className="head",
    )


def _export() -> html.Details:
    entries = (
        ("export-csv", "Numbers on this page, CSV"),
        ("export-all", "Everything of the run, CSV"),
        ("export-png", "Pictures on this page, PNG"),
        ("export-html", "This page as one HTML file"),
    )
    return html.Details(
        id="export",
        className="hidden",
        children=[
            html.Summary("Export", className="button"),
            html.Div([action(name, what, what) for name, what in entries], className="menu-body"),
        ],
    )


def _navigation(base: str) -> list[object]:
    return [
        *(
            dmc.NavLink(id=f"nav-{key}", label=title, href=base + path, active=key == "runs")
            for key, title, path in NAVIGATION
        ),
        dmc.Divider(my=10),
        html.Div("Recent runs", className="dimmed recent-title"),
        html.Div(id="recent"),
    ]


def _help() -> dmc.Modal:
    rows = [
        html.Tr([html.Td([html.Kbd(key) for key in keys.split()]), html.Td(what)])
        for keys, what in SHORTCUTS
    ]
    return dmc.Modal(
        id="help",
        title="Keyboard shortcuts",
        opened=False,
        keepMounted=False,
        size="md",
        closeButtonProps={"aria-label": "Close"},
        children=html.Table(html.Tbody(rows), className="shortcuts"),
    )


def _offline() -> html.Div:
    return html.Div(id="offline", className="hidden", role="status")


def _toolbar() -> html.Div:
    axes = [
        {"value": "step", "label": "Step"},
        {"value": "tokens", "label": "Tokens"},
        {"value": "time", "label": "Time"},
    ]
    ranges = [
        {"value": "all", "label": "All"},
        {"value": "1000", "label": "Last 1,000"},
        {"value": "200", "label": "Last 200"},
    ]
    smoothing = html.Div(
        className="smoothing",
        children=[
            html.Span("Smoothing", className="dimmed"),
            dmc.Slider(
                id="smooth",
                min=0,
                max=0.99,
                step=0.01,
                value=0.9,
                w=100,
                size="sm",
                label=None,
                thumbLabel="Smoothing",
            ),
            html.Span(id="smooth-value", className="number"),
        ],
    )
    sync = dmc.Switch(id="sync", label="Sync", checked=True, size="xs")
    regions = dmc.Switch(
        id="regions", label="Alert regions", checked=True, size="xs", className="regions"
    )
    follow = dmc.Switch(id="follow", label="Follow", checked=True, size="xs")
    compare = dmc.MultiSelect(
        id="compare",
        data=[],
        value=[],
        placeholder="Compare with…",
        size="xs",
        searchable=True,
        clearable=True,
        **named("Compare with other runs"),
    )
    return html.Div(
        id="toolbar",
        className="hidden",
        children=[
            dmc.SegmentedControl(id="axis", data=axes, value="step", size="xs"),
            dmc.SegmentedControl(id="range", data=ranges, value="all", size="xs"),
            smoothing,
            html.Div(compare, className="compare"),
            html.Div([sync, regions, follow], className="switches"),
        ],
    )
