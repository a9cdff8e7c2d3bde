"""The charts of a report: what they show, and how they are drawn as SVG."""

import math
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

from fade_client.importers.result import ImportedRun, Record

BUCKETS = 400
"""Steps beside each other in a chart; of more, each bucket shows its smallest and largest."""

WIDTH, HEIGHT = 560, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 8, 8, 20
_LOGARITHMIC = 100.0
"""Ratio of largest to smallest from which positive values are drawn on a logarithmic axis."""

_ORDER = (
    "accuracy", "reward_mean", "held_out", "entropy", "kl_k3", "kl_k1", "grad_norm", "loss",
    "zero_variance_fraction", "all_solved_fraction", "none_solved_fraction",
    "response_length_mean", "truncated_fraction", "mass_success", "mass_failure",
    "adv_kurtosis", "adv_max", "clip_fraction_high", "clip_fraction_low", "clip_fraction",
    "train_infer_abs_logprob_diff", "train_infer_k3", "staleness", "head_rank1_share",
    "prompt_ess", "learning_rate", "alpha", "delta",
)  # fmt: skip

Point = tuple[float, float]


class Chart(NamedTuple):
    """One signal over the steps.

    Attributes:
        title: Name of the signal.
        lines: Points of each launch, thinned out.
        broken: Steps where the value is no finite number.
        steps: First and last step of the run.
        low: Smallest value drawn.
        high: Largest.
        logarithmic: Whether the axis is.
    """

    title: str
    lines: tuple[tuple[Point, ...], ...]
    broken: tuple[int, ...]
    steps: tuple[int, int]
    low: float
    high: float
    logarithmic: bool


class Span(NamedTuple):
    """Where a finding is marked: from its onset to its end, with the first alert."""

    severity: str
    start: int
    alert: int
    end: int


def charts_of(run: ImportedRun) -> list[Chart]:
    """Choose the charts of a run: every signal in a fixed order that it has."""
    steps = [record["step"] for records in run.attempts for record in records]
    if not steps:
        return []
    ends = min(steps), max(steps)
    charts = (_chart(name, run.attempts, ends) for name in _ORDER)
    return [chart for chart in charts if chart is not None]


def spans_of(findings: Sequence[dict[str, Any]], last: int) -> list[Span]:
    """Return what to mark for the findings of a report."""
    return [
        Span(
            each["severity"],
            each["onset_step"],
            each["first_alert_step"],
            last if each["resolved_step"] is None else each["resolved_step"],
        )
        for each in findings
    ]


def _chart(name: str, attempts: Sequence[Sequence[Record]], ends: tuple[int, int]) -> Chart | None:
    launches = [
        [(record["step"], record[name]) for record in records if name in record]
        for records in attempts
    ]
    finite = [point for points in launches for point in points if math.isfinite(point[1])]
    if len(finite) < 2:
        return None
    broken = [step for points in launches for step, value in points if not math.isfinite(value)]
    low, high = min(value for _, value in finite), max(value for _, value in finite)
    lines = tuple(
        thin([point for point in points if math.isfinite(point[1])]) for points in launches
    )
    logarithmic = low > 0.0 and high / low > _LOGARITHMIC
    return Chart(name, lines, tuple(broken[:BUCKETS]), ends, low, high, logarithmic)


def thin(points: Sequence[Point]) -> tuple[Point, ...]:
    """Keep the smallest and the largest of each bucket, and the first and the last point.

    >>> len(thin([(float(step), float(step % 7)) for step in range(100_000)])) <= 2 * BUCKETS + 2
    True
    """
    if len(points) <= 2 * BUCKETS:
        return tuple(points)
    kept = [points[0]]
    for index in range(BUCKETS):
        start, end = index * len(points) // BUCKETS, (index + 1) * len(points) // BUCKETS
        bucket = points[start:end]
        least = min(bucket, key=lambda point: point[1])
        most = max(bucket, key=lambda point: point[1])
        kept.extend(sorted({least, most}))
    kept.append(points[-1])
    return tuple(kept)


def draw(chart: Chart, spans: Sequence[Span]) -> str:
    """Return a chart as an SVG element; colours come from the page's style."""
    first, last = chart.steps
    marks = "".join(_span(span, chart) for span in spans)
    lines = "".join(_line(line, chart) for line in chart.lines if line)
    broken = "".join(
        f'<circle class="broken" cx="{_x(step, chart):.1f}" cy="{_TOP + 4}" r="2"/>'
        for step in chart.broken
    )
    return (
        f"<figure><figcaption>{escape(chart.title)}{' (log)' if chart.logarithmic else ''}"
        f'</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(chart.title)} over the steps">{marks}'
        f'<path class="axis" d="M{_LEFT} {_TOP}V{HEIGHT - _BOTTOM}H{WIDTH - _RIGHT}"/>'
        f"{lines}{broken}"
        f'<text x="{_LEFT - 4}" y="{_TOP + 8}" text-anchor="end">{chart.high:.3g}</text>'
        f'<text x="{_LEFT - 4}" y="{HEIGHT - _BOTTOM}" text-anchor="end">{chart.low:.3g}</text>'
        f'<text x="{_LEFT}" y="{HEIGHT - 5}">{first}</text>'
        f'<text x="{WIDTH - _RIGHT}" y="{HEIGHT - 5}" text-anchor="end">step {last}</text>'
        "</svg></figure>"
    )


def _line(line: Sequence[Point], chart: Chart) -> str:
    points = " ".join(f"{_x(step, chart):.1f},{_y(value, chart):.1f}" for step, value in line)
    return f'<polyline points="{points}"/>'


def _span(span: Span, chart: Chart) -> str:
    start, end = _x(span.start, chart), _x(max(span.end, span.alert), chart)
    alert = _x(span.alert, chart)
    height = HEIGHT - _TOP - _BOTTOM
    return (
        f'<rect class="{escape(span.severity)}" x="{start:.1f}" y="{_TOP}" '
        f'width="{max(end - start, 1.0):.1f}" height="{height}"/>'
        f'<path class="alert" d="M{alert:.1f} {_TOP}v{height}"/>'
    )


def _x(step: float, chart: Chart) -> float:
    first, last = chart.steps
    share = (step - first) / (last - first) if last > first else 0.5
    return _LEFT + min(max(share, 0.0), 1.0) * (WIDTH - _LEFT - _RIGHT)


def _y(value: float, chart: Chart) -> float:
    low, high = chart.low, chart.high
    if chart.logarithmic:
        low, high, value = math.log(low), math.log(high), math.log(value)
    # Halves, for the difference of the two largest floats is no float.
    span = high / 2 - low / 2
    share = (value / 2 - low / 2) / span if span > 0.0 else 0.5
    return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)
