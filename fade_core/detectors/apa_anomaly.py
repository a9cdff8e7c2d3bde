"""A run of APA or AWR that does not do what its loss says."""

import math
from typing import NamedTuple, TypeGuard

from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View
from fade_core.signals import Track, excess, unlog

ID = "apa_anomaly"
NEEDS = ("apa_residual_rms", "awr_ess", ("apa_slope", "apa_r_squared"))
SIGNALS = ("apa_residual_rms", "apa_slope", "awr_ess")
JUDGED_FROM = 50
"""Values after which a critic has learned, and a residual has fallen, if they ever will."""
R_SQUARED, MEAN_Z, AWR_LOST, UNREACHABLE = 0.01, 3.0, 0.7, 0.5
UNFALLEN = math.log(0.99)
TEXTS = {
    "negative_slope": Text(
        "The policy moves against its advantages.",
        "Training lowers the score it is meant to raise.",
        (
            "Check the sign of A/lambda, and that the log-probs subtracted in the loss are of "
            "the initial model and not of the rollout.",
        ),
    ),
    "positive_mean": Text(
        "APA's residual has a positive mean; it should tend to -log Z <= 0.",
        "The loss pushes all log-probs one way, whatever the reward.",
        ("Check the critic and the whitening of the advantages.",),
    ),
    "blind_critic": Text(
        "The critic explains nothing of the returns.",
        "The loss regresses on noise.",
        ("Train the critic first, or use the group's mean reward in its place.",),
    ),
    "few_weights": Text(
        "A few tokens carry AWR's weight.",
        "The policy imitates these few, and forgets the rest.",
        ("Raise lambda, or cut the weights.",),
    ),
    "flat": Text(
        "APA's residual does not fall.",
        "The policy comes no closer to its target.",
        (
            "Raise lambda or the learning rate; the rate is in effect multiplied by 2/lambda.",
            "Compare slope and R^2: where both rise, it learns and the target is far.",
        ),
    ),
    "unreachable": Text(
        "Most of APA's targets are more than 5 nats away: a direction and not a point.",
        "Nothing stops the KL but the learning rate.",
        ("Raise lambda if the KL runs off.",),
    ),
}
WARNINGS = ("negative_slope", "positive_mean", "blind_critic", "few_weights")
"""Gravest first; the others are an ``info``."""


class State(NamedTuple):
    """The alarm, and what it is about."""

    watch: Watch = OFF
    variant: str = ""


START = State()


def step(state: State, view: View) -> tuple[State, Finding | None]:
    """Advance by one record; residual d - A/lambda with d the log-ratio to the start.

        negative_slope = -slope of d on A / (3 sigma of the slope), where R^2 is above 0.01
        positive_mean  = mean of the residual / (3 of its standard errors)
        blind_critic   = -explained variance / max(0.05, 3 sigma), from its fiftieth value on
        few_weights    = (1 - effective share of AWR's weights) / 0.7
        flat           = 1 where the residual's size is within 1 % of its start after fifty values
        unreachable    = share of targets beyond 5 nats / 0.5
        score = the gravest that is at least 1, else the largest

    Warnings in the order above; ``flat`` and ``unreachable`` are an ``info``: with lambda 0.1, as
    published, most targets are out of reach.

    Good at: a wrong sign, a wrong reference and a useless critic, which a falling loss hides.
    Bad at: anything that the policy itself shows; that is the other detectors'.

    Source: Zhu et al. 2023, arXiv:2306.02231, for the loss; the rules are derived from it, and
    the effective share is Kish's 1965.

    >>> from fade_core.monitor import first_alert
    >>> slopes = [0.02 * t for t in range(40)] + [-1.0] * 40
    >>> first_alert("apa_anomaly", [
    ...     {"step": t, "apa_slope": x, "apa_r_squared": 0.2} for t, x in enumerate(slopes)
    ... ])
    (44, 'warning')
    """
    if any(view.fresh(name) for name in SIGNALS):
        scores = _scores(view)
        variant = next((name for name in WARNINGS if scores[name] >= 1.0), "")
        ceiling = 2 if variant else 1
        variant = variant or max(scores, key=scores.__getitem__)
        watch = advance(state.watch, view.step, scores[variant], ceiling=ceiling)
        state = State(watch, variant if scores[variant] >= 1.0 else state.variant)
    if not state.watch.on:
        return state, None
    text = TEXTS[state.variant]
    return state, finding(ID, state.watch, view, _evidence(view), text, variant=state.variant)


def _scores(view: View) -> dict[str, float]:
    tracks = view.tracks
    slope, fit = tracks.get("apa_slope"), tracks.get("apa_r_squared")
    fits = fit is not None and fit.level > R_SQUARED
    critic, rms, ess = (
        tracks.get(n) for n in ("explained_variance", "apa_residual_rms", "awr_ess")
    )
    return {
        "negative_slope": excess(-slope.level, slope, 1e-12, 3.0) if slope and fits else 0.0,
        "positive_mean": _level(tracks.get("apa_mean_z")) / MEAN_Z,
        "blind_critic": excess(-critic.level, critic, 0.05, 3.0) if _is_judged(critic) else 0.0,
        "few_weights": (1.0 - ess.level) / AWR_LOST if ess else 0.0,
        "flat": float(_is_judged(rms) and rms.low > rms.base + UNFALLEN),
        "unreachable": _level(tracks.get("apa_unreachable_share")) / UNREACHABLE,
    }


def _evidence(view: View) -> dict[str, float]:
    evidence = {
        name: view.tracks[name].level
        for name in (
            "apa_slope", "apa_r_squared", "apa_unreachable_share", "awr_ess", "explained_variance",
        )
        if name in view.tracks
    }  # fmt: skip
    rms = view.tracks.get("apa_residual_rms")
    if rms is not None:
        evidence |= {"residual_rms": unlog(rms.level), "residual_rms_at_start": unlog(rms.base)}
    if "apa_mean_z" in view.tracks:
        evidence["residual_mean_in_standard_errors"] = view.tracks["apa_mean_z"].level
    return evidence


def _level(track: Track | None) -> float:
    return 0.0 if track is None else track.level


def _is_judged(track: Track | None) -> TypeGuard[Track]:
    return track is not None and track.values >= JUDGED_FROM
