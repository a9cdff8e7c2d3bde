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

EXTRAS: dict[str, Field] = {
    "kl_k1_per_token": _free("kl", "nats a token", "mean of d = log p - log p_ref"),
    "kl_k1_per_token_stderr": _positive("kl", "nats a token", "its standard error, by sequence"),
    "kl_k3_per_token": _positive("kl", "nats a token", "mean of e^-d - 1 + d"),
    "kl_k3_per_token_stderr": _positive("kl", "nats a token", "its standard error, by sequence"),
    "kl_k1_per_sequence": _free("kl", "nats a sequence", "mean over sequences of the sum of d"),
    "kl_k1_per_sequence_stderr": _positive("kl", "nats a sequence", "its standard error"),
    "kl_k3_per_sequence": _positive("kl", "nats a sequence", "the same of k3"),
    "kl_k3_per_sequence_stderr": _positive("kl", "nats a sequence", "its standard error"),
    "kl_ratio_excess_per_token": _free("kl", "", "mean(ref/pi) - 1 = k3 - k1; 0 where pi sampled"),
    "kl_ratio_excess_stderr": _positive("kl", "", "its standard error, by sequence"),
    "kl_ratio_excess_z": _free("kl", "standard errors", "the two divided: the sampling test"),
    "kl_k3_median_per_token": _positive("kl", "nats a token", "median of k3"),
    "kl_k3_trimmed_per_token": _positive("kl", "nats a token", "mean of k3 less 1 % at each end"),
    "kl_k3_top_share": _fraction("kl", "share of the sum of k3 in the largest 0.1 % of tokens"),
    "kl_k1_clamped_share": _fraction("kl", "tokens where a clamped k1 has no gradient"),
    "kl_k2_clamped_share": _fraction("kl", "tokens where a clamped k2 has no gradient"),
    "kl_k3_clamped_share": _fraction("kl", "tokens where a clamped k3 has no gradient"),
    "kl_drift_k1_per_token": _free("kl", "nats a token", "k1 of the policy from its sampler"),
    "kl_drift_k3_per_token": _positive("kl", "nats a token", "k3 of the policy from its sampler"),
    "kl_drift_ess": _fraction("kl", "effective share of tokens under the ratios pi/sampler"),
    "kl_drift_chi2": _free("kl", "", "mean of the squared ratio pi/sampler, less 1"),
    "kl_tokens": _positive("kl", "tokens", "tokens that were counted"),
    "kl_sequences": _positive("kl", "sequences", "sequences that were counted"),
    "apa_residual_rms": _positive("apa", "nats", "root mean square of d - A/lambda"),
    "apa_residual_mean": _free("apa", "nats", "mean of d - A/lambda; tends to -log Z <= 0"),
    "apa_residual_mean_stderr": _positive("apa", "nats", "its standard error, by sequence"),
    "apa_slope": _free("apa", "nats a unit of A", "slope of d on A; rises toward 1/lambda"),
    "apa_r_squared": _fraction("apa", "share of the variance of d that A explains"),
    "apa_unreachable_share": _fraction("apa", "tokens whose target is beyond 5 nats"),
    "apa_tokens": _positive("apa", "tokens", "tokens that were counted"),
    "apa_kl_slope": _free("apa", "nats a token a step", "slope of k3 over the last steps"),
    "apa_kl_slope_stderr": _positive("apa", "nats a token a step", "its standard error"),
    "awr_ess": _fraction("apa", "effective share of tokens under AWR's weights exp(A/lambda)"),
    "explained_variance": Field(
        "apa", "", -math.inf, 1.0, "share of the returns' variance that the critic explains"
    ),
}
"""Names outside ``FIELDS`` that mean the same everywhere: what ``fade_core.kl_monitor`` and
``fade_core.losses`` measure. ``d = log p - log p_ref`` of the sampled tokens."""


def extras_table() -> str:
    """Return ``EXTRAS`` as a Markdown table, for the page on KL."""
    rows = [f"| `{name}` | {each.unit} | {each.description} |" for name, each in EXTRAS.items()]
    return "\n".join(["| name | unit | what it is |", "|---|---|---|", *rows])


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
