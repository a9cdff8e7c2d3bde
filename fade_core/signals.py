"""One bounded summary of every signal of a run: where it is, was and started, and its noise.

The detectors read these summaries and never the records, so that a value is transformed and a
``nan`` is kept out in one place, and one step costs the same however long the run is.
"""

import math
from typing import NamedTuple

MEDIAN_OF = 5
"""Values of the short median: two wild ones change nothing."""

BASE_OF = 8
"""Values that make the level a run starts from."""

MEAN_OF = 8
"""Memory of the average."""

PAST_BLOCKS = 32
"""Blocks that hold the whole past; at this number neighbours are merged two by two."""

NOISE_MEMORY = 50
FOUR_SIGMA = 4.0 / 1.128
"""In mean changes from one value to the next."""
YOUNG = 20
FALLOFF = 3.5
"""Largest power of the step that counts as ordinary learning: signal ~ step ** 3.5."""


class Track(NamedTuple):
    """What is kept of one signal, in its transformed unit (the logarithm for positive scales).

    Attributes:
        values: Finite values so far.
        seen: Index of the record that brought the newest value.
        level: Median of the newest five values.
        base: Mean level of the first eight values.
        noise: Robust mean size of the change from one value to the next.
        start_noise: The same, frozen at the fiftieth value.
        mean: Average with a memory of eight values, for signals that jump between few values.
        high: Highest such average so far, from the third value on.
        low: Lowest such average so far.
        same: Newest values in a row that are exactly equal.
        recent: The newest five values.
        past: Mean level of each block of the past, oldest first.
        block: Values in a block.
        filled: Values in the block that is being filled.
        total: Sum of their levels.
    """

    values: int = 0
    seen: int = -1
    level: float = 0.0
    base: float = 0.0
    noise: float = 0.0
    start_noise: float = 0.0
    mean: float = 0.0
    high: float = 0.0
    low: float = 0.0
    same: int = 0
    recent: tuple[float, ...] = ()
    past: tuple[float, ...] = ()
    block: int = 1
    filled: int = 0
    total: float = 0.0

    @property
    def sigma(self) -> float:
        """Standard deviation of one value around its path, from the changes: drift is ignored."""
        return self.noise / 1.128

    @property
    def value(self) -> float:
        """The newest value."""
        return self.recent[-1]


START = Track()


def update(track: Track, value: float, index: int) -> Track:
    """Advance a summary by one finite value.

        level[t] = median(x[t-4..t])
        noise[t] = noise[t-1] + w (min(|x[t] - x[t-1]|, 2 noise[t-1]) - noise[t-1])
        mean[t] = mean[t-1] + (level[t] + clip(x[t] - level[t], 4 sigma) - mean[t-1]) / 8

    Changes are cut at twice their mean (four times in the first twenty values), so spikes in a
    third of the steps leave the noise bounded; ``w`` is ``1/t`` and never below 1/50.

    Args:
        track: The summary before this value.
        value: In the transformed unit; finite.
        index: Of the record that brought it.

    Returns:
        The summary after it.

    >>> track = START
    >>> for index, value in enumerate([1.0, 1.2, 9.0, 1.1, 1.0]):
    ...     track = update(track, value, index)
    >>> (track.level, track.values)
    (1.1, 5)
    """
    # Unpacked, built as a bare tuple: this runs for every signal of every step.
    (
        count, _, _, base, noise, start_noise, mean, high, low, same, recent, past, block, filled,
        total,
    ) = track  # fmt: skip
    count += 1
    if count == 1:
        return Track(1, index, value, value, 0.0, 0.0, value, value, value, 1, (value,), (value,))
    change = abs(value - recent[-1])
    recent = (*recent[1:], value) if count > MEDIAN_OF else (*recent, value)
    level = sorted(recent)[len(recent) // 2]
    if count <= YOUNG:
        base, noise, mean = _young(track, count, value, level, change)
    else:
        # Zero so far: the first change is all that is known of the noise.
        cut = change if change < 2.0 * noise or noise == 0.0 else 2.0 * noise
        noise += (cut - noise) / (count if count < NOISE_MEMORY else NOISE_MEMORY)
        off, limit = value - level, FOUR_SIGMA * noise
        off = limit if off > limit else -limit if off < -limit else off
        mean += (level - mean + off) / MEAN_OF
    if count <= NOISE_MEMORY:
        start_noise = noise
    if mean > high or count <= 3:
        high = mean
    if mean < low or count <= 3:
        low = mean
    filled += 1
    total += level
    if filled == block:
        past, block = _push(past, total / block, block)
        filled, total = 0, 0.0
    same = same + 1 if change == 0.0 else 1
    return tuple.__new__(
        Track,
        (
            count,
            index,
            level,
            base,
            noise,
            start_noise,
            mean,
            high,
            low,
            same,
            recent,
            past,
            block,
            filled,
            total,
        ),
    )


def _clip(value: float, limit: float) -> float:
    if value > limit:
        return limit
    return value if value > -limit else -limit


def _young(
    track: Track, count: int, value: float, level: float, change: float
) -> tuple[float, float, float]:
    """Return base, noise and mean while they settle, over the first twenty values."""
    base, noise, mean = track.base, track.noise, track.mean
    noise = noise + (min(change, 4.0 * noise) - noise) / count if noise > 0.0 else change
    if count > BASE_OF:
        step = level - mean + _clip(value - level, 4.0 * noise / 1.128)
        return base, noise, mean + step / MEAN_OF
    return base + (level - base) / count, noise, mean + (value - mean) / count


def _push(past: tuple[float, ...], block_mean: float, block: int) -> tuple[tuple[float, ...], int]:
    """Append a block; at the limit merge neighbours, so that every block holds twice as many."""
    past = (*past, block_mean)
    if len(past) < PAST_BLOCKS:
        return past, block
    return tuple((past[i] + past[i + 1]) / 2.0 for i in range(0, PAST_BLOCKS, 2)), 2 * block


def unlog(level: float) -> float:
    """Return ``exp(level)`` for evidence; capped where a float would overflow."""
    return math.exp(min(level, 700.0))


class Shift(NamedTuple):
    """How far a level moved of late, and how far ordinary learning may move it.

    Attributes:
        change: Level now minus the level an eighth of the run ago (eight values at least).
        allowance: Change that a power law of the step with exponent 3.5 would make, >= 0.5.
    """

    change: float
    allowance: float


def shift(track: Track) -> Shift:
    """Compare a level with the one an eighth of the run ago.

    Learning slows down: entropy, KL and length move like a power of the step, so over the last
    eighth of any run they move by a bounded amount whatever the run's length or unit.

    Args:
        track: Of a signal in logarithms, at least one value.

    Returns:
        Change and allowance, both in units of the logarithm.
    """
    blocks = len(track.past)
    at = max(0, min(7 * blocks // 8 - 1, blocks - 1 - 8 // track.block))
    then = max(1.0, (at + 0.5) * track.block)
    allowance = max(0.5, FALLOFF * math.log(max(track.values, 2) / then))
    return Shift(track.level - track.past[at], allowance)


def excess(change: float, track: Track, material: float, deviations: float) -> float:
    """Score a change: 1 where it is both material and that many deviations of the run's noise.

    Args:
        change: In the unit of the track; a change in the harmless direction is negative.
        track: Whose noise is the yardstick.
        material: Smallest change that matters, > 0.
        deviations: Of one value, by which it must exceed the noise.

    Returns:
        The smaller of the two ratios, so 1 and above is an alarm.
    """
    return change / max(material, deviations * track.noise / 1.128)
