"""FADE's scheduler: (alpha, delta) as a pure function of the observed accuracy and entropy.

The state is the ``Schedule`` itself, so a schedule that was stored is a state to resume from.
Source: FADE, arXiv:2607.01490, section 8; the EMA's direction is argued in ``docs/method.md``.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from fade_core.errors import SettingError

Source = Literal["fade", "override", "fallback"]
DELTA_MIN = 0.3
MAX_CHANGE = {"alpha": 1.0, "delta": 0.5}
"""How far an override may move each value at once from what the trainer uses."""


@dataclass(frozen=True, slots=True)
class SchedulerConfig:
    """Tuning of the scheduler.

    Attributes:
        alpha_max: Largest difficulty focus, >= 1.
        delta_min: Smallest sign balance, in (0, 1].
        ema_weight_new: Weight of the newest batch in both averages, in (0, 1].
        p_hat_initial: Solve rate assumed before the first batch, in [0, 1].
        h_initial: Entropy of the initial policy, nats a token; None takes the first observed.
        h_star: Entropy target, nats a token; None takes half of the initial entropy.
        entropy_scale: Nats of missing entropy that lower delta by 1, > 0; 1 is as published.
    """

    alpha_max: float = 3.0
    delta_min: float = DELTA_MIN
    ema_weight_new: float = 0.02
    p_hat_initial: float = 0.5
    h_initial: float | None = None
    h_star: float | None = None
    entropy_scale: float = 1.0

    def __post_init__(self) -> None:
        _require("alpha_max", self.alpha_max, 1.0, math.inf)
        _require("delta_min", self.delta_min, 0.0, 1.0, open_low=True)
        _require("ema_weight_new", self.ema_weight_new, 0.0, 1.0, open_low=True)
        _require("p_hat_initial", self.p_hat_initial, 0.0, 1.0)
        _require("entropy_scale", self.entropy_scale, 0.0, math.inf, open_low=True)
        for name in ("h_initial", "h_star"):
            value = getattr(self, name)
            if value is not None:
                _require(name, value, 0.0, math.inf)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The pair for one rollout batch, and everything needed to compute the next.

    Attributes:
        version: Number of step records observed so far.
        step: The rollout batch that the pair is for.
        alpha: Difficulty focus, >= 1.
        delta: Sign balance m_S / m_F, in (0, 1].
        p_hat: Moving average of the solve rate, in [0, 1].
        h_hat: Moving average of the entropy, nats a token; ``nan`` before the first value.
        h_star: Entropy target, nats a token; ``nan`` before it is known.
        reason: Why the pair is what it is, in one line.
        source: ``fade`` when computed, ``override`` when a person pinned it, ``fallback`` when
            the trainer keeps the neutral pair because it only observes.
    """

    version: int
    step: int
    alpha: float
    delta: float
    p_hat: float
    h_hat: float
    h_star: float
    reason: str
    source: Source = "fade"


class Averages(NamedTuple):
    """What a pair is computed from: the schedule without the pair, and without a reason.

    Attributes:
        version: As in ``Schedule``, like the rest.
        step: See there.
        p_hat: See there.
        h_hat: See there.
        h_star: See there.
    """

    version: int
    step: int
    p_hat: float
    h_hat: float
    h_star: float

    @classmethod
    def of(cls, schedule: Schedule) -> "Averages":
        """Return those of a schedule."""
        return cls(schedule.version, schedule.step, schedule.p_hat, schedule.h_hat, schedule.h_star)


@dataclass(frozen=True, slots=True)
class Override:
    """A pinned alpha, delta or both, by a person.

    Attributes:
        alpha: Value to pin, or None to leave it to the scheduler.
        delta: Value to pin, or None to leave it to the scheduler.
        reason: Why; shown wherever the schedule is.
        by: Who, as the service knows the caller.
    """

    alpha: float | None
    delta: float | None
    reason: str
    by: str = ""

    def over(self, alpha: float, delta: float) -> tuple[float, float]:
        """Return the scheduler's pair with what is pinned in its place."""
        return (
            alpha if self.alpha is None else self.alpha,
            delta if self.delta is None else self.delta,
        )


def alpha_for(p_hat: float, alpha_max: float) -> float:
    """Return the difficulty focus for a solve rate.

        alpha = clip(3 (1 - p_hat) / (2 p_hat), 1, alpha_max);  alpha_max at p_hat = 0

    Source: FADE, arXiv:2607.01490, section 8.

    Args:
        p_hat: Average solve rate, in [0, 1].
        alpha_max: Largest value to return, >= 1.

    Returns:
        In [1, alpha_max]; 3 up to p_hat = 1/3 and 1 from p_hat = 0.6 with the default maximum.

    >>> [alpha_for(p, 3.0) for p in (0.0, 0.5, 0.75)]
    [3.0, 1.5, 1.0]
    """
    if p_hat <= 0.0:
        return alpha_max
    return min(max(3.0 * (1.0 - p_hat) / (2.0 * p_hat), 1.0), alpha_max)


