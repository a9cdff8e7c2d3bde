"""A few rollouts carry the update: the advantage weights have heavy tails."""

from fade_core.detectors.outcome import solved
from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View
from fade_core.signals import unlog

ID = "advantage_tails"
NEEDS = ("adv_kurtosis", ("adv_max", "adv_std"))
START = OFF
TEXT = Text(
    "The advantage weights have grown heavy tails: a few rollouts carry the update.",
    "The gradient becomes noise of single rollouts, spikes follow, and the score falls.",
    (
        "Cap or whiten what multiplies the advantage: importance ratios (TRL "
        "importance_sampling_level=sequence and vllm_importance_sampling_cap, verl "
        "algorithm.rollout_correction), reward scale (TRL scale_rewards), per-sample weights.",
        "Lower alpha: a large difficulty focus makes rare successes heavy by construction.",
    ),
)


def step(state: Watch, view: View) -> tuple[Watch, Finding | None]:
    """Advance by one record, with T = ln((excess kurtosis + 3) (1 - zero-variance share)).

        score = (T now - T at the start) / max(ln 2, 6 sigma of the first fifty values)

    Heavy tails are noisy, so the noise they bring must not hide them. The run's start is what
    its method produces by construction, and the second factor removes what dead groups add by
    construction, so unique-best methods with a kurtosis of 260 are as normal as GRPO with -0.5.
    Without a kurtosis T is twice the log of largest weight over deviation. Critical at eight
    times the start's fourth moment and twice the threshold; an
    ``info`` where the task is solved and few groups are left.

    Good at: the cause of gradient spikes, a hundred steps ahead of them. Bad at: batches of a
    few groups, whose kurtosis is noise; a method that is heavy from its first step.

    Source: Garg et al. 2021, "On Proximal Policy Optimization's Heavy-tailed Gradients",
    arXiv:2102.10264.

    >>> from fade_core.monitor import first_alert
    >>> k = [0.1 * (-1) ** t for t in range(60)] + [0.3 * t for t in range(30)]
    >>> first_alert("advantage_tails", [{"step": t, "adv_kurtosis": x} for t, x in enumerate(k)])
    (75, 'warning')
    """
    track = view.tracks.get("tails")
    if track is None:
        return state, None
    risen = track.level - track.base
    if track.seen == view.index:
        score = risen / max(0.693, 6.0 * track.start_noise / 1.128)
        critical = score >= 2.0 and risen >= 2.079
        ceiling = 1 if solved(view) else 3
        state = advance(state, view.step, score, critical=critical, ceiling=ceiling)
    if not state.on:
        return state, None
    evidence = {
        "tail_index": unlog(track.level),
        "tail_index_at_start": unlog(track.base),
        "deviations": risen / max(track.sigma, 1e-9),
    }
    return state, finding(ID, state, view, evidence, TEXT)
