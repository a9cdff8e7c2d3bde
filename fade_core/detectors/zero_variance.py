"""Ever more groups have equal rewards, and carry no gradient."""

from fade_core.detectors.outcome import harmed, propose, score_track, solved
from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View
from fade_core.signals import excess

ID = "zero_variance"
NEEDS = ("zero_variance_fraction",)
START = OFF
ALL_SOLVED = Text(
    "Most groups are all solved: the prompts have become too easy to teach anything.",
    "The effective batch shrinks, gradients turn to noise, and entropy falls without gain.",
    (
        "Move to harder prompts, or filter the solved ones: verl algorithm.filter_groups.enable, "
        "OpenRLHF --algo.dynamic_filtering_enable; in TRL drop them from the data set.",
        "If the task is solved, stop: nothing is left to learn.",
    ),
)
NONE_SOLVED = Text(
    "Most groups have no solution: the prompts are too hard, or the reward is broken.",
    "No group carries a gradient; only the KL and entropy terms still move the policy.",
    (
        "Check the reward function and the answer format on a few rollouts first.",
        "Move to easier prompts, or sample more per prompt: TRL num_generations, verl "
        "actor_rollout_ref.rollout.n, OpenRLHF --rollout.n_samples_per_prompt; and more tokens if"
        " they are cut.",
    ),
)


def step(state: Watch, view: View) -> tuple[Watch, Finding | None]:
    """Advance by one record, with z the share of groups without variance.

        score = (z now - z at the start) / max(0.55 (1 - z at the start), 3 sigma)

    Two variants: all solved where those groups (or, if they are not told apart, the score) are
    above a half, else none solved. Critical from z = 0.95 on where none are solved or the score
    is harmed; an ``info`` where the task is solved.

    Good at: the slow death of the signal in a run that looks perfect. Bad at: a data set without
    signal from the first step, which is ``no_learning_signal``.

    Source: DAPO, arXiv:2503.14476, on groups whose advantages are all zero.

    >>> from fade_core.monitor import first_alert
    >>> z = [0.2] * 40 + [0.2 + 0.01 * t for t in range(80)]
    >>> first_alert(
    ...     "zero_variance", [{"step": t, "zero_variance_fraction": x} for t, x in enumerate(z)]
    ... )
    (90, 'warning')
    """
    track = view.tracks.get("zero_variance_fraction")
    if track is None:
        return state, None
    if track.seen == view.index:
        room = max(0.55 * (1.0 - track.base), 0.1)
        score = excess(track.level - track.base, track, room, 3.0)
        ceiling = 1 if score >= 1.0 and solved(view) else 3
        critical = track.level >= 0.95 and (harmed(view) or not _easy(view))
        state = advance(state, view.step, score, critical=critical, ceiling=ceiling, hold=4)
    if not state.on:
        return state, None
    easy = _easy(view)
    evidence = {"zero_variance_fraction": track.level, "at_start": track.base}
    for name in ("all_solved_fraction", "none_solved_fraction"):
        if name in view.tracks:
            evidence[name] = view.tracks[name].level
    text, variant = (ALL_SOLVED, "all_solved") if easy else (NONE_SOLVED, "none_solved")
    proposal = propose(view) if easy else None
    return state, finding(ID, state, view, evidence, text, variant=variant, proposal=proposal)


def _easy(view: View) -> bool:
    """Tell which kind of equal groups prevails."""
    all_solved = view.tracks.get("all_solved_fraction")
    none_solved = view.tracks.get("none_solved_fraction")
    if all_solved is not None and none_solved is not None:
        return all_solved.level >= none_solved.level
    score = score_track(view)
    return score is not None and score.level >= 0.5
