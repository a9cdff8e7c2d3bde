"""The page that compares runs: one panel a metric, pass@k against k, and how configs differ."""

import dash_mantine_components as dmc
from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from fade_core.records import SCALARS
from fade_dashboard.figures.compared import title_of
from fade_dashboard.labels import describe, field_of
from fade_dashboard.section import action, section
from fade_dashboard.templates import PASS_AT_K, chosen_metrics
from fade_dashboard.wiring import in_browser, named

FIRST_METRICS = ("accuracy", "entropy", "kl_k3", "sign_ratio", "head_rank1_share", "grad_norm")
"""What is compared before anyone chooses."""

MAX_PANELS = 12

_HEIGHT = 250


def layout() -> html.Div:
    """Return the page of any runs; which ones is in the address."""
    return html.Div(
        id="page-compare",
        children=[
            html.H1("Compare runs", className="page-title visually-hidden"),
            html.Div(id="legend", className="hidden"),
            _nothing_chosen(),
            html.Div(id="compare-body", className="hidden", children=_body()),
        ],
    )


def register(app: Dash) -> None:
    """Wire the page.

    Args:
        app: The application it belongs to.
    """

    async def make_panels(metrics: object) -> list[html.Section]:
        return [_section(metric) for metric in chosen_metrics(metrics)[:MAX_PANELS]]

    app.callback(Output("compare-panels", "children"), Input("compare-metrics", "data"))(
        make_panels
    )
    in_browser(app, "watch", Input("compare-panels", "children"))
    in_browser(app, "passStep", Input("pass-step", "value"), at_start=False)


def controls() -> html.Div:
    """Return the controls that only this page has; the frame holds them with the others."""
    arrangements = [
        {"value": "overlay", "label": "Overlay"},
        {"value": "multiples", "label": "Multiples"},
        {"value": "difference", "label": "Difference"},
    ]
    choices = sorted({"sign_ratio", *SCALARS} - {"schedule_version"})
    return html.Div(
        id="compare-tools",
        className="hidden",
        children=[
            dmc.SegmentedControl(id="arrangement", data=arrangements, value="overlay", size="xs"),
            dmc.Switch(id="grouped", label="Group seeds", checked=False, size="xs"),
            dmc.Select(
                id="baseline",
                data=[],
                placeholder="Baseline: first run",
                size="xs",
                className="baseline",
                **named("Baseline of the differences"),
            ),
            dmc.MultiSelect(
                id="metrics",
                data=choices,
                value=list(FIRST_METRICS),
                placeholder="Add a metric",
                size="xs",
                maxValues=MAX_PANELS,
                searchable=True,
                className="metrics",
                **named("Metrics that are compared"),
            ),
        ],
    )


def _body() -> list[Component]:
    at = dmc.NumberInput(
        id="pass-step", size="xs", min=0, placeholder="last step", className="pass-step",
        hideControls=True, **named("Step of the pass@k curves"),
    )  # fmt: skip
    return [
        dcc.Store(id="compare-metrics"),
        html.Div(id="compare-panels", className="grid"),
        html.Div(
            className="grid pair",
            children=[
                section(
                    PASS_AT_K,
                    "pass@k against k",
                    "last evaluation at or before a step",
                    "No data yet: log pass_at_k with at least two values of k",
                    extra=at,
                    height=_HEIGHT,
                    log=False,
                ),
                _differences(),
            ],
        ),
    ]


def _differences() -> html.Section:
    heading = [
        html.H2("What differs", className="panel-title"),
        html.Span("settings that are not the same in all runs", className="panel-subtitle"),
        html.Span([action("config-csv", "CSV", "Download the table as CSV")], className="tools"),
    ]
    return html.Section(
        html.Div(
            [
                html.Div(heading, className="panel-head"),
                html.Div(id="config-table", className="config-table", tabIndex=0,
                         role="region", **named("Settings that differ")),
            ],
            className="panel",
        ),
        **named("What differs"),
    )  # fmt: skip


def _nothing_chosen() -> html.Section:
    return html.Section(
        id="compare-empty",
        className="hidden",
        **named("No runs chosen"),
        children=[
            html.H2("Nothing to compare yet", className="page-title"),
            html.P(
                "Choose runs in the field above, or tick them in the table of runs. "
                "Runs of one group can be drawn as their mean with an interval."
            ),
        ],
    )


def _section(metric: str) -> html.Section:
    unit = field_of(metric).unit
    what = describe(metric)
    subtitle = what if unit and unit != "fraction" else what.removesuffix(", fraction")
    return section(metric, title_of(metric), subtitle, height=_HEIGHT)
