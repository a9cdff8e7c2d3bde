"""Where the entropy is heading, and what reward that leaves: shown as forecasts, or not at all."""

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import median
from typing import NamedTuple

from fade_core.signals import Track

FLOOR_SHARE = 0.1
"""Part of the starting entropy that counts as the floor."""

BLOCKS = 16
"""Newest blocks of the past that a trend is drawn through."""


class Forecast(NamedTuple):
    """When the entropy reaches its floor if it goes on as it does.

    Attributes:
        floor: In nats a token: a tenth of the starting level.
        step: Best estimate of the trainer's step.
        earliest: Lower end of the 95 % interval.
        latest: Upper end; None where the slower slopes of the interval never arrive.
        fit: Share of the spread that the trend explains, by absolute deviations, in (0, 1].
    """

    floor: float
    step: float
    earliest: float
    latest: float | None
    fit: float


class RewardLaw(NamedTuple):
    """The fitted law ``R = b - a e^H``: what further entropy can still buy.

    Attributes:
        a: Reward bought by a unit of e^H.
        b: Reward at e^H = 0.
        ceiling: ``b - a``, the reward at zero entropy.
        fit: R squared.
    """

    a: float
    b: float
    ceiling: float
    fit: float


class Trend(NamedTuple):
    """A robust line through points and the interval of its slope."""

    slope: float
    low: float
    high: float
    intercept: float
    fit: float


def trend(xs: Sequence[float], ys: Sequence[float]) -> Trend | None:
    """Draw the Theil-Sen line: the median of the slopes between all pairs of points.

    The interval takes the slopes whose rank is ``(N -+ 1.96 sqrt(n (n-1) (2n+5) / 18)) / 2``.
    Points of a run depend on each other, so it is too narrow rather than too wide.

    Source: Sen 1968, "Estimates of the Regression Coefficient Based on Kendall's Tau".

    Args:
        xs: Increasing.
        ys: As many.

    Returns:
        None for fewer than five points.

    >>> trend([0, 1, 2, 3, 4], [0.0, 1.0, 2.0, 9.0, 4.0]).slope
    1.0
    """
    n = len(xs)
    if n < 5:
        return None
    slopes = sorted((ys[j] - ys[i]) / (xs[j] - xs[i]) for i, j in combinations(range(n), 2))
    half = 1.96 * math.sqrt(n * (n - 1) * (2 * n + 5) / 18.0)
    low = max(0, int((len(slopes) - half) / 2.0))
    high = min(len(slopes) - 1, int((len(slopes) + half) / 2.0))
    slope = median(slopes)
    intercept = median(y - slope * x for x, y in zip(xs, ys, strict=True))
    centre = median(ys)
    spread = sum(abs(y - centre) for y in ys)
    left = sum(abs(y - intercept - slope * x) for x, y in zip(xs, ys, strict=True))
    fit = 1.0 - left / spread if spread > 0.0 else 0.0
    return Trend(slope, slopes[low], slopes[high], intercept, fit)


def entropy_floor(
    entropy: Track | None, first_step: int, last_step: int, records: int
) -> Forecast | None:
    """Forecast when the entropy will be a tenth of where it started.

    The trend is drawn in log entropy through the newest half of the past. There is no forecast
    where it explains less than half of the spread, where its interval holds a rising slope, or
    where the floor is further away than twice the run so far.

    Source: the log-linear projection of rl-doctor and the robust slope of Sen 1968.

    Args:
        entropy: Its summary, in ln nats.
        first_step: Of the run.
        last_step: Of the run so far.
        records: Between them, both included.

    Returns:
        None where nothing should be said.
    """
    if entropy is None or records < 2 or len(entropy.past) < 8:
        return None
    ys = entropy.past[-BLOCKS:]
    first = len(entropy.past) - len(ys)
    pace = (last_step - first_step) / (entropy.values - 1)
    xs = [first_step + (i + 0.5) * entropy.block * pace for i in range(first, len(entropy.past))]
    line = trend(xs, ys) if pace > 0.0 else None
    goal = entropy.base + math.log(FLOOR_SHARE)
    if line is None or line.fit < 0.5 or line.high >= 0.0 or entropy.level <= goal:
        return None

    def arrival(slope: float) -> float:
        return last_step + (goal - entropy.level) / slope

    horizon = last_step + 2.0 * (last_step - first_step)
    if arrival(line.slope) > horizon:
        return None
    latest = arrival(line.high)
    return Forecast(
        math.exp(goal),
        arrival(line.slope),
        arrival(line.low),
        latest if latest <= horizon else None,
        line.fit,
    )


def reward_law(entropy: Track | None, reward: Track | None) -> RewardLaw | None:
    """Fit ``R = b - a e^H`` by least squares over the blocks of the past.

    Source: Cui et al. 2025, arXiv:2505.22617: the first 36 steps of a run predict its next 200.

    Args:
        entropy: Its summary, in ln nats.
        reward: Of the score, measured in the same records.

    Returns:
        None where it explains less than four fifths of the variance, or a is not positive.
    """
    if entropy is None or reward is None or len(entropy.past) != len(reward.past):
        return None
    xs = [math.exp(min(math.exp(min(y, 5.0)), 50.0)) for y in entropy.past]
    n = len(xs)
    mean_x, mean_y = sum(xs) / n, sum(reward.past) / n
    xx = sum((x - mean_x) ** 2 for x in xs)
    yy = sum((y - mean_y) ** 2 for y in reward.past)
    xy = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, reward.past, strict=True))
    if n < 12 or xx <= 0.0 or yy <= 0.0 or xy >= 0.0 or xy * xy < 0.8 * xx * yy:
        return None
    a = -xy / xx
    b = mean_y + a * mean_x
    return RewardLaw(a, b, b - a, xy * xy / (xx * yy))
