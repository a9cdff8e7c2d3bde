"""Gradient spikes become frequent, or the gradient norm as a whole takes off."""

import math
from typing import NamedTuple

from fade_core.detectors.outcome import harmed
from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View
from fade_core.signals import excess, shift, unlog

ID = "gradient_instability"
NEEDS = ("grad_norm",)
SPIKE = math.log(5.0)
MEMORY = 50.0
TEXT = Text(
    "The gradient is unstable: spikes are frequent or its norm has taken off.",
    "Each spike is a step in a random direction; divergence and non-finite weights follow.",
    (
        "Lower the learning rate and clip harder: TRL and HF max_grad_norm, verl "
        "actor_rollout_ref.actor.grad_clip, OpenRLHF --actor.max_norm.",
        "Look at the largest advantages and importance ratios of the spiking batches.",
    ),
)


class State(NamedTuple):
    """The alarm, and the decaying number of spikes."""

    watch: Watch = OFF
    heat: float = 0.0

    @property
    def on(self) -> int:
        """Severity of the alarm; 0 when off."""
        return self.watch.on


START = State()


def step(state: State, view: View) -> tuple[State, Finding | None]:
    """Advance by one record. Steps with a zero gradient are not looked at.

        a spike is ln g above its own median by max(ln 5, 8 sigma)
        heat[t] = (1 - 1/50) heat[t-1] + spike[t]
        score = max(heat / 2.5, rise over an eighth of the run / max(allowance, ln 4, 8 sigma))

    Critical once the score is harmed as well and the heat is 4 or the norm ten times its start.

    Good at: repeated spikes long before divergence; one harmless spike of any size never fires.
    Bad at: the cause, for which ``advantage_tails``, ``staleness`` and ``train_infer_mismatch``
    are read first; a run that is rough from its first step is its own normal.

    Source: Page 1954 for the accumulated count; spikes before collapse in Liu et al. 2025.

    >>> from fade_core.monitor import first_alert
    >>> g = [1.0 + 0.1 * (t % 3) for t in range(60)] + [1.0, 1.1, 30.0, 1.1] * 10
    >>> first_alert("gradient_instability", [{"step": t, "grad_norm": x} for t, x in enumerate(g)])
    (72, 'warning')
    """
    track = view.tracks.get("grad_norm")
    if track is None:
        return state, None
    if track.seen == view.index:
        change, allowance = shift(track)
        spike = track.values > 8 and excess(track.value - track.level, track, SPIKE, 8.0) >= 1.0
        heat = state.heat * (1.0 - 1.0 / MEMORY) + spike
        rise = excess(change, track, max(allowance, 1.386), 8.0)
        score = max(heat / 2.5, rise)
        critical = (heat >= 4.0 or track.level - track.base >= 2.303) and harmed(view)
        state = State(advance(state.watch, view.step, score, critical=critical), heat)
    if not state.on:
        return state, None
    evidence = {
        "grad_norm": unlog(track.value),
        "median": unlog(track.level),
        "at_start": unlog(track.base),
        "recent_spikes": state.heat,
    }
    return state, finding(ID, state.watch, view, evidence, TEXT)
