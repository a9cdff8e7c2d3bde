"""A value is not a number, or infinite."""

from typing import NamedTuple

from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View

ID = "non_finite"
NEEDS = ("any",)
MEMORY = 10.0
SHAPES = frozenset({"adv_kurtosis", "adv_top1_share", "adv_gini", "prompt_ess"})
"""Undefined, and so nan, where every weight is alike; a bad weight shows in the mean as well."""
TEXT = Text(
    "A value is not finite.",
    "One is noise; several mean that the numbers overflow, and the weights may be lost already.",
    (
        "Check the loss and the gradient of this batch; skip non-finite steps (verl does, HF "
        "logging_nan_inf_filter only hides them).",
        "Lower the learning rate, clip gradients, use bf16 rather than fp16; restart from a "
        "checkpoint before the first one if weights are not finite.",
    ),
)


class State(NamedTuple):
    """The alarm, the decaying count of bad records, and those in a row."""

    watch: Watch = OFF
    heat: float = 0.0
    streak: int = 0

    @property
    def on(self) -> int:
        """Severity of the alarm; 0 when off."""
        return self.watch.on


START = State()


def step(state: State, view: View) -> tuple[State, Finding | None]:
    """Advance by one record.

        warning on the very step; critical from the third such record in a row, or where about
        three of the last ten were

    A single stray value never is critical, so it cannot trigger an action.

    Good at: being immediate. Bad at: the cause; read what came before.

    Source: the requests for it in verl-omni 539, ms-swift 3136 and wandb 3563.

    >>> from fade_core.monitor import first_alert
    >>> records = [{"step": t, "loss": float("nan") if t == 7 else 0.1} for t in range(9)]
    >>> first_alert("non_finite", records)
    (7, 'warning')
    """
    names = tuple(name for name in view.non_finite if name not in SHAPES)
    if not names and not state.on:
        return State(Watch(calm=view.step)), None
    bad = bool(names)
    heat = state.heat * (1.0 - 1.0 / MEMORY) + bad
    streak = state.streak + 1 if bad else 0
    worst = streak >= 3 or heat >= 2.6
    watch = advance(state.watch, view.step, float(bad), critical=worst, hold=1)
    state = State(watch, heat, streak)
    if not state.on:
        return state, None
    evidence = dict.fromkeys(names, 1.0) | {"recent_records": heat}
    return state, finding(ID, watch, view, evidence, TEXT, variant=",".join(names))
