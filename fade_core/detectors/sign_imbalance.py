"""Success and failure no longer weigh what the method makes them weigh."""

import math

from fade_core.detectors.outcome import propose
from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View
from fade_core.signals import Track, excess, unlog

ID = "sign_imbalance"
NEEDS = (("mass_success", "mass_failure"),)
START = OFF
DOUBLE = math.log(2.0)
NO_FAILURES = math.log(100.0)
"""Ratio from which the other side carries nothing at all."""

FIFTH = 0.22
"""Fall of ln H by which the entropy has lost a fifth."""

TOWARDS_SUCCESS = Text(
    "The update is carried by successes: m_S far exceeds m_F.",
    "Predicted failure: entropy. Under clipping, positive weight alone narrows the policy.",
    (
        "Lower delta to between 0.3 and 1 (FADE sets m_S / m_F to delta exactly).",
        "Use a group baseline (GRPO, RLOO) rather than raw rewards, and do not drop or "
        "down-weight failures.",
        "Raise the upper clip only: TRL epsilon_high, verl "
        "actor_rollout_ref.actor.clip_ratio_high.",
    ),
)
TOWARDS_FAILURE = Text(
    "The update is carried by failures: m_F far exceeds m_S.",
    "Predicted failure: rank. The head's update degenerates to one direction late in the run.",
    (
        "Raise delta towards 1, and watch head_rank1_share.",
        "Check the reward offset: a reward that is negative for every answer does this.",
    ),
)


def step(state: Watch, view: View) -> tuple[Watch, Finding | None]:
    """Advance by one record, with r = ln(m_S / m_F).

        expected = ln delta where the trainer reports the delta it used, else r at the start
        moved = |r - expected| / max(ln 1.5, 6 sigma)
        born  = min(r / ln 2, fall of ln H since the start / material)
        score = max(moved, born),  material = 0.22 where r >= ln 100, else ln 2

    ``born`` is a method that is one-sided by construction: a finding only once the entropy has
    halved or, without any weight on failures (REINFORCE on rewards of 0 and 1), lost a fifth.
    Read with the clip fractions: high clips lower the entropy, low clips raise it.

    Good at: naming the cause while entropy and score still look well. Bad at: anything where
    the weights are not reported by outcome.

    Source: FADE, arXiv:2607.01490, sections 2 to 4; clip fractions, arXiv:2509.26114.

    >>> from fade_core.monitor import first_alert
    >>> m = [(0.2, 0.2)] * 40 + [(0.2 + 0.02 * t, 0.2) for t in range(20)]
    >>> first_alert(
    ...     "sign_imbalance",
    ...     [{"step": t, "mass_success": a, "mass_failure": b} for t, (a, b) in enumerate(m)],
    ... )
    (49, 'warning')
    """
    track = view.tracks.get("log_mass_ratio")
    if track is None:
        return state, None
    delta = view.controls.get("delta", 0.0)
    expected = math.log(delta) if delta > 0.0 else track.base
    if track.seen == view.index:
        score = max(excess(abs(track.level - expected), track, 0.405, 6.0), _born(track, view))
        state = advance(state, view.step, score)
    if not state.on:
        return state, None
    evidence = {"mass_ratio": unlog(track.level), "expected_ratio": unlog(expected)}
    for name in ("clip_fraction_high", "clip_fraction_low"):
        if name in view.tracks:
            evidence[name] = view.tracks[name].level
    success = track.level > min(expected, 0.0) if track.level > 0.0 else track.level > expected
    text, variant = (
        (TOWARDS_SUCCESS, "entropy") if success else (TOWARDS_FAILURE, "rank")
    )  # fmt: skip
    return state, finding(
        ID, state, view, evidence, text, variant=variant, proposal=propose(view)
    )  # fmt: skip


def _born(track: Track, view: View) -> float:
    """Score a method that is one-sided by construction, by what it has done to the entropy."""
    entropy = view.tracks.get("entropy")
    if entropy is None or track.level <= 0.0:
        return 0.0
    material = FIFTH if track.level >= NO_FAILURES else DOUBLE
    fallen = excess(entropy.base - entropy.level, entropy, material, 4.0)
    return min(track.level / DOUBLE, fallen)
