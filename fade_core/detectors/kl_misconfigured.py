"""A KL penalty that does not act on the tokens that it is for, by what is seen of a run.

What its configuration says is judged by ``fade_core.kl_audit``.
"""

from typing import NamedTuple

from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View

ID = "kl_misconfigured"
NEEDS = (
    "kl_k1_clamped_share",
    "kl_k2_clamped_share",
    "kl_k3_clamped_share",
    ("kl_k3_top_share", "kl_tokens"),
    "kl_k3_per_token",
)
SIGNALS = ("kl_clamped_share", "kl_top_share", "kl_k3_per_token")
CLAMPED, HEAVY = 1e-3, 0.5
FROZEN, FROZEN_RECORDS = 1e-7, 200
TEXTS = {
    "clamped": Text(
        "The KL penalty is clamped where it is needed: the farthest tokens feel no force back.",
        "These tokens go on drifting, whatever beta is.",
        ("Raise the clamp, use k1 in the reward, or a larger beta.",),
    ),
    "heavy_tail": Text(
        "A few tokens make the whole KL: half of k3 is in a thousandth of the tokens.",
        "The mean of k3, and a penalty on it, follow these tokens and nothing else.",
        ("Read the median and the trimmed mean of k3, and look at those tokens.",),
    ),
    "frozen": Text(
        "The policy does not leave its reference: its KL stays at rounding.",
        "Nothing is learned as long as that is so.",
        ("Check the learning rate and the advantages; lower beta if it outweighs the reward.",),
    ),
}


class State(NamedTuple):
    """The alarm, what it is about, and the records in a row at the reference."""

    watch: Watch = OFF
    variant: str = ""
    frozen: int = 0


START = State()


def step(state: State, view: View) -> tuple[State, Finding | None]:
    """Advance by one record, the shares as medians of five.

        clamped    = largest share of tokens without gradient by a clamp / 0.001
        heavy_tail = share of k3 in the largest 0.1 % of tokens / 0.5
        frozen     = records in a row with k3 below 1e-7 nats a token / 200
        score = the largest

    A warning for clamped tokens; the other two are an ``info``, for they harm nothing yet.

    Good at: a penalty that is on and does nothing. Bad at: the wrong estimator or placement,
    which no statistic shows; that is the audit's (``fadewatch audit kl``).

    Source: the trainers' clamps as ``fade_core.kl_audit`` reads them; the limits are ours.

    >>> from fade_core.monitor import first_alert
    >>> shares = [0.0] * 40 + [0.01] * 40
    >>> first_alert(
    ...     "kl_misconfigured",
    ...     [{"step": t, "kl_k3_clamped_share": x} for t, x in enumerate(shares)],
    ... )
    (44, 'warning')
    """
    if any(view.fresh(name) for name in SIGNALS):
        state = _advance(state, view)
    if not state.watch.on:
        return state, None
    evidence = {
        "clamped_share": _level(view, "kl_clamped_share"),
        "k3_top_share": _level(view, "kl_top_share"),
        "k3_per_token": _level(view, "kl_k3_per_token"),
    }
    text = TEXTS[state.variant]
    return state, finding(ID, state.watch, view, evidence, text, variant=state.variant)


def _advance(state: State, view: View) -> State:
    kl = view.fresh("kl_k3_per_token")
    frozen = state.frozen
    if kl is not None:
        frozen = min(frozen + 1, FROZEN_RECORDS) if kl.value < FROZEN else 0
    scores = {
        "clamped": _level(view, "kl_clamped_share") / CLAMPED,
        "heavy_tail": _level(view, "kl_top_share") / HEAVY,
        "frozen": frozen / FROZEN_RECORDS,
    }
    is_clamped = scores["clamped"] >= 1.0
    variant = "clamped" if is_clamped else max(scores, key=scores.__getitem__)
    score = scores[variant]
    watch = advance(state.watch, view.step, score, ceiling=2 if is_clamped else 1)
    return State(watch, variant if score >= 1.0 else state.variant, frozen)


def _level(view: View, name: str) -> float:
    track = view.tracks.get(name)
    return 0.0 if track is None else track.level
