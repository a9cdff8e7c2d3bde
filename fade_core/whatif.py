"""What other advantage functions would have made of the rewards that a run recorded.

The rollouts are those of the policy that the run had: a what-if tells what each method would
have weighed at each step, not where it would have led.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fade_core.advantages import METHODS, advantages, check_params, find_method
from fade_core.errors import FadeError, SettingError, ShapeError
from fade_core.gradient_mass import GradientMass, batch_mass
from fade_core.scheduler import Schedule, SchedulerConfig, initial, observe
from fade_core.weights import Summary, summarise_rewards, summarise_weights


@dataclass(frozen=True, slots=True)
class RewardStep:
    """The rewards of one rollout batch.

    Attributes:
        step: Index of the rollout batch, >= 0.
        rewards: ``[P, G]`` rewards, or one list of rewards a prompt where groups differ in size.
        entropy: Mean token entropy of the batch, nats; ``nan`` where it was not recorded.
        alpha: The difficulty focus the run really used; None where it was not recorded.
        delta: The sign balance the run really used; None where it was not recorded.
    """

    step: int
    rewards: ArrayLike | Sequence[Sequence[float]]
    entropy: float = float("nan")
    alpha: float | None = None
    delta: float | None = None


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """A method to try.

    Attributes:
        method: A key of ``advantages.METHODS``.
        params: Its parameters. ``fade`` without any takes its pair from the scheduler.
    """

    method: str
    params: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The id and the parameters, such as ``power:alpha=2``."""
        return ":".join([self.method, *(f"{name}={v:g}" for name, v in self.params.items())])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one method would have made of one step.

    Attributes:
        label: The method, as ``MethodSpec.label``.
        params: The parameters it ran with, the scheduled ones included.
        summary: ``weights.summarise_weights`` of its weights, masses among them; empty where the
            method is not defined on these rewards.
        error: Why it is not defined; empty where it is.
    """

    label: str
    params: dict[str, float]
    summary: Summary
    error: str = ""


@dataclass(frozen=True, slots=True)
class WhatIfStep:
    """All methods on the rewards of one step.

    Attributes:
        step: Index of the rollout batch.
        rewards: ``weights.summarise_rewards`` of the rewards; empty where they have no groups.
        outcomes: One a method, in the order asked for.
    """

    step: int
    rewards: Summary
    outcomes: tuple[Outcome, ...]


def parse_spec(text: str) -> MethodSpec:
    """Read a method and its parameters from text.

    Args:
        text: An id, then ``:name=value`` for each parameter.

    Returns:
        The method.

    Raises:
        UnknownMethodError: No method has that id.
        SettingError: A parameter is unknown, missing or not a number.

    >>> parse_spec("fade:alpha=2:delta=0.5").params
    {'alpha': 2.0, 'delta': 0.5}
    """
    method, *parts = text.strip().split(":")
    spec = MethodSpec(method, parse_params(parts))
    check_spec(spec)
    return spec


def parse_methods(texts: Sequence[str]) -> list[MethodSpec]:
    """Read ``fade,grpo,power:alpha=2`` and repetitions of it.

    Args:
        texts: Each a list of methods with commas between.

    Returns:
        The methods, in order, each once.

    Raises:
        UnknownMethodError: No method has an id.
        SettingError: A parameter is unknown, missing or not a number, or there is no method.
    """
    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    if not names:
        raise SettingError("name at least one method, such as --advantage fade,grpo,maxrl")
    return [parse_spec(name) for name in dict.fromkeys(names)]


def parse_params(parts: Iterable[str]) -> dict[str, float]:
    """Read ``name=value`` texts.

    Args:
        parts: Such as ``alpha=2``.

    Returns:
        Numbers by name.

    Raises:
        SettingError: A text is not a name, an equals sign and a number.
    """
    params = {}
    for part in parts:
        name, equals, value = part.partition("=")
        try:
            params[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise SettingError(f"a parameter must be NAME=NUMBER, such as alpha=2, got '{part}'")
    return params


def check_spec(spec: MethodSpec) -> None:
    """Refuse a method that does not exist, or parameters that it does not take.

    Args:
        spec: The method.

    Raises:
        UnknownMethodError: No method has that id.
        SettingError: A parameter is unknown or missing.
    """
    function = find_method(spec.method, METHODS)
    if not _scheduled(spec):
        check_params(function, spec.method, spec.params)


def what_if(
    steps: Iterable[RewardStep],
    methods: Sequence[MethodSpec],
    config: SchedulerConfig | None = None,
) -> list[WhatIfStep]:
    """Return the weights' summary and the masses of each method, step by step.

    ``fade`` without parameters runs with the pair that the run recorded for the step; where it
    recorded none, with the pair that the scheduler had in force, fed with the accuracy of the
    rewards and the recorded entropy of the steps before.

    Source: FADE, arXiv:2607.01490, sections 2 to 4 and 8.

    Args:
        steps: In the order they were recorded.
        methods: To try, in the order to report.
        config: Tuning of the scheduler; the defaults when None.

    Returns:
        One entry a step. A method that is not defined on a step's rewards has its reason there
        instead of a summary, and the other methods go on.

    Raises:
        UnknownMethodError: No method has an id.
        SettingError: A parameter is unknown or missing.
    """
    for spec in methods:
        check_spec(spec)
    config = config or SchedulerConfig()
    schedule, results = initial(config), []
    for step in steps:
        result = _one(step, methods, schedule)
        results.append(result)
        accuracy = result.rewards.get("accuracy", float("nan"))
        assert isinstance(accuracy, float)
        schedule = observe(schedule, step.step, accuracy, step.entropy, config)
    return results


def what_if_masses(
    steps: Sequence[RewardStep], methods: Sequence[MethodSpec]
) -> dict[str, list[GradientMass | None]]:
    """Return only the masses of each method, step by step: for charts of many steps.

    Args:
        steps: With ``[P, G]`` rewards, and the pair in force for ``fade`` without parameters.
        methods: To try.

    Returns:
        By label, one entry a step; None where the method is not defined on its rewards.

    Raises:
        UnknownMethodError: No method has an id.
        SettingError: A parameter is unknown or missing.
    """
    for spec in methods:
        check_spec(spec)
    neutral = initial(SchedulerConfig())
    return {
        spec.label: [_mass(step, spec, _params(spec, step, neutral)) for step in steps]
        for spec in methods
    }


def _mass(step: RewardStep, spec: MethodSpec, params: dict[str, float]) -> GradientMass | None:
    try:
        return batch_mass(step.rewards, advantages(step.rewards, spec.method, **params))
    except FadeError:
        return None


def ragged(
    rewards: ArrayLike | Sequence[Sequence[float]],
) -> tuple[NDArray[np.float64], NDArray[np.int64] | None]:
    """Return rewards as ``[P, G]``, or as ``[N]`` with labels where groups differ in size.

    Args:
        rewards: ``[P, G]``, or one list of rewards a prompt.

    Returns:
        The rewards, and None or their groups.

    Raises:
        ShapeError: They are neither.
    """
    try:
        rows = [np.asarray(row, dtype=np.float64) for row in rewards]  # type: ignore[union-attr]
    except (TypeError, ValueError):
        rows = []
    if not rows or any(row.ndim != 1 for row in rows):
        raise ShapeError("rewards must be [P, G], or one list of numbers a prompt, at least one")
    if len({len(row) for row in rows}) == 1:
        return np.stack(rows), None
    labels = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    return np.concatenate(rows), labels


def _scheduled(spec: MethodSpec) -> bool:
    return spec.method == "fade" and not spec.params


def _one(step: RewardStep, methods: Sequence[MethodSpec], schedule: Schedule) -> WhatIfStep:
    try:
        rewards, groups = ragged(step.rewards)
        summary = summarise_rewards(rewards, groups=groups)
    except ShapeError as error:
        failed = tuple(Outcome(spec.label, dict(spec.params), {}, str(error)) for spec in methods)
        return WhatIfStep(step.step, {}, failed)
    outcomes = tuple(_try(spec, rewards, groups, _params(spec, step, schedule)) for spec in methods)
    return WhatIfStep(step.step, summary, outcomes)


def _params(spec: MethodSpec, step: RewardStep, schedule: Schedule) -> dict[str, float]:
    if not _scheduled(spec):
        return dict(spec.params)
    return {
        "alpha": schedule.alpha if step.alpha is None else step.alpha,
        "delta": schedule.delta if step.delta is None else step.delta,
    }


def _try(
    spec: MethodSpec,
    rewards: NDArray[np.float64],
    groups: NDArray[np.int64] | None,
    params: dict[str, float],
) -> Outcome:
    try:
        weights = advantages(rewards, spec.method, groups=groups, **params)
    except FadeError as error:
        return Outcome(spec.label, params, {}, str(error))
    return Outcome(spec.label, params, summarise_weights(rewards, weights, groups=groups))
