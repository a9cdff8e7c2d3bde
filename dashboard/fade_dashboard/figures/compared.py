"""One metric of several runs: laid over each other, side by side, by group, or as differences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from fade_dashboard.api import Run
from fade_dashboard.figures.chart import Chart, Curve, Level, Row
from fade_dashboard.figures.select import short
from fade_dashboard.labels import field_of, label
from fade_dashboard.theme import RUN_STYLES

Arrangement = Literal["overlay", "multiples", "difference"]


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that are drawn as one: the seeds of a group, or a run that is alone.

    Attributes:
        name: What the legend says.
        runs: In the order of selection, at least one.
    """

    name: str
    runs: tuple[Run, ...]


def groups_of(runs: Sequence[Run], *, grouped: bool) -> list[Group]:
    """Put runs together that have the same group, in the order of its first run.

    Args:
        runs: In the order of selection.
        grouped: Whether to; otherwise each run is alone.

    Returns:
        What is drawn, each with its own style by its place.
    """
    found: dict[str, list[Run]] = {}
    for run in runs:
        together = grouped and run.group is not None
        found.setdefault(f"group {run.group}" if together else f"run {run.id}", []).append(run)
    return [
        Group(members[0].group or "" if key.startswith("group ") else members[0].name, (*members,))
        for key, members in found.items()
    ]


def data(
    runs: Sequence[Run],
    metric: str,
    arrangement: Arrangement = "overlay",
    *,
    grouped: bool = False,
    baseline: str = "",
) -> Chart:
    """Select what to draw.

    Args:
        runs: In the order of selection; those without the metric are left out.
        metric: Its name.
        arrangement: ``difference`` subtracts ``baseline`` from every other run.
        grouped: Whether seeds become a mean with its 95 % interval; not with ``difference``.
        baseline: Id of the run that is subtracted; the first where it is none of them.
    """
    row = Row(percent=field_of(metric).unit == "fraction")
    if arrangement == "difference":
        return _differences(runs, metric, baseline, row)
    groups = groups_of(runs, grouped=grouped)
    drawn = [(rank, curves) for rank, g in enumerate(groups) if (curves := _group(g, metric, rank))]
    if arrangement == "multiples" and len(drawn) > 1:
        return _multiples(drawn, groups, row)
    return Chart(tuple(curve for _, curves in drawn for curve in curves), rows=(row,))


def _line(run: Run, metric: str, rank: int, name: str) -> Curve:
    hue, dash = RUN_STYLES[rank]
    return Curve(run.id, metric, short(name), hue, dash, ghost=False, legend=False, width=1.8)


def _group(group: Group, metric: str, rank: int) -> tuple[Curve, ...]:
    members = [run for run in group.runs if metric in run.metrics]
    if not members:
        return ()
    line = _line(members[0], metric, rank, group.name)
    if len(members) == 1:
        return (line,)
    among = tuple(run.id for run in members)
    edge = replace(line, among=among, width=0.0, dash="solid")
    return (
        replace(edge, statistic="low"),
        replace(edge, statistic="high", fill=0.2, fill_to="previous"),
        replace(line, among=among, statistic="mean", width=2.2),
    )


def _differences(runs: Sequence[Run], metric: str, baseline: str, row: Row) -> Chart:
    base = next((run.id for run in runs if run.id == baseline), runs[0].id)
    drawn = tuple(
        replace(_line(run, metric, rank, run.name), minus=base)
        for rank, run in enumerate(runs)
        if run.id != base and metric in run.metrics
    )
    known = any(run.id == base and metric in run.metrics for run in runs)
    free = replace(row, percent=False)
    zero = Level(0.0, "", "grey", "solid")
    return Chart(drawn if known else (), levels=(zero,), rows=(free,))


def _multiples(
    drawn: Sequence[tuple[int, tuple[Curve, ...]]], groups: Sequence[Group], row: Row
) -> Chart:
    columns = 5 if len(drawn) > 8 else 4 if len(drawn) > 6 else 3 if len(drawn) > 2 else 2
    curves: list[Curve] = []
    for place, (rank, own) in enumerate(drawn, start=1):
        others = (lines[-1] for other, lines in drawn if other != rank)
        curves += (replace(c, row=place, faint=True, hue="grey", width=1.0) for c in others)
        curves += (replace(curve, row=place) for curve in own)
    rows = tuple(replace(row, heading=short(groups[rank].name)) for rank, _ in drawn)
    return Chart(tuple(curves), rows=rows, columns=columns)


_TITLES = {
    "sign_ratio": "m_S / m_F",
    "mass_success": "m_S, mass on successes",
    "mass_failure": "m_F, mass on failures",
    "kl_k1": "KL k1",
    "kl_k3": "KL k3",
    "ratio_ess": "Effective sample size",
    "head_rank1_share": "Rank-1 share of the head",
    "grad_norm": "Gradient norm",
}


def title_of(metric: str) -> str:
    """Return the heading of a metric's panel, which has no other to give it a context.

    >>> title_of("kl_k3"), title_of("extra/num_tokens"), title_of("pass_at_k/4")
    ('KL k3', 'Num tokens', 'pass@4')
    """
    if metric in _TITLES:
        return _TITLES[metric]
    stem, _, member = metric.partition("/")
    if stem in ("pass_at_k", "schedule", "adv_quantiles"):
        return label(metric)
    words = (member if stem == "extra" else metric).replace("_", " ").replace("/", " ")
    return words[:1].upper() + words[1:]
