"""A run's page: tiles and panels, filled and kept live by the browser."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, html

from fade_dashboard import kpis
from fade_dashboard.api import ApiClient, ApiUnreachable, Run, RunNotFound
from fade_dashboard.figures import chart
from fade_dashboard.graphs import graph
from fade_dashboard.links import is_run_id
from fade_dashboard.panels import PANELS, Panel
from fade_dashboard.theme import DARK, LIGHT, MAX_COMPARED, RUN_STYLES, Theme
from fade_dashboard.wiring import in_browser, named

_HEIGHT = 236
_REASON_HEIGHT = 33
_STROKES = {
    "solid": "",
    "dash": "9 5",
    "dot": "2 3",
    "dashdot": "9 4 2 4",
    "longdash": "15 5",
    "longdashdot": "15 4 2 4",
}


def layout() -> html.Div:
    """Return the page of any run; which one is in the address."""
    return html.Div(
        id="page-run",
        children=[
            html.Div(id="legend", className="hidden"),
            html.Div(id="tiles", className="tiles", role="group", **named("Key figures")),
            html.Div(className="grid", children=[_section(panel) for panel in PANELS]),
            _reasons(),
        ],
    )


def register(app: Dash, api: ApiClient) -> None:
    """Wire the page.

    Args:
        app: The application it belongs to.
        api: Where runs are read from.
    """

    async def make_templates(wanted: Mapping[str, Any] | None) -> dict[str, Any] | None:
        return await templates(api, wanted)

    app.callback(Output("templates", "data"), Input("wanted", "data"))(make_templates)
    in_browser(app, "templates", Input("templates", "data"))
    in_browser(app, "zoomed", Input({"panel": ALL}, "relayoutData"))
    in_browser(
        app,
        "openReasons",
        Output("reasons", "opened"),
        Input("reasons-open", "n_clicks"),
        at_start=False,
    )
    in_browser(
        app,
        "tick",
        Input("clock", "n_intervals"),
        State("sync", "checked"),
        State("follow", "checked"),
    )


async def templates(api: ApiClient, wanted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what the browser fills: figures without numbers, tiles, and who is who.

    Args:
        api: Where runs are read from.
        wanted: ``runs``, ids in the order of selection, and ``dark``; anything a client may post.

    Returns:
        ``runs``, ``panels``, ``tiles``; ``error`` when the first run cannot be read; None when
        nothing is wanted.
    """
    ids = _ids(wanted)
    if not ids:
        return None
    try:
        first = await api.get_run(ids[0])
        others = await asyncio.gather(*(_if_there(api, run_id) for run_id in ids[1:]))
    except (RunNotFound, ApiUnreachable) as error:
        return {"error": str(error)}
    runs = [first, *(run for run in others if run is not None)]
    theme = DARK if wanted and wanted.get("dark") else LIGHT
    return {
        "runs": [_who(run, rank, theme) for rank, run in enumerate(runs)],
        "panels": {panel.key: {"figure": _figure(panel, runs, theme)} for panel in PANELS},
        "tiles": kpis.templates(first, theme),
    }


def _ids(wanted: Mapping[str, Any] | None) -> list[str]:
    posted = wanted.get("runs") if isinstance(wanted, Mapping) else None
    if not isinstance(posted, list):
        return []
    valid = (run_id for run_id in posted if isinstance(run_id, str) and is_run_id(run_id))
    return list(dict.fromkeys(valid))[: MAX_COMPARED + 1]


async def _if_there(api: ApiClient, run_id: str) -> Run | None:
    try:
        return await api.get_run(run_id)
    except RunNotFound:
        return None


def _who(run: Run, rank: int, theme: Theme) -> dict[str, str]:
    hue, dash = RUN_STYLES[rank]
    colour = theme.hues[hue]
    return {"id": run.id, "name": run.name, "colour": colour, "dash": _STROKES[dash]}


def _figure(panel: Panel, runs: Sequence[Run], theme: Theme) -> dict[str, Any] | None:
    decided = panel.data(runs)
    if not decided.curves:
        return None
    drawn: dict[str, Any] = chart.figure(decided, theme).to_plotly_json()
    return drawn


def _section(panel: Panel) -> html.Section:
    heading = [
        html.H2(panel.title, className="panel-title"),
        html.Span(panel.subtitle, className="panel-subtitle", title=panel.subtitle),
    ]
    if panel.key == "schedule":
        heading.append(
            dmc.Button("Reasons", id="reasons-open", size="compact-xs", variant="default")
        )
    body = [graph(panel.key, _HEIGHT), html.P(panel.missing(), className="missing")]
    if panel.key == "schedule":
        reason = html.P(id="schedule-reason", className="reason")
        body[:1] = [reason, graph(panel.key, _HEIGHT - _REASON_HEIGHT)]
    return html.Section(
        id=f"panel-{panel.key}",
        **named(panel.title),
        children=html.Div(
            id={"section": panel.key},
            className="panel",
            children=[html.Div(heading, className="panel-head"), *body],
        ),
    )


def _reasons() -> dmc.Drawer:
    heads = ("Step", "alpha", "delta", "Source", "Reason")
    return dmc.Drawer(
        id="reasons",
        title="Why the schedule is what it is: the last 20 steps",
        position="right",
        size="lg",
        keepMounted=True,
        closeButtonProps={"aria-label": "Close"},
        children=html.Table(
            className="reasons",
            children=[
                html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])),
                html.Tbody(id="reason-rows"),
            ],
        ),
    )
