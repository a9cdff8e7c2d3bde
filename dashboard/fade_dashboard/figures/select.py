"""Which curves a set of runs gives: by metric for one run, by run when several are compared."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fade_dashboard.api import Run
from fade_dashboard.figures.chart import Chart, Curve, Level, Row, Symbol
from fade_dashboard.labels import label
from fade_dashboard.theme import RUN_STYLES, Dash, Hue

_LONGEST_NAME = 18
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """A metric that a panel shows, and how when one run is alone.

    The attributes are those of ``Curve``.
    """

    metric: str
    hue: Hue
    dash: Dash = "solid"
    row: int = 1
    sign: int = 1
    smooth: bool = True
    ghost: bool = True
    stairs: bool = False
    symbol: Symbol | None = None
    fill: float = 0.0
    width: float = 1.9


def curves(runs: Sequence[Run], wanted: Sequence[Wanted]) -> tuple[Curve, ...]:
    """Return a curve for each wanted metric that a run has data for.

    Alone, a run's curves differ by the metric's own colour. Compared, colour and dash belong to
    the run, by the order of selection, and areas and ghosts stay out. The legend names each run
    once, or none when they do not fit: the page names them all above the panels.

    Args:
        runs: In the order of selection, at most as many as ``RUN_STYLES``.
        wanted: In the order of drawing.
    """
    if len(runs) == 1:
        return tuple(_alone(runs[0], want) for want in wanted if want.metric in runs[0].metrics)
    groups = (_compared(run, rank, wanted, len(runs)) for rank, run in enumerate(runs))
    return tuple(curve for group in groups for curve in group)


def assemble(
    curves: Sequence[Curve], rows: Sequence[Row] = (Row(),), levels: Sequence[Level] = ()
) -> Chart:
    """Put a chart together without the rows, and their levels, that no curve is in.

    Args:
        curves: Their ``row`` counts from 1 in ``rows``.
        rows: From the top.
        levels: Their ``row`` counts in ``rows`` too.
    """
    used = sorted({curve.row for curve in curves})
    place = {row: number for number, row in enumerate(used, start=1)}
    return Chart(
        curves=tuple(replace(curve, row=place[curve.row]) for curve in curves),
        levels=tuple(replace(line, row=place[line.row]) for line in levels if line.row in place),
        rows=tuple(rows[row - 1] for row in used),
    )


def _alone(run: Run, want: Wanted) -> Curve:
    return Curve(
        run=run.id,
        metric=want.metric,
        label=label(want.metric),
        hue=want.hue,
        dash=want.dash,
        row=want.row,
        sign=want.sign,
        smooth=want.smooth,
        ghost=want.ghost,
        stairs=want.stairs,
        symbol=want.symbol,
        fill=want.fill,
        width=want.width,
    )


def _compared(run: Run, rank: int, wanted: Sequence[Wanted], count: int) -> list[Curve]:
    hue, dash = RUN_STYLES[rank]
    drawn: list[Curve] = []
    for curve in (_alone(run, want) for want in wanted if want.metric in run.metrics):
        first = not drawn
        name = short(run.name) if first else f"{short(run.name)} · {curve.label}"
        legend = first and count <= _MOST_NAMED
        styled = replace(curve, label=name, hue=hue, dash=dash, legend=legend)
        drawn.append(replace(styled, fill=0.0, ghost=False))
    return drawn


def short(name: str) -> str:
    """Return a name cut to what fits in a legend.

    >>> short("a-run-with-a-very-long-name")
    'a-run-with-a-very…'
    """
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
