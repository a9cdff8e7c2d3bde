"""The runs page: every run in a table, live, to be searched, filtered, grouped and compared."""

from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html

from fade_dashboard.labels import describe
from fade_dashboard.section import action
from fade_dashboard.wiring import acts, in_browser, named

_ATTACH = """import fade_client

run = fade_client.init(project="my-project", name="my-run")
for step in range(steps):
    ...
    run.log_step(
        step, rewards=rewards, advantages=advantages, entropy=entropy
    )
run.finish()"""

_IMPORT = "Store a log of a trainer or a tracker as a run"

_ALWAYS = ("name",)
_FIRST_HIDDEN = ("project", "group", "mode", "tags", "kl_k3", "grad_norm", "created")


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
        "filterRuns",
        Input("runs-search", "value"),
        Input("runs-project", "value"),
        Input("runs-status", "value"),
        Input("runs-health", "value"),
        Input("runs-tag", "value"),
        Input("runs-grouped", "checked"),
        at_start=False,
    )
    in_browser(
        app,
        "pickColumns",
        Output("runs-grid", "columnDefs"),
        Input("runs-columns", "value"),
        State("runs-grid", "columnDefs"),
    )


def _table() -> html.Section:
    return html.Section(
        id="runs-table",
        className="hidden",
        **named("Runs"),
        children=[
            _tools(),
            html.P(id="import-said", className="hidden", role="status"),
            _filters(),
            html.Div(id="runs-health-line"),
            _grid(),
        ],
    )


def _tools() -> html.Div:
    return html.Div(
        className="table-head",
        children=[
            html.H1("Runs", className="page-title"),
            html.Span(id="runs-count", className="dimmed"),
            html.Span(className="spring"),
            html.Details(
                className="menu",
                children=[
                    html.Summary("Columns", className="button"),
                    html.Div(_column_choice(), className="menu-body"),
                ],
            ),
            action("import", "Import a log", _IMPORT),
            action("runs-csv", "CSV", "Download the table as CSV"),
            dmc.Button("Compare selected", id="compare-selected", size="xs", disabled=True),
        ],
    )


def _filters() -> html.Div:
    search = dmc.TextInput(
        id="runs-search",
        placeholder="Search name, project, tag",
        size="xs",
        className="search",
        **named("Search runs"),
    )
    several = ("project", "status", "health", "tag")
    return html.Div(
        className="filters",
        children=[
            search,
            *(_several(name) for name in several),
            dmc.Switch(id="runs-grouped", label="Group seeds", checked=False, size="xs"),
        ],
    )


def _several(name: str) -> dmc.MultiSelect:
    return dmc.MultiSelect(
        id=f"runs-{name}",
        data=[],
        value=[],
        placeholder=name.capitalize(),
        size="xs",
        clearable=True,
        className=f"filter filter-{name}",
        **named(f"Only runs with this {name}"),
    )


def _grid() -> dag.AgGrid:
    return dag.AgGrid(
        id="runs-grid",
        columnDefs=_columns(),
        defaultColDef={"flex": 1, "sortable": True, "resizable": True, "suppressMovable": True},
        getRowId="params.data.id",
        rowData=[],
        dashGridOptions={
            "rowSelection": {"mode": "multiRow", "enableClickSelection": False},
            "selectionColumnDef": {"pinned": "left", "width": 40},
            "rowHeight": 38,
            "headerHeight": 36,
            "animateRows": False,
            "suppressCellFocus": False,
            "localeText": {"noRowsToShow": "No run fits the filters"},
        },
        csvExportParams={"fileName": "runs.csv"},
        className="runs-grid",
        style={"height": "100%", "minHeight": 300},
    )


def _columns() -> list[dict[str, Any]]:
    columns: list[dict[str, Any]] = [
        {"field": "name", "headerName": "Run", "cellRenderer": "FadewatchRun", "minWidth": 130,
         "flex": 2, "pinned": None},
        {"field": "health", "headerName": "Health", "cellRenderer": "FadewatchHealth",
         "minWidth": 120, "comparator": {"function": "fadewatchByHealth(params)"}},
        {"field": "status", "headerName": "Status", "cellRenderer": "FadewatchStatus",
         "minWidth": 98},
        {"field": "project", "headerName": "Project", "minWidth": 100},
        {"field": "group", "headerName": "Group", "minWidth": 84},
        {"field": "tags", "headerName": "Tags", "minWidth": 100},
        {"field": "mode", "headerName": "Mode", "minWidth": 92},
        _number("step", "Last step", "fadewatchStep", "newest step that was reported"),
        _number("accuracy", "Accuracy", "fadewatchPercent", describe("accuracy"), 106),
        _course("accuracy"),
        _number("entropy", "Entropy", "fadewatchNumber", describe("entropy"), 102),
        _course("entropy"),
        _number("kl_k3", "KL k3", "fadewatchNumber", describe("kl_k3")),
        _number("grad_norm", "Grad norm", "fadewatchNumber", describe("grad_norm")),
        _number("alpha", "alpha", "fadewatchNumber", describe("schedule/alpha"), 58),
        _number("delta", "delta", "fadewatchNumber", describe("schedule/delta"), 58),
        _number("age", "Updated", "fadewatchAge", "since the last news of the run", 86),
        _number("created", "Started", "fadewatchDay", "first report of the run, UTC", 140),
    ]  # fmt: skip
    return [{**column, "hide": column["field"] in _FIRST_HIDDEN} for column in columns]


def _number(field: str, title: str, form: str, tooltip: str, width: int = 76) -> dict[str, Any]:
    return {
        "field": field,
        "headerName": title,
        "headerTooltip": tooltip,
        "type": "rightAligned",
        "cellRenderer": "FadewatchNumber",
        "cellRendererParams": {"form": form},
        "minWidth": width,
    }


def _course(metric: str) -> dict[str, Any]:
    return {
        "field": f"{metric}-course",
        "headerName": "",
        "headerTooltip": f"course of the {metric}",
        "cellRenderer": "FadewatchCourse",
        "cellRendererParams": {"metric": metric},
        "sortable": False,
        "resizable": False,
        "minWidth": 82,
        "maxWidth": 110,
    }


def _column_choice() -> dmc.CheckboxGroup:
    titles = {c["field"]: c["headerName"] or f"Course of {c['field']}" for c in _columns()}
    titles = {field: title.replace("-course", "") for field, title in titles.items()}
    return dmc.CheckboxGroup(
        id="runs-columns",
        value=[field for field in titles if field not in _FIRST_HIDDEN],
        children=dmc.Stack(
            [
                dmc.Checkbox(label=title, value=field, size="xs")
                for field, title in titles.items()
                if field not in _ALWAYS
            ],
            gap=6,
        ),
        **named("Columns of the table"),
    )


def _empty() -> html.Section:
    return html.Section(
        id="runs-empty",
        className="hidden",
        **named("No runs yet"),
        children=[
            html.H1("No runs yet", className="page-title"),
            html.P("Attach a trainer with a few lines; its run appears here with its first step."),
            html.Div(
                [
                    html.Pre(_ATTACH, id="attach"),
                    dcc.Clipboard(target_id="attach", title="Copy", className="copy-code"),
                ],
                className="snippet",
            ),
            html.P("Or look around first, with a run that was recorded before:"),
            html.Button(
                "Import an example run",
                id="import-example",
                type="button",
                className="button",
                **acts("import-example"),
            ),
            html.P(["Or at a log that you have: ", action("import", "Import a log", _IMPORT)]),
            html.P(id="import-note", className="hidden", role="status"),
        ],
    )
