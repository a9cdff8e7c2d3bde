"""The score falls back from its best."""

from fade_core.detectors.outcome import THIRD, lost, score_track, span
from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View

ID = "reward_collapse"
NEEDS = ("accuracy", "reward_mean")
START = OFF
TEXT = Text(
    "The score has fallen back from its best.",
    "What was learned is being lost; without a change it rarely comes back by itself.",
    (
        "Look at the findings before this one: a falling score is a consequence.",
        "Go back to the checkpoint of the best score, with half of the learning rate.",
    ),
)


def step(state: Watch, view: View) -> tuple[Watch, Finding | None]:
    """Advance by one record; ``accuracy`` is read, else ``reward_mean``.

        fall = best average - average now, each of about eight values
        score = max(fall / max(0.2 span, 2.5 sigma), fall / max(span / 3, 2 sigma))

    ``span`` is the best of a score that never was negative, else best minus worst. A
    crash is seen in the median of five before the average shows it.
    Critical where a third of it is lost.

    Good at: saying that harm is done, in any unit of reward. Bad at: being early: every other
    detector is there to come first. A slow fall inside the noise is not seen.

    Source: our own rule, a drawdown from the running best.

    >>> from fade_core.monitor import first_alert
    >>> r = [0.5 + 0.05 * (-1) ** t for t in range(60)] + [0.1 + 0.05 * (-1) ** t for t in range(9)]
    >>> first_alert("reward_collapse", [{"step": t, "reward_mean": x} for t, x in enumerate(r)])
    (65, 'critical')
    """
    track = score_track(view)
    if track is None:
        return state, None
    if track.seen == view.index:
        size, sigma, fall = span(track), track.sigma, lost(track)
        score = 0.0
        if fall > 0.0:
            score = max(
                fall / max(0.2 * size, 2.5 * sigma), fall / max(THIRD * size, 2.0 * sigma)
            )  # fmt: skip
        state = advance(state, view.step, score, critical=fall >= THIRD * size)
    if not state.on:
        return state, None
    evidence = {
        "score": track.mean,
        "best": track.high,
        "lost_share": lost(track) / max(span(track), 1e-12),
        "deviations": lost(track) / max(track.sigma, 1e-9),
    }
    return state, finding(ID, state, view, evidence, TEXT)
