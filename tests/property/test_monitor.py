"""Whatever a log holds, the monitor goes on, stays small and can be stored."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fade_core import records, resume
from fade_core.diagnosis import diagnose
from fade_core.monitor import Monitor
from fade_core.report import report_json
from fade_core.signals import PAST_BLOCKS, START, update

VALUE = st.floats(allow_nan=True, allow_infinity=True) | st.none()
VECTOR = st.lists(st.floats(0.0, 1.0), min_size=records.DIFFICULTY_BINS, max_size=10)
FIELDS = st.fixed_dictionaries(
    {"step": st.integers(0, 30)},
    optional={
        **dict.fromkeys(records.SCALARS, VALUE),
        "mass_by_difficulty": VECTOR,
        "difficulty_histogram": VECTOR,
        "pass_at_k": st.dictionaries(st.sampled_from(["1", "8", "64"]), st.floats(0.0, 1.0)),
        "some_other_name": VALUE,
    },
)
LOG = st.lists(FIELDS, max_size=40)


@settings(max_examples=60, deadline=None)
@given(LOG)
def test_any_log_is_read_without_an_error_and_reported_as_strict_json(
    log: list[dict[str, Any]],
) -> None:
    report = diagnose(log)
    assert {each.status for each in report.coverage} <= {"checked", "not_checked"}
    json.dumps(report_json(report), allow_nan=False)


@settings(max_examples=40, deadline=None)
@given(LOG, st.integers(0, 40))
def test_storing_the_state_anywhere_changes_nothing(log: list[dict[str, Any]], cut: int) -> None:
    monitor = Monitor()
    straight = stored = monitor.start()
    for index, record in enumerate(log):
        straight, expected = monitor.step(straight, record)
        if index == cut:
            stored = resume.from_json(
                monitor, json.loads(json.dumps(resume.to_json(monitor, stored), allow_nan=False))
            )
        stored, found = monitor.step(stored, record)
        assert found == expected
    assert stored == straight


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300))
def test_a_track_stays_inside_its_values_and_bounded(values: list[float]) -> None:
    track = START
    for index, value in enumerate(values):
        track = update(track, value, index)
    low, high = min(values) - 1e-3, max(values) + 1e-3
    assert track.values == len(values)
    assert len(track.past) <= PAST_BLOCKS
    for level in (track.level, track.base, track.mean, track.high, track.low, *track.past):
        assert low <= level <= high
    assert track.noise >= 0.0
    assert track.low <= track.high


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=80), st.floats(-1e3, 1e3))
def test_shifting_a_signal_shifts_its_levels_only(values: list[float], by: float) -> None:
    plain = shifted = START
    for index, value in enumerate(values):
        plain = update(plain, value, index)
        shifted = update(shifted, value + by, index)
    assert abs(shifted.level - plain.level - by) < 1e-6
    assert abs(shifted.base - plain.base - by) < 1e-6
