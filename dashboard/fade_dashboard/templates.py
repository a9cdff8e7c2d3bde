"""What the browser fills: figures without numbers, tiles, and who is who."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from fade_dashboard import kpis
from fade_dashboard.api import ApiClient, ApiUnreachable, Run, RunNotFound
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


async def templates(api: ApiClient, wanted: object) -> dict[str, Any] | None:
    """Return what the browser fills.

    Args:
        api: Where runs are read from.
        wanted: ``page``, ``runs``, ``dark``, ``metrics``, ``arrangement``, ``grouped`` and
            ``baseline``; anything a client may post.

    Returns:
        ``page``, ``runs``, ``panels``, ``tiles``, ``more``; ``error`` when the first
        run cannot be read; None when nothing is wanted.
    """
    asked: Mapping[str, Any] = wanted if isinstance(wanted, Mapping) else {}
    compare = asked.get("page") == "compare"
    ids = _ids(asked, MAX_RUNS if compare else MAX_COMPARED + 1)
    if not ids:
        return None
    try:
        found = await asyncio.gather(*(_if_there(api, run_id) for run_id in ids))
    except ApiUnreachable as error:
        return {"error": str(error)}
    runs = [run for run in found if run is not None]
    if not runs or (found[0] is None and not compare):
        return {"error": f"no run has the id {ids[0]!r}"}
    theme = DARK if asked.get("dark") else LIGHT
    made = _compare(runs, asked, theme) if compare else _run(runs, theme)
    return {"page": "compare" if compare else "run", **made}


def chosen_metrics(posted: object) -> list[str]:
    """Return the names of metrics in what a client posted, without doubles.

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
        "more": more,
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


def _compare(runs: Sequence[Run], asked: Mapping[str, Any], theme: Theme) -> dict[str, Any]:
    posted = asked.get("arrangement")
    arrangement = cast(Arrangement, posted if posted in get_args(Arrangement) else "overlay")
    grouped = asked.get("grouped") is True and arrangement != "difference"
    baseline = str(asked.get("baseline") or "")
    groups = compared.groups_of(runs, grouped=grouped)
    panels: dict[str, Any] = {}
    for metric in chosen_metrics(asked.get("metrics")):
        chart = compared.data(runs, metric, arrangement, grouped=grouped, baseline=baseline)
        panels[metric] = {"figure": figure(chart, theme), "rows": len(chart.rows)}
    panels[PASS_AT_K] = {"figure": passk.figure(passk.data(groups), theme)}
    named = [
        {**_who(g.runs[0].id, g.name, rank, theme), "count": len(g.runs)}
        for rank, g in enumerate(groups)
    ]
    return {"runs": named, "panels": panels, "tiles": []}


def _ids(asked: Mapping[str, Any], most: int) -> list[str]:
    posted = asked.get("runs")
    if not isinstance(posted, list):
        return []
    valid = (run_id for run_id in posted if isinstance(run_id, str) and is_run_id(run_id))
    return list(dict.fromkeys(valid))[:most]


async def _if_there(api: ApiClient, run_id: str) -> Run | None:
    try:
        return await api.get_run(run_id)
    except RunNotFound:
        return None


def _who(run_id: str, name: str, rank: int, theme: Theme) -> dict[str, Any]:
    hue, dash = RUN_STYLES[rank]
    return {"id": run_id, "name": name, "colour": theme.hues[hue], "dash": STROKES[dash]}
