"""What a report's charts show, and that they can be drawn whatever is in them."""

import math
from xml.etree import ElementTree

import pytest

from fade_client.importers.result import ImportedRun
from fadewatch.reports.charts import BUCKETS, Span, charts_of, draw, spans_of, thin


def run_of(*values: float, name: str = "loss") -> ImportedRun:
    return ImportedRun("r", "jsonl", [[{"step": i, name: v} for i, v in enumerate(values)]])


def test_a_chart_shows_the_signals_a_run_has() -> None:
    records = [{"step": s, "entropy": 1.0 + s, "mine": 2.0, "accuracy": 0.5} for s in range(3)]
    charts = charts_of(ImportedRun("r", "jsonl", [records]))
    assert [chart.title for chart in charts] == ["accuracy", "entropy"]
    assert charts_of(ImportedRun("r", "jsonl", [])) == []


def test_values_that_are_not_finite_are_marked_and_do_not_break_the_axis() -> None:
    (chart,) = charts_of(run_of(1.0, math.nan, 2.0, math.inf))
    assert chart.broken == (1, 3)
    assert (chart.low, chart.high) == (1.0, 2.0)
    assert chart.lines == (((0, 1.0), (2, 2.0)),)


def test_launches_are_lines_of_their_own() -> None:
    records = [{"step": 0, "loss": 1.0}, {"step": 1, "loss": 2.0}]
    (chart,) = charts_of(ImportedRun("r", "jsonl", [records, records]))
    assert len(chart.lines) == 2


def test_positive_values_over_decades_get_a_logarithmic_axis() -> None:
    assert charts_of(run_of(1e-3, 1.0))[0].logarithmic
    assert not charts_of(run_of(0.0, 1.0))[0].logarithmic


def test_thinning_keeps_the_extremes_and_the_ends() -> None:
    points = [(float(step), 1.0) for step in range(10_000)]
    points[4321] = (4321.0, 99.0)
    kept = thin(points)
    assert len(kept) <= 2 * BUCKETS + 2
    assert {points[0], points[4321], points[-1]} <= set(kept)
    assert list(kept) == sorted(kept)


@pytest.mark.parametrize("values", [(1.0, 1.0), (-1e308, 1e308), (1e-300, 1e300), (0.0, 5e-324)])
def test_any_range_is_drawn_inside_the_picture(values: tuple[float, float]) -> None:
    (chart,) = charts_of(run_of(*values))
    picture = ElementTree.fromstring(draw(chart, [Span("critical", -5, 1, 99)]))
    (line,) = picture.iter("polyline")
    for point in line.attrib["points"].split():
        x, y = map(float, point.split(","))
        assert 0.0 <= x <= 560.0
        assert 0.0 <= y <= 150.0


def test_an_open_finding_is_marked_to_the_end() -> None:
    finding = {"severity": "warning", "onset_step": 3, "first_alert_step": 5, "resolved_step": None}
    assert spans_of([finding, finding | {"resolved_step": 7}], 50) == [
        Span("warning", 3, 5, 50),
        Span("warning", 3, 5, 7),
    ]
