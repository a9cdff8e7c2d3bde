"""What a trainer reports a step: the fields, their units and ranges. Nothing of ours below it.

One record a step; every field but the step is optional. Missing is not zero: a field that was
not measured is absent, and ``nan`` is a value that was measured and is a finding.
"""

import math
from dataclasses import dataclass
from typing import Literal

Kind = Literal["scalar", "vector"]

QUANTILE_GRID = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
"""Probabilities of ``adv_quantiles``."""

DIFFICULTY_BINS = 10
"""Equal bins of the solve rate in [0, 1]; the last one includes 1."""


@dataclass(frozen=True, slots=True)
class Field:
    """One quantity of a step record.

    Attributes:
        group: The heading it belongs to.
        unit: In words; empty when it has none.
        low: Smallest finite value that can be right.
        high: Largest finite value that can be right.
        description: What it is, in one line.
        kind: ``scalar`` for one float, ``vector`` for a fixed number of floats.
        length: Number of floats of a vector.
    """

    group: str
    unit: str
    low: float
    high: float
    description: str
    kind: Kind = "scalar"
    length: int = 1


def _free(group: str, unit: str, description: str) -> Field:
    return Field(group, unit, -math.inf, math.inf, description)


def _positive(group: str, unit: str, description: str) -> Field:
    return Field(group, unit, 0.0, math.inf, description)


def _fraction(group: str, description: str) -> Field:
    return Field(group, "fraction", 0.0, 1.0, description)


FIELDS: dict[str, Field] = {
    "accuracy": _fraction("outcome", "mean solve rate of the batch, before any filtering"),
    "reward_mean": _free("outcome", "reward", "mean reward"),
    "reward_std": _positive("outcome", "reward", "standard deviation over all rollouts"),
    "zero_variance_fraction": _fraction("outcome", "groups whose rewards are all equal"),
    "all_solved_fraction": _fraction("outcome", "groups with every rollout solved"),
    "none_solved_fraction": _fraction("outcome", "groups with no rollout solved"),
    "entropy": _positive("policy", "nats a token", "mean entropy of the sampling distribution"),
    "kl_k1": _free("policy", "nats a token", "mean of log p - log p_ref under p"),
    "kl_k3": _positive("policy", "nats a token", "mean of e^d - d - 1, d = log p_ref - log p"),
    "clip_fraction_high": _fraction("policy", "A > 0 and ratio above 1 + eps"),
    "clip_fraction_low": _fraction("policy", "A < 0 and ratio below 1 - eps"),
    "ratio_ess": _fraction("policy", "effective sample size of the importance ratios over n"),
    "grad_norm": _positive("policy", "", "global gradient norm before clipping"),
    "loss": _free("policy", "", "training loss"),
    "learning_rate": _positive("policy", "", "learning rate"),
    "staleness": _positive("policy", "versions", "policy versions between sampling and update"),
    "adv_mean": _free("advantage", "weight", "mean advantage weight"),
    "adv_std": _positive("advantage", "weight", "standard deviation of the weights"),
    "adv_min": _free("advantage", "weight", "smallest weight"),
    "adv_max": _free("advantage", "weight", "largest weight"),
    "adv_kurtosis": Field("advantage", "", -2.0, math.inf, "excess kurtosis of the weights"),
    "adv_top1_share": _fraction("advantage", "share of |A| on the largest 1 % of rollouts"),
    "adv_gini": _fraction("advantage", "Gini index of |A|"),
    "adv_quantiles": Field(
        "advantage", "weight", -math.inf, math.inf, "quantiles on QUANTILE_GRID",
        "vector", len(QUANTILE_GRID),
    ),
    "mass_success": _free("advantage", "weight", "m_S, mean of A on successes"),
    "mass_failure": _free("advantage", "weight", "m_F, mean of -A on failures"),
    "mass_by_difficulty": Field(
        "advantage", "weight", 0.0, math.inf, "mean |A| by solve-rate bin",
        "vector", DIFFICULTY_BINS,
    ),
    "difficulty_histogram": Field(
        "advantage", "fraction", 0.0, 1.0, "share of prompts by solve-rate bin",
        "vector", DIFFICULTY_BINS,
    ),
    "prompt_ess": _fraction("advantage", "effective number of prompts over P, by mass"),
    "response_length_mean": _positive("text", "tokens", "mean response length"),
    "response_length_p95": _positive("text", "tokens", "95 % quantile of the response length"),
    "truncated_fraction": _fraction("text", "responses cut at the length limit"),
    "length_success": _positive("text", "tokens", "mean length of successes"),
    "length_failure": _positive("text", "tokens", "mean length of failures"),
    "train_infer_abs_logprob_diff": _positive(
        "mismatch", "nats a token", "mean |log p_train - log p_rollout| on the same tokens"
    ),
    "train_infer_k3": _positive("mismatch", "nats a token", "k3 of trainer against sampler"),
    "head_rank1_share": _fraction("head", "energy of the head's update in one direction"),
    "head_stable_rank": Field("head", "", 1.0, math.inf, "sum sigma^2 / sigma_1^2 of the update"),
    "head_fraction": _fraction("head", "the head's share of the whole update's energy"),
    "alpha": Field("control", "", 1.0, math.inf, "difficulty focus that the trainer used"),
    "delta": Field("control", "", 0.0, math.inf, "sign balance that the trainer used"),
    "schedule_version": _positive("control", "", "version of the schedule that was used"),
}  # fmt: skip
"""Every canonical field by its name, apart from ``step``, ``pass_at_k`` and ``extra``."""

SCALARS = tuple(name for name, field in FIELDS.items() if field.kind == "scalar")
VECTORS = tuple(name for name, field in FIELDS.items() if field.kind == "vector")


def problem_with(name: str, value: float) -> str | None:
    """Say why a value cannot be right for a canonical scalar field, or None.

    ``nan`` and infinities are findings, never refused here.

    Args:
        name: A key of ``FIELDS``.
        value: One float.

    Returns:
        What was wanted and what came.

    >>> problem_with("accuracy", 1.5)
    'accuracy must be in [0, 1] (fraction), got 1.5'
    """
    field = FIELDS[name]
    if not math.isfinite(value) or field.low <= value <= field.high:
        return None
    unit = f" ({field.unit})" if field.unit else ""
    return f"{name} must be in [{field.low:g}, {field.high:g}]{unit}, got {value:g}"
