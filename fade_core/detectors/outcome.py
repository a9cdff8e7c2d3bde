"""Is the policy still doing its job? What several detectors ask before they call a harm."""

from fade_core.findings import Proposal, View
from fade_core.scheduler import DELTA_MIN, alpha_for, delta_for
from fade_core.signals import Track, unlog

SOLVED_AT = 0.97
"""Score in [0, 1] from which a task counts as solved."""


STILL_SOLVED_AT = 0.9
THIRD = 1.0 / 3.0

HARM_SIGMA = 2.5
"""Fall in deviations of one value; about ten deviations of the average of eight."""


def score_track(view: View) -> Track | None:
    """Return the solve rate's summary, else the mean reward's."""
    return view.tracks.get("accuracy") or view.tracks.get("reward_mean")


def span(track: Track) -> float:
    """Return the size that a fall of the score is measured against.

    The best average for scores that never were negative (zero is their floor), else the distance
    between the best and the worst, and at least eight deviations: a band of noise is no range.
    """
    if track.low >= 0.0:
        return track.high
    return max(track.high - track.low, 8.0 * track.sigma)


def lost(track: Track) -> float:
    """Return by how much the score is below its best average.

    The average of eight speaks, and the median of five where it shows a crash: a third of the
    span, six deviations of one value.
    """
    crash = track.high - track.level
    if crash >= THIRD * span(track) and crash >= 6.0 * track.sigma:
        return max(crash, track.high - track.mean)
    return track.high - track.mean


def solved(view: View) -> bool:
    """Tell whether nothing is left to learn: a score in [0, 1] that sits at the top.

    Once its average has been there it counts as solved down to 0.9, so noise cannot toggle it.
    """
    track = score_track(view)
    if track is None or track.high > 1.0:
        return False
    return track.level >= (STILL_SOLVED_AT if track.high >= SOLVED_AT else SOLVED_AT)


def harmed(view: View) -> bool:
    """Tell whether the score lost a fifth of its best, beyond its own noise."""
    track = score_track(view)
    if track is None:
        return False
    return lost(track) >= max(0.2 * span(track), HARM_SIGMA * track.sigma, 1e-12)


def propose(view: View) -> Proposal | None:
    """Propose the FADE schedule for the present solve rate and entropy, with its masses.

    The entropy scale is half of the run's own initial entropy, so that a policy that starts at
    0.3 nat is as steerable as one that starts at 2.

    Source: FADE, arXiv:2607.01490, sections 2 and 8.

    Returns:
        None where the solve rate is not known or nothing can be steered (p is 0 or 1).
    """
    accuracy, entropy = view.tracks.get("accuracy"), view.tracks.get("entropy")
    if accuracy is None or not 0.0 < accuracy.level < 1.0:
        return None
    alpha, delta, p = alpha_for(accuracy.level, 3.0), 1.0, accuracy.level
    if entropy is not None:
        half = unlog(entropy.base) / 2.0
        delta = delta_for(unlog(entropy.level), half, DELTA_MIN, half)
    mass = p * (1.0 - p) ** alpha
    return Proposal(alpha, delta, mass, mass / delta)
