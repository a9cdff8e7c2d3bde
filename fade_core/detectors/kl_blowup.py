"""The divergence from the reference policy grows faster than learning makes it grow."""

import math

from fade_core.detectors.outcome import harmed
from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View
from fade_core.signals import excess, shift, unlog

ID = "kl_blowup"
NEEDS = ("kl_k3", "kl_k1")
START = OFF
EIGHTFOLD = math.log(8.0)
TEXT = Text(
    "The KL divergence from the reference is blowing up.",
    "The policy leaves the region its reward and its reference know; the score falls next.",
    (
        "Go back to a checkpoint before the onset and lower the learning rate.",
        "Raise the KL penalty: TRL beta, verl actor_rollout_ref.actor.kl_loss_coef "
        "(use_kl_loss=True), OpenRLHF --algo.kl.init_coef.",
        "Check for stale rollouts and a trainer that disagrees with its sampler.",
    ),
)


def step(state: Watch, view: View) -> tuple[Watch, Finding | None]:
    """Advance by one record; ``kl_k3`` is read, else the size of ``kl_k1``.

        fast = (ln KL now - ln KL an eighth of the run ago) / max(power-law allowance, 6 sigma)
        far  = min(KL / 1 nat a token, (ln KL now - ln KL at the start) / max(ln 8, 4 sigma))
        score = max(fast, far)

    Critical where ``far`` is reached, or fifty times the start once the score is harmed.

    Good at: growth in any unit, from 0.001 or from 0.1, a hundred steps before the score falls.
    Bad at: the first thirty records, where KL climbs from zero in every run; a k1 estimate that
    scatters around zero.

    Source: Schulman 2020, "Approximating KL divergence" (k1, k3); the power-law allowance is
    ours.

    >>> from fade_core.monitor import first_alert
    >>> kl = [0.0002 * (t + 1) for t in range(60)] + [0.012 * 1.06**t for t in range(60)]
    >>> first_alert("kl_blowup", [{"step": t, "kl_k3": x} for t, x in enumerate(kl)])
    (77, 'warning')
    """
    track = view.tracks.get("kl")
    if track is None:
        return state, None
    if track.seen == view.index:
        change, allowance = shift(track)
        total = track.level - track.base
        far = min(unlog(track.level), excess(total, track, EIGHTFOLD, 4.0))
        score = max(excess(change, track, allowance, 6.0), far)
        critical = far >= 1.0 or (score >= 1.0 and total >= 3.9 and harmed(view))
        state = advance(state, view.step, score, critical=critical)
    if not state.on:
        return state, None
    evidence = {
        "kl": unlog(track.level),
        "kl_at_start": unlog(track.base),
        "kl_before": unlog(track.level - shift(track).change),
        "deviations": shift(track).change / max(track.sigma, 1e-9),
    }
    return state, finding(ID, state, view, evidence, TEXT)
