"""The mass sits on few prompts, or on other prompts than the policy can learn from."""

from fade_core.detectors.outcome import propose
from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View
from fade_core.signals import excess

ID = "difficulty_misfocus"
NEEDS = ("prompt_ess", ("mass_by_difficulty", "difficulty_histogram"))
START = OFF
TEXT = Text(
    "The gradient mass has moved onto few prompts, or away from where the prompts are.",
    "The effective batch shrinks, and the rest of the data set is not being learned.",
    (
        "Set alpha to the present solve rate: 3 (1 - p) / (2 p), between 1 and 3.",
        "Filter prompts by solve rate, or sample around a half of them solved: verl "
        "algorithm.filter_groups, OpenRLHF --algo.dynamic_filtering_range.",
    ),
)


def step(state: Watch, view: View) -> tuple[Watch, Finding | None]:
    """Advance by one record, with e the effective share of prompts and o the mass's offset.

        few   = (e at the start - e now) / max(0.5 e at the start, 6 sigma)
        aside = |o now - o at the start| / max(0.2, 6 sigma)
        score = max(few, aside)

    ``o`` is the mean solve rate of the mass minus that of the prompts.

    Good at: a focus that the data has outgrown, also when zero-variance groups are filtered
    and cannot tell. Bad at: saying which prompts.

    Source: FADE, arXiv:2607.01490, section 7; effective size, Kish 1965.

    >>> from fade_core.monitor import first_alert
    >>> e = [0.8] * 40 + [0.8 - 0.02 * t for t in range(40)]
    >>> first_alert("difficulty_misfocus", [{"step": t, "prompt_ess": x} for t, x in enumerate(e)])
    (64, 'warning')
    """
    share, offset = view.tracks.get("prompt_ess"), view.tracks.get("mass_offset")
    few = aside = 0.0
    evidence = {}
    if share is not None:
        few = excess(share.base - share.level, share, max(0.5 * share.base, 1e-6), 6.0)
        evidence = {"prompt_ess": share.level, "prompt_ess_at_start": share.base}
    if offset is not None:
        aside = excess(abs(offset.level - offset.base), offset, 0.2, 6.0)
        evidence |= {"mass_offset": offset.level, "mass_offset_at_start": offset.base}
    if view.fresh("prompt_ess") or view.fresh("mass_offset"):
        state = advance(state, view.step, max(few, aside))
    if not state.on:
        return state, None
    variant = "few_prompts" if few >= aside else "wrong_difficulty"
    return state, finding(
        ID, state, view, evidence, TEXT, variant=variant, proposal=propose(view)
    )  # fmt: skip
