"""The run is dead from its start: no group ever had any variance."""

from typing import NamedTuple

from fade_core.detectors.outcome import solved
from fade_core.detectors.watch import OFF, Watch, advance, finding
from fade_core.findings import Finding, Text, View

ID = "no_learning_signal"
NEEDS = ("zero_variance_fraction", "reward_std", "reward_mean")
UNTIL = 64
TEXT = Text(
    "There is no learning signal: from the start (nearly) all rewards in a group are equal.",
    "The advantages are zero; nothing will be learned however long the run goes on.",
    (
        "Print a few rollouts with their rewards: is the answer format what the reward expects?",
        "Check that completions are not cut before the answer: TRL max_completion_length, verl "
        "data.max_response_length, OpenRLHF --rollout.max_new_tokens.",
        "Use easier prompts or a warm start, and at least 8 rollouts per prompt.",
    ),
)


class State(NamedTuple):
    """The alarm, the records that could be judged and those of them without signal."""

    watch: Watch = OFF
    judged: int = 0
    dead: int = 0

    @property
    def on(self) -> int:
        """Severity of the alarm; 0 when off."""
        return self.watch.on


START = State()


def step(state: State, view: View) -> tuple[State, Finding | None]:
    """Advance by one record; only the first 64 are judged.

        a record is dead when all groups are without variance, else when the reward's deviation
        is 0, else when the mean reward is exactly the one before
        score = (judged records / 6) where 85 % of them are dead, else 0

    Always critical, except where the score sits at the top: then the task is solved.

    Good at: broken rewards and impossible data, from the eighth record. Bad at: a reward that is
    noise (it has variance); runs that die later are ``zero_variance``.

    Source: the request in verl issue 7405: a run without signal is reported as a success.

    >>> from fade_core.monitor import first_alert
    >>> records = [{"step": t, "reward_mean": 0.0, "reward_std": 0.0} for t in range(20)]
    >>> first_alert("no_learning_signal", records)
    (7, 'critical')
    """
    dead = _dead(view)
    if dead is not None and (state.judged < UNTIL or state.on):
        judged = min(state.judged + 1, UNTIL)
        count = min(state.dead + dead, UNTIL)
        hopeless = dead and count >= 0.85 * judged and not solved(view)
        score = judged / 6.0 if hopeless else 0.0
        state = State(advance(state.watch, view.step, score, critical=True), judged, count)
    if not state.on:
        return state, None
    evidence = {"dead_records": float(state.dead), "judged_records": float(state.judged)}
    return state, finding(ID, state.watch, view, evidence, TEXT)


def _dead(view: View) -> bool | None:
    """Judge one record by the best signal it has; None where it has none."""
    groups = view.fresh("zero_variance_fraction")
    if groups is not None:
        return groups.value >= 0.999
    spread = view.fresh("reward_std")
    if spread is not None:
        return spread.value == 0.0
    reward = view.fresh("reward_mean")
    return reward.same > 1 if reward is not None and reward.values > 1 else None
