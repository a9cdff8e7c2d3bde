"""Forecasts are right where the trend is clear, and absent where it is not."""

import math

import pytest

from fade_core.forecast import entropy_floor, reward_law, trend
from fade_core.signals import START, Track, update


def track(*values: float) -> Track:
    summary = START
    for index, value in enumerate(values):
        summary = update(summary, value, index)
    return summary


def test_a_steady_decay_is_projected_to_its_floor() -> None:
    entropy = track(*(-0.01 * t + 0.01 * (-1) ** t for t in range(150)))
    found = entropy_floor(entropy, 0, 149, 150)
    assert found is not None
    assert found.floor == pytest.approx(0.1, rel=0.1)
    assert found.step == pytest.approx(230, abs=12)
    assert found.latest is not None
    assert found.earliest <= found.step <= found.latest


def test_the_steps_between_records_count() -> None:
    entropy = track(*(-0.01 * t for t in range(150)))
    found = entropy_floor(entropy, 1000, 1000 + 149 * 5, 150)
    assert found is not None
    assert found.step == pytest.approx(1000 + 5 * 233, abs=40)


def test_there_is_no_forecast_without_a_clear_fall() -> None:
    flat = track(*(0.1 * (-1) ** (t // 7) for t in range(150)))
    rising = track(*(0.01 * t for t in range(150)))
    slow = track(*(-0.0005 * t for t in range(150)))
    arrived = track(*(-0.05 * t for t in range(150)))
    for entropy in (flat, rising, slow, arrived, track(1.0, 1.0, 1.0), None):
        assert entropy_floor(entropy, 0, 149, 150) is None


def test_there_is_no_forecast_from_one_record_or_one_step() -> None:
    steady = track(*(-0.01 * t for t in range(150)))
    assert entropy_floor(steady, 0, 0, 1) is None
    assert entropy_floor(steady, 7, 7, 150) is None


def test_an_interval_that_reaches_beyond_the_horizon_is_open() -> None:
    kinked = [-0.004 * t if t % 40 < 20 else -0.016 * t for t in range(150)]
    found = entropy_floor(track(*kinked), 0, 149, 150)
    assert found is None or found.latest is None or found.latest > found.step


def test_the_trend_shrugs_off_wild_points() -> None:
    line = trend(range(9), [0.0, 1.0, 2.0, 30.0, 4.0, 5.0, -20.0, 7.0, 8.0])
    assert line is not None
    assert line.slope == pytest.approx(1.0)
    assert line.low <= 1.0 <= line.high
    assert trend(range(4), [0.0, 1.0, 2.0, 3.0]) is None


def test_equal_points_have_no_fit() -> None:
    line = trend(range(6), [2.0] * 6)
    assert line is not None
    assert (line.slope, line.fit) == (0.0, 0.0)


def test_the_reward_entropy_law_is_recovered() -> None:
    nats = [1.0 - 0.006 * t for t in range(150)]
    entropy = track(*(math.log(h) for h in nats))
    reward = track(*(0.9 - 0.2 * math.exp(h) for h in nats))
    law = reward_law(entropy, reward)
    assert law is not None
    assert law.a == pytest.approx(0.2, rel=0.1)
    assert law.ceiling == pytest.approx(0.7, abs=0.03)
    assert law.fit > 0.95


def test_the_law_is_absent_where_it_does_not_hold() -> None:
    entropy = track(*(math.log(1.0 - 0.006 * t) for t in range(150)))
    falling = track(*(0.5 - 0.002 * t for t in range(150)))
    flat = track(*([0.5] * 150))
    noisy = track(*(0.5 + 0.1 * (-1) ** (t // 9) for t in range(150)))
    for reward in (falling, flat, noisy, track(0.5), None):
        assert reward_law(entropy, reward) is None
    assert reward_law(None, flat) is None
    assert reward_law(flat, noisy) is None
    assert reward_law(track(0.0, -0.5, -1.0), track(0.1, 0.2, 0.3)) is None