def delta_for(h_hat: float, h_star: float, delta_min: float, entropy_scale: float = 1.0) -> float:
    """Return the sign balance for an entropy and its target.

        delta = clip(1 + (h_hat - h_star) / entropy_scale, delta_min, 1)

    The published form has a scale of 1 nat, so a policy that starts at 0.4 nat with a target
    of 0.2 can never go below 0.8; a smaller scale makes such a policy steerable.

    Source: FADE, arXiv:2607.01490, section 8.

    Args:
        h_hat: Average entropy, nats a token; ``nan`` when unknown.
        h_star: Target, nats a token; ``nan`` when unknown.
        delta_min: Smallest value to return.
        entropy_scale: In nats, > 0.

    Returns:
        In [delta_min, 1]; 1, the neutral value, while the entropy is unknown.

    >>> [delta_for(h, 1.0, 0.3) for h in (1.5, 0.75, 0.0)]
    [1.0, 0.75, 0.3]
    """
    if h_hat != h_hat or h_star != h_star:
        return 1.0
    return min(max(1.0 + (h_hat - h_star) / entropy_scale, delta_min), 1.0)


def initial(config: SchedulerConfig | None = None) -> Schedule:
    """Return the schedule of a run that has reported nothing yet.

    Args:
        config: Tuning; the defaults when None.

    Returns:
        Version 0, for step 0.
    """
    config = config or SchedulerConfig()
    h_hat = math.nan if config.h_initial is None else config.h_initial
    h_star = _target(config, h_hat)
    averages = Averages(0, 0, config.p_hat_initial, h_hat, h_star)
    return _schedule(averages, config, ["initial values"])


def observe(
    schedule: Schedule, step: int, accuracy: float, entropy: float, config: SchedulerConfig
) -> Schedule:
    """Advance by one step record: both averages first, then the pair.

        p_hat <- (1 - w) p_hat + w accuracy,   h_hat <- (1 - w) h_hat + w entropy

    with ``w = ema_weight_new``. The first entropy seen becomes the initial one when the
    configuration gives none. A value that is missing or cannot be right (``nan``, infinite,
    outside its range) leaves its average as it was, and the reason says so.

    Source: FADE, arXiv:2607.01490, section 8; weight 0.02 on the new value.

    Args:
        schedule: The one before this record.
        step: The record's step, >= 0.
        accuracy: Mean solve rate of the batch before any filtering, in [0, 1]; ``nan`` if none.
        entropy: Mean token entropy of the batch, nats, >= 0; ``nan`` if none.
        config: Tuning, the same for the whole run.

    Returns:
        The schedule for step ``step + 1``, one version on.
    """
    averages = advance(Averages.of(schedule), step, accuracy, entropy, config)
    return explained(averages, accuracy, entropy, config)


def advance(
    averages: Averages, step: int, accuracy: float, entropy: float, config: SchedulerConfig
) -> Averages:
    """Do what ``observe`` does to the averages alone, for many records or many a second.

    Args:
        averages: Those before this record.
        step: As for ``observe``, like the rest.
        accuracy: See there.
        entropy: See there.
        config: See there.

    Returns:
        Those after it.
    """
    version, _, p_hat, h_hat, h_star = averages
    weight = config.ema_weight_new
    if 0.0 <= accuracy <= 1.0:
        p_hat = (1.0 - weight) * p_hat + weight * accuracy
    before = math.nan
    if 0.0 <= entropy < math.inf:
        before = entropy if h_hat != h_hat else h_hat
        h_hat = (1.0 - weight) * before + weight * entropy
    if h_star != h_star:
        h_star = _target(config, before)
    return Averages(version + 1, step + 1, p_hat, h_hat, h_star)


def pair_of(averages: Averages, config: SchedulerConfig) -> tuple[float, float]:
    """Apply both rules.

    Args:
        averages: What they are computed from.
        config: Tuning.

    Returns:
        alpha and delta.
    """
    alpha = alpha_for(averages.p_hat, config.alpha_max)
    delta = delta_for(averages.h_hat, averages.h_star, config.delta_min, config.entropy_scale)
    return alpha, delta


def explained(
    averages: Averages, accuracy: float, entropy: float, config: SchedulerConfig
) -> Schedule:
    """Give the reason for the pair of these averages.

    Args:
        averages: After the last record.
        accuracy: The last record's.
        entropy: The last record's.
        config: Tuning.

    Returns:
        What ``observe`` returns.
    """
    notes: list[str] = []
    if not 0.0 <= accuracy <= 1.0:
        notes.append(_unused("accuracy", accuracy))
    if not 0.0 <= entropy < math.inf:
        notes.append(_unused("entropy", entropy))
    return _schedule(averages, config, notes)


