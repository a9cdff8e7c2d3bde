"""pass@k falls while pass@1 rises: the policy sharpens and forgets."""

from fade_core.detectors.outcome import propose
from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View
from fade_core.signals import excess

ID = "diversity_loss"
NEEDS = ("pass_at_k",)
START = OFF
TEXT = Text(
    "Diversity is being lost: pass@k falls while pass@1 does not.",
    "The policy sharpens what it can do and forgets what it could do; the ceiling of later "
    "training comes down.",
    (
        "Raise alpha (more weight on hard prompts) and lower delta (more on failures).",
        "Stop at the best pass@k that you need: pass@1 alone keeps rising past it.",
    ),
)


def step(state: Watch, view: View) -> tuple[Watch, Finding | None]:
    """Advance by one record that carries pass@k for two k at least; smallest and largest count.

        score = (best pass@k - pass@k now) / max(0.05 best, 3 sigma),
                and 0 unless pass@1 is above its start

    Good at: the failure that accuracy hides, with the few evaluations a run has. Bad at: speed:
    it is as late as the evaluations; ``entropy_collapse`` and ``sign_imbalance`` come first.

    Source: Yue et al. 2025, "Does Reinforcement Learning Really Incentivize Reasoning Capacity
    in LLMs Beyond the Base Model?", arXiv:2504.13837.

    >>> from fade_core.monitor import first_alert
    >>> records = [
    ...     {"step": 25 * t, "pass_at_k": {"1": 0.2 + 0.01 * t, "64": 0.7 - 0.01 * max(0, t - 8)}}
    ...     for t in range(20)
    ... ]
    >>> first_alert("diversity_loss", records)
    (375, 'warning')
    """
    many, few = view.tracks.get("pass_many"), view.tracks.get("pass_few")
    if many is None or few is None:
        return state, None
    best = max(many.past)
    lost = best - many.level
    if many.seen == view.index:
        score = excess(lost, many, max(0.05 * best, 1e-6), 3.0)
        state = advance(state, view.step, score if few.level > few.past[0] else 0.0, hold=2)
    if not state.on:
        return state, None
    evidence = {"pass_at_large_k": many.level, "best": best, "pass_at_1": few.level}
    return state, finding(ID, state, view, evidence, TEXT, proposal=propose(view))
