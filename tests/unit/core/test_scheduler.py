"""The scheduler's rules beyond its reference values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fade_core import scheduler
from fade_core.errors import SettingError
from fade_core.scheduler import Override, SchedulerConfig

CONFIG = SchedulerConfig()
ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)


def test_a_new_run_starts_with_the_published_values_and_says_so() -> None:
    start = scheduler.initial()
    assert (start.version, start.step, start.alpha, start.delta) == (0, 0, 1.5, 1.0)
    assert math.isnan(start.h_hat)
    assert "no entropy yet" in start.reason


def test_the_first_entropy_becomes_the_initial_one_and_the_target_its_half() -> None:
    after = scheduler.observe(scheduler.initial(), 0, 0.5, 1.6, CONFIG)
    assert (after.h_hat, after.h_star) == (pytest.approx(1.6), pytest.approx(0.8))


def test_the_target_stays_when_later_entropies_move() -> None:
    schedules = scheduler.replay([(0, 0.5, 2.0), (1, 0.5, 0.1), (2, 0.5, 0.1)])
    assert [s.h_star for s in schedules[1:]] == [1.0, 1.0, 1.0]


def test_a_given_target_is_kept() -> None:
    config = SchedulerConfig(h_star=0.7)
    after = scheduler.observe(scheduler.initial(config), 0, 0.5, 2.0, config)
    assert after.h_star == 0.7


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -0.1, 1.1])
def test_an_accuracy_that_cannot_be_right_leaves_the_state_and_says_so(bad: float) -> None:
    before = scheduler.observe(scheduler.initial(), 0, 0.25, 1.0, CONFIG)
    after = scheduler.observe(before, 1, bad, 1.0, CONFIG)
    assert (after.p_hat, after.alpha) == (before.p_hat, before.alpha)
    missing = math.isnan(bad)
    assert ("no accuracy in the last" if missing else f"accuracy {bad} not used") in after.reason


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_an_entropy_that_cannot_be_right_leaves_the_state_and_says_so(bad: float) -> None:
    before = scheduler.observe(scheduler.initial(), 0, 0.5, 1.0, CONFIG)
    after = scheduler.observe(before, 1, 0.5, bad, CONFIG)
    assert (after.h_hat, after.h_star, after.delta) == (before.h_hat, before.h_star, before.delta)
    missing = math.isnan(bad)
    assert ("no entropy in the last" if missing else f"entropy {bad} not used") in after.reason


def test_a_solve_rate_of_zero_gives_the_largest_alpha() -> None:
    config = SchedulerConfig(p_hat_initial=0.0)
    assert scheduler.initial(config).alpha == 3.0


def test_a_smaller_entropy_scale_makes_a_low_entropy_policy_steerable() -> None:
    published = scheduler.delta_for(0.1, 0.2, 0.3)
    scaled = scheduler.delta_for(0.1, 0.2, 0.3, entropy_scale=0.2)
    assert (published, scaled) == (pytest.approx(0.9), pytest.approx(0.5))


@given(st.lists(st.tuples(ANY_FLOAT, ANY_FLOAT), max_size=30))
def test_whatever_arrives_the_pair_stays_inside_its_guard_rails(
    values: list[tuple[float, float]],
) -> None:
    records = [(step, accuracy, entropy) for step, (accuracy, entropy) in enumerate(values)]
    for schedule in scheduler.replay(records):
        assert 1.0 <= schedule.alpha <= 3.0
        assert 0.3 <= schedule.delta <= 1.0
        assert 0.0 <= schedule.p_hat <= 1.0


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 5)), min_size=2, max_size=20), st.data())
def test_a_stored_schedule_resumes_where_it_stopped(
    values: list[tuple[float, float]], data: st.DataObject
) -> None:
    records = [(step, accuracy, entropy) for step, (accuracy, entropy) in enumerate(values)]
    whole = scheduler.replay(records)
    cut = data.draw(st.integers(0, len(records)))
    resumed = whole[cut]
    for step, accuracy, entropy in records[cut:]:
        resumed = scheduler.observe(resumed, step, accuracy, entropy, CONFIG)
    assert resumed == whole[-1]


def test_versions_count_the_observed_records_and_steps_name_the_next_batch() -> None:
    schedules = scheduler.replay([(0, 0.5, 1.0), (5, 0.5, 1.0)])
    assert [(s.version, s.step) for s in schedules] == [(0, 0), (1, 1), (2, 6)]


@pytest.mark.parametrize(
    ("p_hat", "h_hat", "words"),
    [
        (0.2, 2.0, ["alpha is at its maximum", "at or above target"]),
        (0.5, 0.5, ["gives alpha 1.5", "so delta is 0.5"]),
        (0.9, 0.1, ["alpha is at its minimum", "its floor"]),
    ],
)
def test_the_reason_names_both_causes(p_hat: float, h_hat: float, words: list[str]) -> None:
    config = SchedulerConfig(p_hat_initial=p_hat, h_initial=h_hat, h_star=1.0)
    reason = scheduler.initial(config).reason
    assert all(word in reason for word in words)


def test_an_override_pins_what_it_names_and_leaves_the_rest() -> None:
    schedule = scheduler.initial()
    pinned = scheduler.apply_override(schedule, Override(None, 0.5, "entropy is falling", "ada"))
    assert (pinned.alpha, pinned.delta, pinned.source) == (1.5, 0.5, "override")
    assert pinned.reason == "delta 0.5 pinned by ada: entropy is falling"
    assert scheduler.apply_override(schedule, None) is schedule


@pytest.mark.parametrize(
    ("alpha", "delta", "message"),
    [
        (None, None, "must pin alpha, delta or both"),
        (3.5, None, r"alpha must be a finite number in \[1, 3\], got 3.5"),
        (2.0, 0.1, r"delta must be a finite number in \[0.3, 1\], got 0.1"),
        (math.nan, None, "alpha must be a finite number"),
    ],
)
def test_an_override_outside_the_guard_rails_is_refused_by_name(
    alpha: float | None, delta: float | None, message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        scheduler.check_override(Override(alpha, delta, "why"), CONFIG)


@pytest.mark.parametrize(("alpha", "delta"), [(3.0, 0.3), (1.0, None), (None, 1.0)])
def test_an_override_inside_the_guard_rails_is_accepted(
    alpha: float | None, delta: float | None
) -> None:
    scheduler.check_override(Override(alpha, delta, "why"), CONFIG)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha_max", 0.5), ("delta_min", 0.0), ("ema_weight_new", 0.0), ("ema_weight_new", 1.5),
        ("p_hat_initial", -0.1), ("h_initial", -1.0), ("h_star", math.nan), ("entropy_scale", 0.0),
    ],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(SettingError, match=name):
        SchedulerConfig(**{name: value})


@pytest.mark.parametrize(
    ("alpha", "delta", "wanted"),
    [
        (2.6, None, "alpha may change by at most 1 at once, from 1.5 to 2.6 is more; pin 2.5"),
        (None, 0.4, "delta may change by at most 0.5 at once, from 1 to 0.4 is more; pin 0.5"),
    ],
)
def test_an_override_moves_a_bounded_distance_at_once(
    alpha: float | None, delta: float | None, wanted: str
) -> None:
    used = scheduler.initial(CONFIG)
    assert (used.alpha, used.delta) == (1.5, 1.0)
    with pytest.raises(SettingError, match=wanted):
        scheduler.check_override(Override(alpha, delta, "why"), CONFIG, used)
    scheduler.check_override(Override(2.5, 0.5, "why"), CONFIG, used)
    scheduler.check_override(Override(alpha, delta, "why"), CONFIG)
