"""A run of APA or AWR that does not do what its loss says."""

import math
from dataclasses import dataclass

from fade_core.detectors.kl_finding import KLFinding
from fade_core.findings import Severity
from fade_core.losses import ApaStatistics

NAME = "apa_anomaly"


@dataclass(frozen=True, slots=True)
class Settings:
    """Thresholds.

    Attributes:
        steps: Consecutive steps that make a finding, >= 1.
        r_squared: Below this the slope's sign is noise, in [0, 1].
        mean_errors: Standard errors above 0 of the residual's mean that count.
        flat_steps: Steps within which the residual must have fallen.
        flat_fall: By which share of its first value, in (0, 1).
        unreachable_share: Share of unreachable targets worth telling, in [0, 1].
        awr_ess: Effective share of AWR's weights below which a few tokens carry all.
        explained_variance: Below this the critic's advantages are noise.
    """

    steps: int = 3
    r_squared: float = 0.01
    mean_errors: float = 3.0
    flat_steps: int = 50
    flat_fall: float = 0.01
    unreachable_share: float = 0.5
    awr_ess: float = 0.3
    explained_variance: float = 0.0


@dataclass(frozen=True, slots=True)
class Observation:
    """One step; parts that a run does not have are None.

    Attributes:
        apa: From ``fade_core.losses.apa_statistics``.
        awr_ess: From ``fade_core.losses.awr_effective_fraction``.
        explained_variance: From ``fade_core.losses.explained_variance``.
    """

    apa: ApaStatistics | None = None
    awr_ess: float | None = None
    explained_variance: float | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What is carried: steps seen, the first residual, the lowest one, and runs of symptoms."""

    steps_seen: int = 0
    first_rms: float = math.nan
    lowest_rms: float = math.inf
    negative_slope: int = 0
    positive_mean: int = 0
    unreachable: int = 0
    few_weights: int = 0
    blind_critic: int = 0


Symptom = tuple[int, int, str, str]


def step(
    state: State, seen: Observation, settings: Settings = Settings()
) -> tuple[State, KLFinding | None]:
    """Look at one step; the gravest symptom is the finding.

    Source: derived from Zhu et al. 2023, arXiv:2306.02231; limits are proposals.

    Args:
        state: From the step before; ``State()`` at first.
        seen: The step.
        settings: Thresholds.

    Returns:
        The next state, and a finding or None.
    """
    following = _next(state, seen, settings)
    for length, needed, symptom, advice in _symptoms(following, settings):
        if length >= needed:
            severity: Severity = "info" if symptom in ("unreachable", "flat") else "warning"
            evidence = _evidence(seen, symptom)
            return following, KLFinding(NAME, severity, evidence, advice)
    return following, None


def kl_slope(kl_history: list[float]) -> tuple[float, float]:
    """Return the slope of the KL over the last steps, and its standard error.

    APA's claim is that the KL to the start levels off while the reward rises.

    Source: least squares.

    Args:
        kl_history: One KL a step, nats, at least three.

    Returns:
        Nats a step; ``nan`` twice for fewer than three steps.

    >>> kl_slope([0.0, 1.0, 2.0])[0]
    1.0
    """
    count = len(kl_history)
    if count < 3:
        return math.nan, math.nan
    centre, level = (count - 1) / 2, sum(kl_history) / count
    sxx = sum((i - centre) ** 2 for i in range(count))
    slope = sum((i - centre) * (kl - level) for i, kl in enumerate(kl_history)) / sxx
    left = sum((kl - level - slope * (i - centre)) ** 2 for i, kl in enumerate(kl_history))
    return slope, math.sqrt(left / (count - 2) / sxx)


def _next(state: State, seen: Observation, settings: Settings) -> State:
    apa = seen.apa
    rms = apa.residual_rms if apa else math.nan
    noise = settings.mean_errors * apa.residual_mean_stderr if apa else math.nan
    return State(
        steps_seen=state.steps_seen + 1,
        first_rms=rms if math.isnan(state.first_rms) else state.first_rms,
        lowest_rms=min(state.lowest_rms, rms) if rms == rms else state.lowest_rms,
        negative_slope=_run(
            state.negative_slope,
            apa is not None and apa.slope < 0.0 and apa.r_squared > settings.r_squared,
        ),
        positive_mean=_run(state.positive_mean, apa is not None and apa.residual_mean > noise),
        unreachable=_run(
            state.unreachable,
            apa is not None and apa.unreachable_share > settings.unreachable_share,
        ),
        few_weights=_run(
            state.few_weights, seen.awr_ess is not None and seen.awr_ess < settings.awr_ess
        ),
        blind_critic=_run(
            state.blind_critic,
            seen.explained_variance is not None
            and seen.explained_variance < settings.explained_variance,
        ),
    )


def _symptoms(state: State, settings: Settings) -> tuple[Symptom, ...]:
    fallen = state.lowest_rms < (1.0 - settings.flat_fall) * state.first_rms
    flat = 0 if fallen or math.isnan(state.first_rms) else state.steps_seen
    return (
        (state.negative_slope, settings.steps, "negative_slope",
         "the policy moves against its advantages: check the sign of A/lambda and that the "
         "log-probs are of the initial model, not of the rollout"),
        (state.positive_mean, settings.steps, "positive_mean",
         "the residual's mean should tend to -log Z <= 0: check the critic and the whitening"),
        (state.blind_critic, settings.steps, "blind_critic",
         "the critic explains nothing, so the loss regresses on noise: train it first"),
        (state.few_weights, settings.steps, "few_weights",
         "a few tokens carry AWR's weight: raise lambda, or cut the weights"),
        (flat, settings.flat_steps, "flat",
         "the residual does not fall: lambda is too small or the learning rate too low; the "
         "rate is in effect multiplied by 2/lambda"),
        (state.unreachable, settings.steps, "unreachable",
         "most targets are more than 5 nats away, a direction and not a point: raise lambda if "
         "the KL runs off"),
    )  # fmt: skip


def _evidence(seen: Observation, symptom: str) -> dict[str, float | str]:
    evidence: dict[str, float | str] = {"symptom": symptom}
    if seen.apa is not None:
        evidence |= {
            "residual_rms": seen.apa.residual_rms,
            "residual_mean": seen.apa.residual_mean,
            "slope": seen.apa.slope,
            "r_squared": seen.apa.r_squared,
            "unreachable_share": seen.apa.unreachable_share,
        }
    for name, number in (
        ("awr_ess", seen.awr_ess),
        ("explained_variance", seen.explained_variance),
    ):
        if number is not None:
            evidence[name] = number
    return evidence


def _run(length: int, goes_on: bool) -> int:
    return length + 1 if goes_on else 0
