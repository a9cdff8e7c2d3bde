"""Downsampling, as properties."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fade_server.services.downsample import MIN_POINTS, Floats, envelope, group_starts, thin

VALUES = st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=300)
FINITE = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300)
POINTS = st.integers(MIN_POINTS, 120)


def _shrink(values: list[float], points: int) -> tuple[Floats, Floats]:
    steps = np.arange(len(values), dtype=np.float64) * 3
    return envelope(steps, np.array(values, dtype=np.float64), points)


@given(VALUES, POINTS)
def test_no_more_points_than_asked_for_and_each_is_one_of_the_series(
    values: list[float], points: int
) -> None:
    steps, kept = _shrink(values, points)
    assert len(steps) == len(kept) == min(len(values), len(kept), max(points, 0))
    assert (np.diff(steps) > 0).all()
    original = np.array([values[int(step) // 3] for step in steps])
    np.testing.assert_array_equal(kept, original)


@given(VALUES, POINTS)
def test_the_first_and_the_last_point_are_kept(values: list[float], points: int) -> None:
    steps, _ = _shrink(values, points)
    if values:
        assert (steps[0], steps[-1]) == (0, 3 * (len(values) - 1))


@given(VALUES, POINTS)
def test_the_smallest_and_the_largest_finite_value_are_kept(
    values: list[float], points: int
) -> None:
    finite = [value for value in values if math.isfinite(value)]
    _, kept = _shrink(values, points)
    if finite:
        assert min(finite) in kept
        assert max(finite) in kept


@given(VALUES, POINTS)
def test_a_few_values_that_are_not_finite_are_all_kept_and_of_many_some(
    values: list[float], points: int
) -> None:
    odd = [value for value in values if not math.isfinite(value)]
    _, kept = _shrink(values, points)
    odd_kept = int((~np.isfinite(kept)).sum())
    if len(odd) <= (points - 2) // 3 or len(values) <= points:
        assert odd_kept == len(odd)
    else:
        assert odd_kept >= 1


@given(FINITE)
def test_a_series_within_the_budget_is_left_alone(values: list[float]) -> None:
    steps, kept = _shrink(values, max(len(values), MIN_POINTS))
    assert kept.tolist() == values
    assert len(steps) == len(values)


@given(st.integers(9, 400), POINTS, st.sampled_from([1, 2, 7]))
def test_every_group_of_buckets_keeps_its_own_extremes(count: int, points: int, width: int) -> None:
    values = [float((-1) ** i * (i % 17)) for i in range(count)]
    curve = np.arange(count, dtype=float), np.array(values)
    steps, kept = envelope(*curve, points, width)
    assert len(steps) <= points
    if count <= points:
        return
    buckets = -(-count // width)
    starts = [width * int(start) for start in group_starts(buckets, (points - 2) // 2)]
    sizes = np.diff([*starts, width * buckets])
    assert sizes.max() - sizes.min() <= width
    for start, size in zip(starts, sizes.tolist(), strict=True):
        shown = kept[(steps >= start) & (steps < start + size)]
        group = values[start : start + size]
        assert (shown.min(), shown.max()) == (min(group), max(group))


def test_of_a_series_that_is_mostly_not_a_number_some_of_both_is_kept() -> None:
    values = [math.nan] * 1000
    values[400:403] = [5.0, -5.0, math.inf]
    steps, kept = _shrink(values, 20)
    assert len(steps) <= 20
    assert {5.0, -5.0} <= set(kept.tolist())
    assert int(np.isnan(kept).sum()) >= 6


@given(
    values=st.lists(
        st.floats(width=16) | st.sampled_from([math.nan, math.inf, -math.inf, 1.0]), max_size=80
    ),
    gaps=st.lists(st.integers(0, 9), min_size=80, max_size=80),
    small=st.sampled_from([1, 2, 16]),
    factor=st.sampled_from([1, 3, 16]),
)
def test_thinning_twice_is_thinning_once(
    values: list[float], gaps: list[int], small: int, factor: int
) -> None:
    steps = np.cumsum(gaps[: len(values)]).astype(float)
    curve = steps, np.array(values, dtype=float)
    once = thin(*curve, small * factor)
    twice = thin(*thin(*curve, small), small * factor)
    assert np.array_equal(once[0], twice[0])
    assert np.array_equal(once[1], twice[1], equal_nan=True)
