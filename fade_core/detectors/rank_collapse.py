"""The output head's update degenerates to one direction, late."""

from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View
from fade_core.signals import excess

ID = "rank_collapse"
NEEDS = ("head_rank1_share",)
START = OFF
LATE = 200
TEXT = Text(
    "The output head's update collapses to rank one.",
    "One direction shared by all answers takes the update over; large-k success stops growing.",
    (
        "Raise delta towards 1: failure-heavy weights (m_F > m_S) end here.",
        "Lower the learning rate of the head, or freeze it: with tied embeddings this reading "
        "mixes in the embedding's gradient.",
    ),
)


def step(state: Watch, view: View) -> tuple[Watch, Finding | None]:
    """Advance by one record, with s the share of the update's energy in one direction.

        late   = min(s / 0.9, measurements / 200) unless s has fallen since an eighth of the run
        rising = (s - lowest level so far) / max(0.1, 6 sigma), where s is above a half and at
                 least 50 measurements are in
        score = max(late, rising)

    Good at: the slow failure that entropy does not show. Bad at: early training, where every
    method is above 0.8 and this stays silent; LoRA of rank r, where s is at least 1/r.

    Source: FADE, arXiv:2607.01490, section 6; 2510.00553 on why an early level means nothing.

    >>> from fade_core.monitor import first_alert
    >>> s = [0.6] * 60 + [0.6 + 0.01 * t for t in range(30)]
    >>> first_alert(
    ...     "rank_collapse", [{"step": t, "head_rank1_share": x} for t, x in enumerate(s)]
    ... )
    (81, 'warning')
    """
    track = view.tracks.get("head_rank1_share")
    if track is None:
        return state, None
    if track.seen == view.index:
        score = 0.0
        if track.values >= LATE and track.level >= track.past[7 * len(track.past) // 8 - 1] - 0.01:
            score = track.level / 0.9
        if track.values >= 50 and track.level > 0.5:
            score = max(score, excess(track.mean - track.low, track, 0.1, 6.0))
        state = advance(state, view.step, score, critical=score >= 1.0 and track.level >= 0.97)
    if not state.on:
        return state, None
    evidence = {"head_rank1_share": track.level, "lowest": track.low, "at_start": track.base}
    return state, finding(ID, state, view, evidence, TEXT)
