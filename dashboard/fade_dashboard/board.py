"""What a run's page shows numbers in, as components that need no Dash: the browser makes them.

They are there before Dash is, and cost its page nothing when they change.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from dash import html
from dash.development.base_component import Component

from fade_dashboard.panels import PANELS, Panel, panel_of
from fade_dashboard.section import HEIGHT, section
from fade_dashboard.wiring import acts, named

_PLAIN = "dash_html_components"
_REASON_HEIGHT = 33
_NO_LOG = ("schedule", "gradient_mass", "difficulty", "advantage")


def components(more: Sequence[str]) -> list[Any]:
    """Return the board: alerts, key figures, a panel each, and one for each further metric.

    Args:
        more: Metrics that no panel shows.

    Returns:
        What ``assets/fadewatch_board.js`` makes elements of: ``{namespace, type, props}``.
    """
    rest = [_section(panel_of(metric)) for metric in more]
    title = html.H2("Also logged", className="part-title" if more else "hidden")
    return [
        plain(component)
        for component in (
            html.Div(id="run-alerts"),
            html.Div(id="legend", className="hidden"),
            html.Div(id="tiles", className="tiles", role="group", **named("Key figures")),
            html.Div(className="grid", children=_panels()),
            html.Div([title, html.Div(rest, className="grid")], id="more"),
        )
    ]


def plain(made: Any) -> Any:
    """Return a component, and those in it, as what JSON can hold.

    Args:
        made: A component of ``dash.html``, a list of them, or text.

    Raises:
        TypeError: A component is none of ``dash.html``, so that it needs Dash.
    """
    if not isinstance(made, Component):
        return [plain(one) for one in made] if isinstance(made, list) else made
    kind = made.to_plotly_json()  # type: ignore[no-untyped-call]
    if kind["namespace"] != _PLAIN:
        raise TypeError(f"{kind['type']} is no plain element")
    return {**kind, "props": {name: plain(value) for name, value in kind["props"].items()}}


@cache
def _panels() -> list[Any]:
    # the same for every run: made once, for it takes longer than all the figures
    return [plain(_section(panel)) for panel in PANELS]


def _section(panel: Panel) -> html.Section:
    if panel.key != "schedule":
        return section(
            panel.key,
            panel.title,
            panel.subtitle,
            panel.missing(),
            log=panel.key not in _NO_LOG,
        )
    return section(
        panel.key,
        panel.title,
        panel.subtitle,
        panel.missing(),
        extra=html.Button("Reasons", type="button", className="tool framed", **acts("reasons")),
        above=html.P(id="schedule-reason", className="reason"),
        height=HEIGHT - _REASON_HEIGHT,
        log=False,
    )
