"""Gradient mass of successes against failures, and their ratio."""

from collections.abc import Sequence
from dataclasses import replace

from fade_dashboard.api import Run
from fade_dashboard.figures.chart import Chart, Level, Row
from fade_dashboard.figures.select import Wanted, assemble, curves

_WANTED = (
    Wanted("mass_success", "green", fill=0.18),
    Wanted("mass_failure", "vermilion", sign=-1, fill=0.18),
    Wanted("sign_ratio", "blue", row=2),
)


def data(runs: Sequence[Run]) -> Chart:
    """Select what to draw: m_S upwards and m_F downwards, the ratio below with its balance."""
    drawn = [
        replace(curve, legend=curve.legend and curve.metric != "sign_ratio")
        for curve in curves(runs, _WANTED)
    ]
    rows = (Row(height=0.66), Row(height=0.34, zero=True))
    levels = (Level(0.0, "", "grey", "solid"), Level(1.0, "m_S / m_F = 1", "orange", "dot", row=2))
    return assemble(drawn, rows, levels)
