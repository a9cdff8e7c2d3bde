"""Tokens that were not drawn from the policy that scores them.

    z = (mean(ref/pi) - 1) / stderr

is 0 on average where pi sampled. Temperature below 1, top-p or top-k push it down, temperature
above 1 up; a persistent negative k1 beside a positive k3 says the same.
"""

import math
from dataclasses import dataclass

from fade_core.detectors.kl_finding import KLFinding
from fade_core.kl_monitor import KLStatistics

NAME = "kl_sampling_mismatch"
ADVICE = (
    "compare the sampler with the scorer: temperature, top-p and top-k, the age of the weights, "
    "the engine's numerics; beta cannot cure this"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Thresholds.

    Attributes:
        z: Standard errors of mean(ref/pi) - 1 that count, > 0.
        steps: Consecutive steps that make a finding, >= 1.
        first_step_kl_per_token: KL to the reference at step 0 above this is no rounding, nats.
        drift_info_k3_per_token: Drift from the sampler worth telling, nats.
        drift_warning_k3_per_token: Drift worth a warning, nats.
    """

    z: float = 5.0
    steps: int = 3
    first_step_kl_per_token: float = 1e-6
    drift_info_k3_per_token: float = 1e-3
    drift_warning_k3_per_token: float = 1e-2


@dataclass(frozen=True, slots=True)
class State:
    """What is carried from step to step.

    Attributes:
        steps_seen: Steps so far.
        low: Consecutive steps with z below the limit.
        high: Consecutive steps with z above it.
        negative: Consecutive steps with k1 below 0 by its error and k3 above 0.
        drifting: Consecutive steps with drift worth telling.
    """

    steps_seen: int = 0
    low: int = 0
    high: int = 0
    negative: int = 0
    drifting: int = 0


def step(
    state: State, seen: KLStatistics, settings: Settings = Settings()
) -> tuple[State, KLFinding | None]:
    """Look at one step.

    Good at a wrong temperature or truncation within a few hundred sequences; blind to a sampler
    that differs where the reference does not. A single step never fires: a z of 5 is a heavy
    tail as often as a mismatch.

    Source: derived; the exact values of several samplers are in ``docs/kl.md``.

    Args:
        state: From the step before; ``State()`` at first.
        seen: The step's statistics.
        settings: Thresholds.

    Returns:
        The next state, and a finding or None.
    """
    limit = settings.z
    following = State(
        steps_seen=state.steps_seen + 1,
        low=_run(state.low, seen.ratio_excess_z < -limit),
        high=_run(state.high, seen.ratio_excess_z > limit),
        negative=_run(state.negative, _negative(seen)),
        drifting=_run(state.drifting, seen.drift_k3_per_token > settings.drift_info_k3_per_token),
    )
    for said in (
        _first_step(state, seen, settings),
        _sampling(following, seen, settings),
        _drift(following, seen, settings),
    ):
        if said is not None:
            return following, said
    return following, None


def _run(length: int, goes_on: bool) -> int:
    return length + 1 if goes_on else 0


def _negative(seen: KLStatistics) -> bool:
    noise = 2.0 * seen.k1_per_token_stderr
    return not math.isnan(noise) and seen.k1_per_token < -noise and seen.k3_per_token > 0.0


def _first_step(state: State, seen: KLStatistics, settings: Settings) -> KLFinding | None:
    if state.steps_seen or not seen.k3_per_token > settings.first_step_kl_per_token:
        return None
    return KLFinding(
        NAME,
        "warning",
        {"first_step_k3_per_token": seen.k3_per_token},
        "before any update the policy should equal its reference: compare weights, adapters, "
        "dropout, prompt rendering and expert routing",
    )


def _sampling(state: State, seen: KLStatistics, settings: Settings) -> KLFinding | None:
    if max(state.low, state.high, state.negative) < settings.steps:
        return None
    hint = "sampled colder or truncated" if state.low or state.negative else "sampled hotter"
    evidence: dict[str, float | str] = {
        "ratio_excess_per_token": seen.ratio_excess_per_token,
        "ratio_excess_z": seen.ratio_excess_z,
        "k1_per_token": seen.k1_per_token,
        "k3_per_token": seen.k3_per_token,
        "looks_like": f"{hint} than it is scored",
    }
    return KLFinding(NAME, "critical", evidence, ADVICE)


def _drift(state: State, seen: KLStatistics, settings: Settings) -> KLFinding | None:
    if state.drifting < settings.steps:
        return None
    worse = seen.drift_k3_per_token > settings.drift_warning_k3_per_token
    evidence: dict[str, float | str] = {
        "drift_k3_per_token": seen.drift_k3_per_token,
        "drift_ess": seen.drift_ess,
    }
    return KLFinding(NAME, "warning" if worse else "info", evidence, ADVICE)
