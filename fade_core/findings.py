"""What a detector says: the finding, its texts and the schedule it proposes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from fade_core.signals import Track

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""In order, mildest first."""


class Text(NamedTuple):
    """The reading of a finding, the same for every run.

    Attributes:
        cause: What is going on, named.
        effect: What follows if nothing is done.
        advice: What to do; trainer options by their own names.
    """

    cause: str
    effect: str
    advice: tuple[str, ...]


class Proposal(NamedTuple):
    """A schedule that counters a finding, and the masses it would make at the present solve rate.

    Attributes:
        alpha: Difficulty focus.
        delta: Sign balance m_S / m_F.
        mass_success: Predicted m_S = p q^alpha of a rollout.
        mass_failure: Predicted m_F = m_S / delta.
    """

    alpha: float
    delta: float
    mass_success: float
    mass_failure: float


class Finding(NamedTuple):
    """What one detector saw at one step.

    Attributes:
        detector: Its id.
        severity: ``info``, ``warning`` or ``critical``.
        step: Where it was seen.
        onset_step: Where it is estimated to have begun.
        evidence: Numbers by name, in the units of the record.
        text: Cause, effect and advice.
        variant: Which form of the pathology; empty where there is one.
        proposal: A schedule, where the scheduler can help.
    """

    detector: str
    severity: Severity
    step: int
    onset_step: int
    evidence: Mapping[str, float]
    text: Text
    variant: str = ""
    proposal: Proposal | None = None


@dataclass(frozen=True, slots=True)
class View:
    """All that a detector may look at in one step.

    Attributes:
        step: The trainer's step.
        index: Number of records before this one; what is measured now has ``track.seen == index``.
        first_step: Step of the first record.
        tracks: Summaries by signal.
        controls: The schedule the trainer says it used: ``alpha`` and ``delta``, where reported.
        non_finite: Names of fields that are ``nan`` or infinite in this record.
        reappeared: Whether the trainer's step went back: a resumed run.
    """

    step: int
    index: int
    first_step: int
    tracks: Mapping[str, Track]
    controls: Mapping[str, float]
    non_finite: tuple[str, ...] = ()
    reappeared: bool = False

    def fresh(self, name: str) -> Track | None:
        """Return the summary of a signal that was measured in this record, else None."""
        track = self.tracks.get(name)
        return track if track is not None and track.seen == self.index else None
