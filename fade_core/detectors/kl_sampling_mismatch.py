"""Tokens that were not drawn from the policy that scores them."""

from typing import NamedTuple

from fade_core.detectors.outcome import harmed
from fade_core.detectors.watch import HOLD, OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View

ID = "kl_sampling_mismatch"
NEEDS = (
    "kl_ratio_excess_z",
    ("kl_k1_per_token", "kl_k1_per_token_stderr"),
    "kl_k3_per_token",
    "kl_drift_ess",
)
SIGNALS = ("kl_ratio_excess_z", "kl_k1_z", "kl_k3_per_token", "kl_drift_ess")
Z, NEGATIVE_Z = 5.0, 3.0
REFERENCE_KL = 1e-4
"""Two passes in bfloat16 differ by about 0.01 nat a token, a k3 of 5e-5."""
LOST_ESS, FAR_ESS = 0.1, 0.5
COMPARE = (
    "Compare the sampler with the scorer: temperature, top-p and top-k, the age of the weights, "
    "the engine's numerics.",
    "Correct for it: TRL vllm_importance_sampling_correction=True, verl "
    "algorithm.rollout_correction.rollout_is=token, OpenRLHF "
    "--algo.advantage.is_correction_enable.",
)
BIASED = "Every estimate of the KL is biased by it, and beta cannot cure that."
TEXTS = {
    "colder": Text(
        "Tokens are sampled colder, or truncated, than they are scored.", BIASED, COMPARE
    ),
    "hotter": Text("Tokens are sampled hotter than they are scored.", BIASED, COMPARE),
    "reference": Text(
        "The policy differs from its reference before any update.",
        "The penalty pulls to something else than the start of the run.",
        (
            "Compare the two: weights, adapters, dropout, prompt rendering, expert routing.",
            "If the run goes on from a checkpoint, that may be meant: then pass over this.",
        ),
    ),
    "drift": Text(
        "The policy is far from the one that sampled its batch.",
        "The ratios leave few tokens in effect, so the batch teaches less than it holds.",
        ("Take fewer or smaller optimizer steps on a batch, or fresher rollouts.",),
    ),
}


class State(NamedTuple):
    """The alarm, and what it is about."""

    watch: Watch = OFF
    variant: str = ""


START = State()


def step(state: State, view: View) -> tuple[State, Finding | None]:
    """Advance by one record, with z = (mean(ref/pi) - 1) / standard error; medians of five.

        colder, hotter = max(|z| / 5, -k1 / (3 standard errors of k1))
        reference      = k3 at the first record, where that is step 0 or 1 / 1e-4 nats a token
        drift          = (1 - effective share of tokens under pi/sampler) / 0.1
        score = the largest

    z is 0 on average wherever pi sampled: temperature below 1, top-p or top-k push it down, a
    temperature above 1 up, and a k1 below zero says the same. The drift alone is an ``info``
    until half of the tokens are lost. Critical only once the score is harmed too.

    Good at: a wrong temperature or truncation, within a few hundred sequences and in the unit
    of its own noise. Bad at: a policy so far from its reference that a batch does not hold the
    tail of ref/pi (then z is low by chance); a sampler that differs where the reference does not;
    ``train_infer_mismatch`` compares with the sampler itself.

    Source: mean(k3) - mean(k1) = mean(ref/pi) - 1, Schulman 2020, "Approximating KL divergence";
    the exact values for several samplers are in ``docs/kl.md``.

    >>> from fade_core.monitor import first_alert
    >>> z = [0.5 * (-1) ** t for t in range(40)] + [-12.0] * 20
    >>> first_alert(
    ...     "kl_sampling_mismatch",
    ...     [{"step": t, "kl_ratio_excess_z": x} for t, x in enumerate(z)],
    ... )
    (44, 'warning')
    """
    z, negative = _level(view, "kl_ratio_excess_z"), _level(view, "kl_k1_z")
    drift = 1.0 - _level(view, "kl_drift_ess", 1.0)
    sampling = max(abs(z) / Z, -negative / NEGATIVE_Z)
    scores = {
        "hotter" if z > 0.0 and negative > -NEGATIVE_Z else "colder": sampling,
        "reference": _first(view) / REFERENCE_KL,
        "drift": drift / LOST_ESS,
    }
    variant = max(scores, key=scores.__getitem__)
    score = scores[variant]
    if any(view.fresh(name) for name in SIGNALS):
        is_drift = variant == "drift" and drift < FAR_ESS and sampling < 1.0
        watch = advance(
            state.watch, view.step, score, critical=harmed(view),
            ceiling=1 if is_drift else 3, hold=1 if variant == "reference" else HOLD,
        )  # fmt: skip
        state = State(watch, variant if score >= 1.0 else state.variant)
    if not state.watch.on:
        return state, None
    evidence = {
        "ratio_excess_z": z,
        "k1_in_standard_errors": negative,
        "k3_per_token": _level(view, "kl_k3_per_token"),
        "drift_effective_share": 1.0 - drift,
    }
    text = TEXTS[state.variant]
    return state, finding(ID, state.watch, view, evidence, text, variant=state.variant)


def _level(view: View, name: str, absent: float = 0.0) -> float:
    track = view.tracks.get(name)
    return absent if track is None else track.level


def _first(view: View) -> float:
    """Return k3 before any update, 0 after it."""
    track = view.fresh("kl_k3_per_token")
    return track.value if track is not None and view.index == 0 and view.step <= 1 else 0.0
