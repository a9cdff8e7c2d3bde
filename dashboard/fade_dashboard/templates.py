"""What the browser fills: figures without numbers, tiles, and who is who."""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from fade_dashboard import board, kpis
from fade_dashboard.api import ApiClient, Run, RunNotFound
from fade_dashboard.figures import compared, passk
from fade_dashboard.figures.compared import Arrangement
from fade_dashboard.figures.draw import figure
from fade_dashboard.links import is_run_id
from fade_dashboard.panels import PANELS, Panel, further, panel_of
from fade_dashboard.theme import DARK, LIGHT, MAX_COMPARED, MAX_RUNS, RUN_STYLES, Theme

MAX_METRICS = 40
"""Most panels that a page gets for metrics of its own choice."""

PASS_AT_K = "pass_at_k"
"""Key of the panel of pass@k against k."""

STROKES = {
    "solid": "",
    "dash": "9 5",
    "dot": "2 3",
    "dashdot": "9 4 2 4",
    "longdash": "15 5",
    "longdashdot": "15 4 2 4",
}


class Wanted(BaseModel):
    """What the browser asks for.

    Attributes:
        page: A run's page, or the one that compares.
        runs: Ids, in the order of selection; those that cannot be one, and doubles, are left out.
        dark: Which of the two looks.
        metrics: Of the page that compares; names of no metric are left out.
        arrangement: Of the page that compares.
        grouped: Whether runs of one group are drawn as one.
        baseline: Run that the others are compared with.
    """

    page: Literal["run", "compare"] = "run"
    runs: list[str] = Field(default_factory=list)
    dark: bool = False
    metrics: list[str] = Field(default_factory=list)
    arrangement: Arrangement = "overlay"
    grouped: bool = False
    baseline: str = ""


async def templates(api: ApiClient, wanted: Wanted) -> dict[str, Any]:
    """Return what the browser fills.

    Args:
        api: Where runs are read from.
        wanted: What is asked for.

    Returns:
        ``page``, ``facts`` (what it depends on, a row a run), ``runs``, ``panels``, ``tiles``; for
        a run's page also ``board``, the components that the panels are drawn into.

    Raises:
        RunNotFound: There is no such run: the first one, or on the page that compares any.
        ApiUnreachable: A run could not be read.
    """
    compare = wanted.page == "compare"
    ids = _ids(wanted.runs, MAX_RUNS if compare else MAX_COMPARED + 1)
    found = await asyncio.gather(*(_if_there(api, run_id) for run_id in ids))
    runs = [run for run in found if run is not None]
    if not runs or (found[0] is None and not compare):
        raise RunNotFound(f"no run has the id {', '.join(map(repr, ids)) or repr('')}")
    theme = DARK if wanted.dark else LIGHT
    made = _compare(runs, wanted, theme) if compare else _run(runs, theme)
    facts = [[run.id, run.name, run.group, len(run.metrics), run.h_star] for run in runs]
    return {"page": wanted.page, "facts": facts, **made}


def chosen_metrics(posted: object) -> list[str]:
    """Return the names of metrics in what a client sent, without doubles.

    Args:
        posted: A list of names, or anything.
    """
    if not isinstance(posted, list):
        return []
    names = (name for name in posted if isinstance(name, str) and 0 < len(name) <= 128)
    return [name for name in dict.fromkeys(names) if _is_metric(name)][:MAX_METRICS]


def _is_metric(name: str) -> bool:
    try:
        panel_of(name)
    except (KeyError, ValueError):
        return False
    return True


def _run(runs: Sequence[Run], theme: Theme) -> dict[str, Any]:
    more = further(runs[0])[:MAX_METRICS]
    panels = [*PANELS, *map(panel_of, more)]
    return {
        "board": board.components(more),
        "runs": [_who(run.id, run.name, rank, theme) for rank, run in enumerate(runs)],
        "panels": {panel.key: _panel(panel, runs, theme) for panel in panels},
        "tiles": kpis.templates(runs[0], theme),
    }


def _panel(panel: Panel, runs: Sequence[Run], theme: Theme) -> dict[str, Any]:
    return {
        "figure": figure(panel.data(runs), theme),
        "missing": panel.missing(runs[0]),
        "detectors": panel.detectors,
    }


def _compare(runs: Sequence[Run], wanted: Wanted, theme: Theme) -> dict[str, Any]:
    grouped = wanted.grouped and wanted.arrangement != "difference"
    groups = compared.groups_of(runs, grouped=grouped)
    panels: dict[str, Any] = {}
    for metric in chosen_metrics(wanted.metrics):
        chart = compared.data(
            runs, metric, wanted.arrangement, grouped=grouped, baseline=wanted.baseline
        )
        panels[metric] = {"figure": figure(chart, theme), "rows": len(chart.rows)}
    panels[PASS_AT_K] = {"figure": passk.figure(passk.data(groups), theme)}
    named = [
        {**_who(g.runs[0].id, g.name, rank, theme), "count": len(g.runs)}
        for rank, g in enumerate(groups)
    ]
    return {"runs": named, "panels": panels, "tiles": []}


def _ids(sent: Sequence[str], most: int) -> list[str]:
    return list(dict.fromkeys(filter(is_run_id, sent)))[:most]


async def _if_there(api: ApiClient, run_id: str) -> Run | None:
    try:
        return await api.get_run(run_id)
    except RunNotFound:
        return None


def _who(run_id: str, name: str, rank: int, theme: Theme) -> dict[str, Any]:
    hue, dash = RUN_STYLES[rank]
    return {"id": run_id, "name": name, "colour": theme.hues[hue], "dash": STROKES[dash]}
