"""The policy's entropy falls faster than learning makes it fall."""

import math

from fade_core.detectors.outcome import harmed, propose, solved
from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View
from fade_core.signals import excess, shift, unlog

ID = "entropy_collapse"
NEEDS = ("entropy",)
START = OFF
TENTH, HUNDREDTH = math.log(10.0), math.log(100.0)
TEXT = Text(
    "The entropy is collapsing: the policy narrows to a few answers.",
    "Exploration ends, pass@k for large k falls, groups lose their variance and the gradient.",
    (
        "Lower delta (weight failures more): FADE in control mode does it by itself.",
        "Raise the upper clip: TRL epsilon_high=0.28, verl "
        "actor_rollout_ref.actor.clip_ratio_high=0.28, OpenRLHF --actor.eps_clip_low_high 0.2 "
        "0.28.",
        "Add an entropy bonus: TRL use_adaptive_entropy, verl "
        "actor_rollout_ref.actor.entropy_coeff, OpenRLHF --actor.entropy_coef; or halve the "
        "learning rate.",
    ),
)


def step(state: Watch, view: View) -> tuple[Watch, Finding | None]:
    """Advance by one record.

        fast = (ln H an eighth of the run ago - ln H now) / max(power-law allowance, 6 sigma)
        slow = (ln H at the start - ln H now) / max(ln 10, 6 sigma)
        score = max(fast, slow)

    Critical below a hundredth of the start, or below a tenth once the score is harmed. Only an
    ``info`` where the task is solved: a solved task needs no entropy.

    Good at: any unit and any start, 0.1 nat or 3; a fall that has only begun. Bad at: a collapse
    no faster than ordinary learning, which the slow rule sees late; a collapse onto templates
    that keep their token entropy, which ``diversity_loss`` sees.

    Source: Cui et al. 2025, "The Entropy Mechanism of Reinforcement Learning for Reasoning
    Language Models", arXiv:2505.22617.

    >>> from fade_core.monitor import first_alert
    >>> h = [1.0] * 60 + [0.93**t for t in range(60)]
    >>> first_alert("entropy_collapse", [{"step": t, "entropy": x} for t, x in enumerate(h)])
    (77, 'warning')
    """
    track = view.tracks.get("entropy")
    if track is None:
        return state, None
    if track.seen == view.index:
        change, allowance = shift(track)
        total = track.base - track.level
        score = max(excess(-change, track, allowance, 6.0), excess(total, track, TENTH, 6.0))
        critical = score >= 1.0 and (total >= HUNDREDTH or (total >= TENTH and harmed(view)))
        ceiling = 1 if score >= 1.0 and solved(view) else 3
        state = advance(state, view.step, score, critical=critical, ceiling=ceiling)
    if not state.on:
        return state, None
    evidence = {
        "entropy": unlog(track.level),
        "entropy_at_start": unlog(track.base),
        "entropy_before": unlog(track.level - shift(track).change),
        "deviations": -shift(track).change / max(track.sigma, 1e-9),
    }
    return state, finding(ID, state, view, evidence, TEXT, proposal=propose(view))