def replay(
    records: Iterable[tuple[int, float, float]], config: SchedulerConfig | None = None
) -> list[Schedule]:
    """Return the schedule that was in force at each of these records, and the one after.

    Args:
        records: (step, accuracy, entropy) in the order they were observed.
        config: Tuning; the defaults when None.

    Returns:
        One schedule a record, then the next: ``len(records) + 1`` in all.
    """
    config = config or SchedulerConfig()
    schedules = [initial(config)]
    for step, accuracy, entropy in records:
        schedules.append(observe(schedules[-1], step, accuracy, entropy, config))
    return schedules


def apply_override(schedule: Schedule, override: Override | None) -> Schedule:
    """Replace what a person pinned; the averages underneath go on as they were.

    Args:
        schedule: As the scheduler computed it.
        override: What is pinned, or None.

    Returns:
        The schedule the trainer uses.
    """
    if override is None:
        return schedule
    who = f" by {override.by}" if override.by else ""
    pins = {"alpha": override.alpha, "delta": override.delta}
    text = ", ".join(f"{name} {value:g}" for name, value in pins.items() if value is not None)
    alpha, delta = override.over(schedule.alpha, schedule.delta)
    return replace(
        schedule,
        alpha=alpha,
        delta=delta,
        reason=f"{text} pinned{who}: {override.reason}",
        source="override",
    )


def check_override(
    override: Override, config: SchedulerConfig, used: Schedule | None = None
) -> None:
    """Refuse an override that pins nothing, outside the guard rails, or too far away.

    Half of the usual range at once: a pair that is further away is reached over several steps,
    each of which the trainer has used before the next is pinned.

    Args:
        override: What a person asks for.
        config: The run's tuning, which holds the bounds.
        used: What the trainer uses now; None where any distance is allowed.

    Raises:
        SettingError: It pins neither value, one outside [1, alpha_max] or [delta_min, 1], or one
            more than ``MAX_CHANGE`` from what is used.
    """
    if override.alpha is None and override.delta is None:
        raise SettingError("an override must pin alpha, delta or both; to let go, release it")
    if override.alpha is not None:
        _require("alpha", override.alpha, 1.0, config.alpha_max)
    if override.delta is not None:
        _require("delta", override.delta, config.delta_min, 1.0)
    for name, most in MAX_CHANGE.items():
        wanted, now = getattr(override, name), getattr(used, name, math.nan)
        if wanted is not None and abs(wanted - now) > most + 1e-9:
            nearest = now + math.copysign(most, wanted - now)
            raise SettingError(
                f"{name} may change by at most {most:g} at once, from {now:g} to {wanted:g} is "
                f"more; pin {nearest:.6g} first, and go on once the trainer has used it"
            )


def _schedule(averages: Averages, config: SchedulerConfig, notes: list[str]) -> Schedule:
    version, step, p_hat, h_hat, h_star = averages
    alpha, delta = pair_of(averages, config)
    parts = [_alpha_reason(alpha, p_hat, config), _delta_reason(delta, h_hat, h_star, config)]
    reason = "; ".join(parts + notes)
    return Schedule(version, step, alpha, delta, p_hat, h_hat, h_star, reason)


def _alpha_reason(alpha: float, p_hat: float, config: SchedulerConfig) -> str:
    if alpha >= config.alpha_max:
        where = "low, so alpha is at its maximum"
    elif alpha <= 1.0:
        where = "high, so alpha is at its minimum"
    else:
        where = f"gives alpha {alpha:.3g}"
    return f"solve rate {p_hat:.3f} {where}"


def _delta_reason(delta: float, h_hat: float, h_star: float, config: SchedulerConfig) -> str:
    if math.isnan(h_hat):
        return "no entropy yet, so delta is neutral"
    where = f"entropy {h_hat:.3f}"
    if delta >= 1.0:
        return f"{where} at or above target {h_star:.3f}, so delta is neutral"
    limit = " (its floor)" if delta <= config.delta_min else ""
    return f"{where} under target {h_star:.3f}, so delta is {delta:.3g}{limit}"


def _unused(name: str, value: float) -> str:
    # nan is both "not in the record" and "measured as nan"; either way there is nothing to use.
    return f"no {name} in the last record" if math.isnan(value) else f"{name} {value} not used"


def _target(config: SchedulerConfig, initial_entropy: float) -> float:
    return initial_entropy / 2.0 if config.h_star is None else config.h_star


def _require(name: str, value: float, low: float, high: float, *, open_low: bool = False) -> None:
    inside = math.isfinite(value) and value <= high and (value > low if open_low else value >= low)
    if not inside:
        bracket = "(" if open_low else "["
        raise SettingError(
            f"{name} must be a finite number in {bracket}{low:g}, {high:g}], got {value}"
        )
