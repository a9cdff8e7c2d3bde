"""A run's page: tabs; under Health, tiles and panels that the browser makes and keeps live."""

from collections.abc import Callable
from dataclasses import dataclass

import dash_mantine_components as dmc
from dash import Dash, Input, State, html
from dash.development.base_component import Component

from fade_dashboard.pages import methods, steering
from fade_dashboard.wiring import acts, in_browser, named


@dataclass(frozen=True, slots=True)
class Tab:
    """A part of the run's page; the address names it as ``?tab=``.

    Attributes:
        key: In the address.
        title: On the tab.
        layout: Builds it, without data.
    """

    key: str
    title: str
    layout: Callable[[], Component]


def layout() -> html.Div:
    """Return the page of any run; which one is in the address."""
    return html.Div(id="page-run", children=[_tab_list(), *(_tab_panel(tab) for tab in TABS)])


def register(app: Dash) -> None:
    """Wire the page.

    Args:
        app: The application it belongs to.
    """
    in_browser(app, "stepClosed", Input("step", "opened"), at_start=False)
    in_browser(
        app,
        "tick",
        Input("clock", "n_intervals"),
        State("sync", "checked"),
        State("regions", "checked"),
        State("follow", "checked"),
    )


def _health() -> html.Div:
    # what shows numbers is put into the first by the browser: see ``board``
    return html.Div(children=[html.Div(id="board-slot"), _reasons(), _step()])


TABS: tuple[Tab, ...] = (
    Tab("health", "Health", _health),
    Tab("steering", "Steering", steering.layout),
    Tab("audit", "Audit", methods.audit),
    Tab("whatif", "What if", methods.what_if),
)


def _tab_list() -> html.Div:
    tabs = [
        html.Button(
            tab.title,
            id=f"tab-{tab.key}",
            type="button",
            role="tab",
            className="tab",
            **acts("tab", tab.key),
        )
        for tab in TABS
    ]
    shown = "tabs" if len(TABS) > 1 else "hidden"
    return html.Div(tabs, className=shown, role="tablist", **named("Parts of the run"))


def _tab_panel(tab: Tab) -> html.Div:
    role = "tabpanel" if len(TABS) > 1 else None
    name = named(tab.title) if len(TABS) > 1 else {}
    return html.Div(tab.layout(), id=f"part-{tab.key}", className="part", role=role, **name)


def _reasons() -> dmc.Drawer:
    heads = ("Step", "alpha", "delta", "Source", "Reason")
    return dmc.Drawer(
        id="reasons",
        title="Why the schedule is what it is",
        position="right",
        size="lg",
        keepMounted=True,
        closeButtonProps={"aria-label": "Close"},
        children=[
            html.P(id="reasons-note", className="dimmed"),
            html.Table(
                className="reasons",
                children=[
                    html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])),
                    html.Tbody(id="reason-rows"),
                ],
            ),
        ],
    )


def _step() -> dmc.Drawer:
    return dmc.Drawer(
        id="step",
        title=html.Span("Raw advantage weights", id="step-title"),
        position="right",
        size="lg",
        opened=False,
        keepMounted=True,
        closeButtonProps={"aria-label": "Close"},
        children=html.Div(
            [
                html.P(id="step-note", className="dimmed"),
                html.Div(id="step-plot", className="step-plot"),
                html.Div(id="step-facts", className="step-facts"),
            ]
        ),
    )
