"""The alarm every detector shares: hold before firing, hysteresis before resolving, onset."""

from collections.abc import Mapping
from typing import NamedTuple

from fade_core.findings import SEVERITIES, Finding, Proposal, Text, View

HOLD = 3
"""Measurements in a row at or above the threshold before an alarm."""

RELEASE = 10
"""Measurements in a row below half of the threshold before it is over."""


class Watch(NamedTuple):
    """State of an alarm.

    Attributes:
        calm: Step that last was below half of the threshold; None when none was.
        reached: Step at which the threshold was reached.
        streak: Measurements in a row at or above the threshold.
        hard: Measurements in a row that were critical.
        quiet: Measurements in a row below half of the threshold, while on.
        on: 0 off, 1 info, 2 warning, 3 critical.
    """

    calm: int | None = None
    reached: int = 0
    streak: int = 0
    hard: int = 0
    quiet: int = 0
    on: int = 0


OFF = Watch()


def advance(
    watch: Watch,
    step: int,
    score: float,
    *,
    critical: bool = False,
    ceiling: int = 3,
    hold: int = HOLD,
) -> Watch:
    """Advance an alarm by one measurement.

    On after ``hold`` scores in a row of at least 1, off after ten below 0.5; meanwhile the
    severity only rises, except to a lower ceiling.

    Args:
        watch: Before this measurement.
        step: The trainer's step.
        score: Distance from normal in units of the threshold.
        critical: Whether this measurement is beyond a warning.
        ceiling: Highest severity allowed now: 1 info, 2 warning, 3 critical.
        hold: Measurements before the alarm.

    Returns:
        The alarm after it.

    >>> watch = OFF
    >>> for step, score in enumerate([0.1, 1.2, 1.3, 1.1]):
    ...     watch = advance(watch, step, score)
    >>> (watch.on, watch.calm)
    (2, 0)
    """
    calm, reached, streak, hard, quiet, on = watch
    if score < 0.5:
        if on and quiet < RELEASE - 1:
            return Watch(calm, reached, 0, 0, quiet + 1, on)
        return Watch(step, reached)
    if score < 1.0:
        return Watch(calm, reached, 0, 0, 0, on)
    if not streak and not on:
        reached = step
    streak, hard = streak + 1, hard + 1 if critical else 0
    level = 0 if streak < hold else min(ceiling, 3 if hard >= hold else 2)
    return Watch(calm, reached, streak, hard, 0, min(max(on, level), ceiling))


def finding(
    detector: str,
    watch: Watch,
    view: View,
    evidence: Mapping[str, float],
    text: Text,
    *,
    variant: str = "",
    proposal: Proposal | None = None,
) -> Finding:
    """Build what a firing alarm has to say.

    Args:
        detector: Its id.
        watch: Of an alarm that is on.
        view: Of this step.
        evidence: Numbers by name, in the units of the record.
        text: Cause, effect and advice.
        variant: Which form of the pathology.
        proposal: A schedule, where the scheduler can help.

    Returns:
        The finding; its onset is the step after the last calm one.
    """
    onset = view.first_step
    if watch.calm is not None:  # it took as long to half of the threshold as from there to it
        onset = max(onset, 2 * watch.calm + 2 - max(watch.reached, watch.calm + 1))
    return Finding(
        detector, SEVERITIES[watch.on - 1], view.step, min(onset, view.step),
        evidence, text, variant, proposal,
    )  # fmt: skip
