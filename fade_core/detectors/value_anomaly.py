"""A signal that cannot be right: frozen to one value, or gone."""

from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View

ID = "value_anomaly"
WATCHED = ("entropy", "kl", "grad_norm", "response_length_mean", "reward_mean")
NEEDS = ("entropy", "kl_k3", "kl_k1", "grad_norm", "response_length_mean", "reward_mean")
START = OFF
FROZEN = 50
TEXT = Text(
    "A signal is frozen to one value, or stopped arriving.",
    "The detectors that read it are blind; it may be a logging fault rather than the run's.",
    ("Check what the trainer logs under this name, and that it is not a constant.",),
)


def step(state: Watch, view: View) -> tuple[Watch, Finding | None]:
    """Advance by one record.

        frozen  = records in a row with exactly the same value / 50
        missing = records since the last value / (50 typical gaps)
        score = the largest over entropy, KL, gradient norm, length and reward

    Always an ``info``: a solved task has a constant reward, and a capped one a constant length.

    Good at: saying that silence of another detector means nothing. Bad at: values that are
    wrong but vary.

    Source: our own rule; trl and verl issues on metrics that were constant for whole runs.

    >>> from fade_core.monitor import first_alert
    >>> first_alert("value_anomaly", [{"step": t, "entropy": 0.5} for t in range(80)])
    (51, 'info')
    """
    worst, score = "", 0.0
    for name in WATCHED:
        track = view.tracks.get(name)
        if track is None:
            continue
        gap = view.index - track.seen
        # gap / (index / count) is the gap in units of the signal's own rhythm.
        found = max(track.same, gap * track.values / (view.index + 1.0)) / FROZEN
        if found > score:
            worst, score = name, found
    if worst:
        state = advance(state, view.step, score, ceiling=1)
    if not state.on:
        return state, None
    return state, finding(ID, state, view, {"records": score * FROZEN}, TEXT, variant=worst)
