"""Answers grow to the limit, are cut, or shrink to nothing."""

from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View
from fade_core.signals import Track, excess, shift, unlog

ID = "length_pathology"
NEEDS = ("response_length_mean", "truncated_fraction")
START = OFF
TEXTS = {
    "blow_up": Text(
        "Answers are getting longer faster than learning makes them.",
        "They reach the limit, are cut, and lose their reward.",
        (
            "Average the loss over tokens: TRL loss_type=dapo, verl "
            "actor_rollout_ref.actor.loss_agg_mode=token-mean; or penalise overlong answers: verl"
            " reward_model.overlong_buffer.",
            "If entropy rises as well, treat that first.",
        ),
    ),
    "truncation": Text(
        "A growing share of the answers is cut at the length limit.",
        "Cut answers score nothing or by accident, and long reasoning is punished.",
        (
            "Raise the limit, or mask cut answers: TRL mask_truncated_completions and "
            "max_completion_length, verl data.max_response_length, OpenRLHF "
            "--rollout.max_new_tokens.",
        ),
    ),
    "collapse": Text(
        "Answers are shrinking fast.",
        "The policy skips its reasoning; the score of hard prompts goes first.",
        (
            "Check whether the reward pays for short or empty answers, and the sign of any "
            "length penalty.",
        ),
    ),
}


def step(state: Watch, view: View) -> tuple[Watch, Finding | None]:
    """Advance by one record, with L the mean length and c the share of cut answers.

        blow-up    = min(rise of ln L over an eighth of the run / max(allowance, 6 sigma),
                         rise since the start / ln 1.5)
        collapse   = the same downwards, against a third of the start
        truncation = rise of c since the start / max(0.25, 5 sigma)
        score = the largest

    Critical where nine answers in ten are cut that were not at the start.

    Good at: limits that are hit by drift, in tokens of any scale. Bad at: saying whether longer
    is better: it has no opinion on slow growth. Answers that are cut by design from the first
    step are normal.

    Source: DAPO, arXiv:2503.14476, on overlong answers.

    >>> from fade_core.monitor import first_alert
    >>> c = [0.0] * 40 + [0.02 * t for t in range(50)]
    >>> first_alert(
    ...     "length_pathology", [{"step": t, "truncated_fraction": x} for t, x in enumerate(c)]
    ... )
    (57, 'warning')
    """
    length, cut = view.tracks.get("response_length_mean"), view.tracks.get("truncated_fraction")
    fresh = (length and length.seen == view.index) or (cut and cut.seen == view.index)
    if not fresh and not state.on:
        return state, None
    scores = _scores(length, cut)
    variant = max(scores, key=lambda name: scores[name])
    if fresh:
        critical = cut is not None and cut.level >= 0.9 and cut.base <= 0.5
        state = advance(state, view.step, scores[variant], critical=critical)
    if not state.on:
        return state, None
    evidence = {}
    if length is not None:
        evidence = {"length": unlog(length.level), "length_at_start": unlog(length.base)}
    if cut is not None:
        evidence |= {"truncated_fraction": cut.level, "truncated_at_start": cut.base}
    return state, finding(ID, state, view, evidence, TEXTS[variant], variant=variant)


def _scores(length: Track | None, cut: Track | None) -> dict[str, float]:
    scores = {"truncation": 0.0, "blow_up": 0.0, "collapse": 0.0}
    if cut is not None:
        scores["truncation"] = excess(cut.level - cut.base, cut, 0.25, 5.0)
    if length is not None:
        change, allowance = shift(length)
        total = length.level - length.base
        up = excess(change, length, allowance, 6.0)
        scores["blow_up"] = min(up, total / 0.405)
        scores["collapse"] = min(-up, -total / 1.099)
    return scores
