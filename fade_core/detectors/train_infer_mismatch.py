"""The trainer and the sampler give the same tokens ever more different probabilities."""

from fade_core.detectors.outcome import harmed
from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View
from fade_core.signals import excess, unlog

ID = "train_infer_mismatch"
NEEDS = ("train_infer_k3", "train_infer_abs_logprob_diff")
START = OFF
TEXT = Text(
    "Trainer and sampler disagree more and more about the same tokens.",
    "The update becomes off-policy without anyone asking for it; runs die of it after hundreds "
    "of healthy-looking steps.",
    (
        "Correct for it: TRL vllm_importance_sampling_correction=True, verl "
        "algorithm.rollout_correction.rollout_is=token, OpenRLHF "
        "--algo.advantage.is_correction_enable.",
        "Remove its source: same precision on both sides (fp16 or fp32 head), same attention "
        "kernels, recorded routing for mixtures of experts, weights synchronised every step.",
    ),
)


def step(state: Watch, view: View) -> tuple[Watch, Finding | None]:
    """Advance by one record, with d the k3 divergence of sampler and trainer, else |log ratio|.

        score = (ln d now - ln d at the start) / max(ln 3, 6 sigma)

    Critical at ten times the start once the score is harmed.

    Good at: the hidden cause of collapses that come out of nothing. Bad at: a mismatch that is
    there from the start and constant; staleness by design raises it too, so read
    ``staleness`` beside it.

    Source: Yao et al. 2025, "Your efficient RL framework secretly brings you off-policy
    training"; Liu, Li et al. 2025 on collapse from the mismatch.

    >>> from fade_core.monitor import first_alert
    >>> d = [0.002 + 0.0002 * (-1) ** t for t in range(40)] + [0.002 * 1.1**t for t in range(40)]
    >>> first_alert(
    ...     "train_infer_mismatch", [{"step": t, "train_infer_k3": x} for t, x in enumerate(d)]
    ... )
    (57, 'warning')
    """
    track = view.tracks.get("train_infer_k3") or view.tracks.get("train_infer_abs_logprob_diff")
    if track is None:
        return state, None
    risen = track.level - track.base
    if track.seen == view.index:
        score = excess(risen, track, 1.099, 6.0)
        critical = risen >= 2.303 and harmed(view)
        state = advance(state, view.step, score, critical=critical)
    if not state.on:
        return state, None
    evidence = {
        "mismatch": unlog(track.level),
        "mismatch_at_start": unlog(track.base),
        "deviations": risen / max(track.sigma, 1e-9),
    }
    return state, finding(ID, state, view, evidence, TEXT)
