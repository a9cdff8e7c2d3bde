"""The policy's entropy rises above where the run started."""

from fade_core.detectors.outcome import harmed
from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View
from fade_core.signals import excess, shift, unlog

ID = "entropy_explosion"
NEEDS = ("entropy",)
START = OFF
TEXT = Text(
    "The entropy is exploding: the policy drifts towards noise.",
    "Answers become incoherent, lengths run to the limit, and the score follows within tens of "
    "steps.",
    (
        "Go back to the last good checkpoint and halve the learning rate.",
        "Remove or lower the entropy bonus: TRL use_adaptive_entropy, verl "
        "actor_rollout_ref.actor.entropy_coeff, OpenRLHF --actor.entropy_coef.",
        "Weight failures less (delta towards 1) and mask stale or mismatched tokens: TRL "
        "vllm_importance_sampling_correction, verl algorithm.rollout_correction.",
    ),
)


def step(state: Watch, view: View) -> tuple[Watch, Finding | None]:
    """Advance by one record.

        fast = (ln H now - ln H an eighth of the run ago) / max(2/3 power-law allowance, 6 sigma)
        high = (ln H now - ln H at the start) / max(ln 1.5, 6 sigma)
        score = min(fast, high), or (ln H now - ln H at the start) / ln 6 if that is larger

    Critical above four times the start once the score is harmed.

    Good at: the rise itself, before lengths and reward show it. Bad at: telling wanted
    exploration (an entropy target above the start) from drift; a rise after a dip is ignored
    until it exceeds the start, and ``entropy_collapse`` reports the dip.

    Source: our reading of public runs: of eight reward collapses in one sweep four went through
    an entropy above 2 nats (docs/early_warning.md).

    >>> from fade_core.monitor import first_alert
    >>> h = [0.6] * 60 + [0.6 * 1.04**t for t in range(60)]
    >>> first_alert("entropy_explosion", [{"step": t, "entropy": x} for t, x in enumerate(h)])
    (77, 'warning')
    """
    track = view.tracks.get("entropy")
    if track is None:
        return state, None
    if track.seen == view.index:
        change, allowance = shift(track)
        total = track.level - track.base
        fast = min(excess(change, track, allowance / 1.5, 6.0), excess(total, track, 0.405, 6.0))
        score = max(fast, excess(total, track, 1.792, 6.0))
        critical = score >= 1.0 and total >= 1.386 and harmed(view)
        state = advance(state, view.step, score, critical=critical)
    if not state.on:
        return state, None
    evidence = {
        "entropy": unlog(track.level),
        "entropy_at_start": unlog(track.base),
        "entropy_before": unlog(track.level - shift(track).change),
        "deviations": shift(track).change / max(track.sigma, 1e-9),
    }
    return state, finding(ID, state, view, evidence, TEXT)
