"""The runs page: every run in a table, live, with search and the choice of what to compare."""

from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html

from fade_dashboard.labels import describe
from fade_dashboard.wiring import in_browser, named

_ATTACH = """import fade_client

run = fade_client.init(project="my-project", name="my-run")
for step in range(steps):
    ...
    run.log_step(
        step, rewards=rewards, advantages=advantages, entropy=entropy
    )
run.finish()"""


def layout() -> html.Div:
    """Return the page: the table, or how to attach a trainer while there is no run."""
    return html.Div(id="page-runs", children=[_table(), _empty()])


def register(app: Dash) -> None:
    """Wire the page. It needs nothing from the server side: the browser reads the runs."""
    in_browser(app, "openCell", Input("runs-grid", "cellClicked"), at_start=False)
    in_browser(
        app,
        "selection",
        Output("compare-selected", "children"),
        Output("compare-selected", "disabled"),
        Input("runs-grid", "selectedRows"),
    )
    in_browser(
        app,
        "compareSelected",
        Input("compare-selected", "n_clicks"),
        State("runs-grid", "selectedRows"),
        at_start=False,
    )
    in_browser(
        app,
        "search",
        Output("runs-grid", "dashGridOptions"),
        Input("runs-search", "value"),
        State("runs-grid", "dashGridOptions"),
        at_start=False,
    )


def _table() -> html.Section:
    tools = [
        html.H1("Runs", className="page-title"),
        html.Span(id="runs-count", className="dimmed"),
        dmc.TextInput(
            id="runs-search",
            placeholder="Search runs",
            size="xs",
            className="search",
            **named("Search runs"),
        ),
        dmc.Button("Compare selected", id="compare-selected", size="xs", disabled=True),
    ]
    grid = dag.AgGrid(
        id="runs-grid",
        columnDefs=_columns(),
        defaultColDef={"flex": 1, "sortable": True, "resizable": True, "suppressMovable": True},
        getRowId="params.data.id",
        rowData=[],
        dashGridOptions={
            "rowSelection": {"mode": "multiRow", "enableClickSelection": False},
            "selectionColumnDef": {"pinned": "left", "width": 44},
            "rowHeight": 38,
            "headerHeight": 36,
            "animateRows": False,
            "suppressCellFocus": False,
        },
        className="runs-grid",
        style={"height": "calc(100vh - 142px)", "minHeight": 300},
    )
    return html.Section(
        id="runs-table",
        className="hidden",
        **named("Runs"),
        children=[html.Div(tools, className="table-head"), grid],
    )


def _columns() -> list[dict[str, Any]]:
    return [
        {"field": "name", "headerName": "Run", "cellRenderer": "FadewatchRun", "minWidth": 150},
        {
            "field": "status",
            "headerName": "Status",
            "cellRenderer": "FadewatchStatus",
            "minWidth": 112,
        },
        {"field": "project", "headerName": "Project", "minWidth": 100},
        {"field": "mode", "headerName": "Mode", "minWidth": 100},
        _number("step", "Last step", "fadewatchStep", "newest step that was reported"),
        _number("accuracy", "Accuracy", "fadewatchPercent", describe("accuracy")),
        _number("entropy", "Entropy", "fadewatchNumber", describe("entropy")),
        _number("alpha", "alpha", "fadewatchNumber", describe("schedule/alpha")),
        _number("delta", "delta", "fadewatchNumber", describe("schedule/delta")),
        _number("age", "Updated", "fadewatchAge", "since the last news of the run"),
    ]


def _number(field: str, title: str, form: str, tooltip: str) -> dict[str, Any]:
    return {
        "field": field,
        "headerName": title,
        "headerTooltip": tooltip,
        "type": "rightAligned",
        "valueFormatter": {"function": f"{form}(params.value)"},
        "minWidth": 84,
    }


def _empty() -> html.Section:
    return html.Section(
        id="runs-empty",
        className="hidden",
        **named("No runs yet"),
        children=[
            html.H1("No runs yet", className="page-title"),
            html.P("Attach a trainer with a few lines; its run appears here with its first step."),
            html.Pre(_ATTACH, id="attach"),
            dcc.Clipboard(target_id="attach", title="Copy", className="copy-code"),
        ],
    )
