"""Rollouts grow old before they are used."""

from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View
from fade_core.signals import excess

ID = "staleness"
NEEDS = ("staleness", "ratio_ess")
START = OFF
TEXT = Text(
    "Rollouts are stale: the policy has moved on since they were sampled.",
    "Importance ratios spread, clipping removes the signal, and instability follows.",
    (
        "Sample less ahead: verl async_training.staleness_threshold, OpenRLHF "
        "--train.async_queue_size, TRL steps_per_generation and num_iterations.",
        "Drop rollouts older than about 8 versions.",
    ),
)


def step(state: Watch, view: View) -> tuple[Watch, Finding | None]:
    """Advance by one record, with v the versions between sampling and update.

        old   = (v now - v at the start) / max(2, v at the start, 6 sigma)
        apart = (ESS at the start - ESS now) / max(0.25, 6 sigma)
        score = max(old, apart),  ESS of the importance ratios over their number

    Good at: a sampler that falls behind. Bad at: a lag that is large and constant by design:
    then only the effective sample size speaks.

    Source: FADE's sister runs drop rollouts over 8 versions old; Kish 1965 for the effective size.

    >>> from fade_core.monitor import first_alert
    >>> v = [1.0] * 40 + [1.0 + 0.2 * t for t in range(40)]
    >>> first_alert("staleness", [{"step": t, "staleness": x} for t, x in enumerate(v)])
    (54, 'warning')
    """
    versions, ess = view.tracks.get("staleness"), view.tracks.get("ratio_ess")
    old = apart = 0.0
    evidence = {}
    if versions is not None:
        old = excess(versions.level - versions.base, versions, max(2.0, versions.base), 6.0)
        evidence = {"staleness": versions.level, "staleness_at_start": versions.base}
    if ess is not None:
        apart = excess(ess.base - ess.level, ess, 0.25, 6.0)
        evidence |= {"ratio_ess": ess.level, "ratio_ess_at_start": ess.base}
    if view.fresh("staleness") or view.fresh("ratio_ess"):
        state = advance(state, view.step, max(old, apart))
    if not state.on:
        return state, None
    return state, finding(ID, state, view, evidence, TEXT)
