"""The envelopes of many metrics at once: each as one alone would be."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fade_server.services.blocks import Blocks, tabulate
from fade_server.services.downsample import MIN_POINTS, Curve, envelope, thin
from fade_server.services.folding import Part, fold

WIDTH, BUCKETS, COUNT = 4, 8, 3
SPAN = WIDTH * BUCKETS
NUMBERS = st.integers(-9, 9).map(float) | st.floats(width=16)
FINITE = NUMBERS.filter(math.isfinite)
"""Often the same, so that the first of them must be chosen."""


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    """A metric with a point at every step, or with gaps; of finite values, or of any."""
    every = st.just(range(COUNT * SPAN)).map(list)
    steps = draw(every | st.lists(st.integers(0, COUNT * SPAN - 1), unique=True).map(sorted))
    values = draw(st.sampled_from([FINITE, FINITE, NUMBERS]))
    drawn = draw(st.lists(values, min_size=len(steps), max_size=len(steps)))
    return np.array(steps, dtype=float), np.array(drawn, dtype=float)


def within(curve: Curve, low: int, high: int) -> Curve:
    inside = slice(*curve[0].searchsorted([low, high]))
    return curve[0][inside], curve[1][inside]


def blocks_of(metrics: dict[str, Curve]) -> list[Blocks]:
    blocks: list[Blocks] = []
    for block in range(COUNT):
        low = block * SPAN
        thinned = [thin(*within(one, low, low + SPAN), WIDTH) for one in metrics.values()]
        tables = tabulate(thinned, [block * BUCKETS] * len(thinned), WIDTH, BUCKETS)
        blocks.append(dict(zip(metrics, tables, strict=True)))
    return blocks


@given(
    drawn=st.lists(curves(), min_size=1, max_size=5),
    ends=st.lists(st.integers(0, COUNT * BUCKETS), min_size=2, max_size=2, unique=True).map(sorted),
    points=st.integers(MIN_POINTS, 40),
)
def test_each_metric_is_shown_as_it_would_be_alone(
    drawn: list[Curve], ends: list[int], points: int
) -> None:
    metrics = {str(index): curve for index, curve in enumerate(drawn)}
    parts = [
        Part(blocks, first, max(ends[0] - first, 0), min(ends[1] - first, BUCKETS), WIDTH)
        for first, blocks in zip(
            range(0, COUNT * BUCKETS, BUCKETS), blocks_of(metrics), strict=True
        )
        if ends[0] < first + BUCKETS and ends[1] > first
    ]
    found = fold(parts, list(metrics), points)
    assert list(found) == list(metrics)
    for name, curve in metrics.items():
        low, high = WIDTH * ends[0], WIDTH * ends[1]
        wanted = envelope(*thin(*within(curve, low, high), WIDTH), points, WIDTH)
        assert len(found[name][0]) <= points
        np.testing.assert_array_equal(found[name], wanted)
