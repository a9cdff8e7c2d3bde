"""What a metric is called on screen, from the one list of fields in fade_core."""

from fade_core.records import EXTRAS, FIELDS, Field

_DERIVED = {
    "sign_ratio": Field("advantage", "", 0.0, float("inf"), "m_S / m_F, what delta steers"),
    "schedule/alpha": Field(
        "control", "", 1.0, float("inf"), "difficulty focus that FADE computes"
    ),
    "schedule/delta": Field("control", "", 0.0, 1.0, "sign balance that FADE computes"),
}
_SPOKEN = {
    "mass_success": "m_S success",
    "mass_failure": "m_F failure",
    "sign_ratio": "m_S / m_F",
    "schedule/alpha": "alpha by FADE",
    "schedule/delta": "delta by FADE",
    "alpha": "alpha used",
    "delta": "delta used",
    "kl_k1": "k1",
    "kl_k3": "k3",
    "zero_variance_fraction": "all equal",
    "all_solved_fraction": "all solved",
    "none_solved_fraction": "none solved",
    "clip_fraction_high": "clipped high",
    "clip_fraction_low": "clipped low",
    "reward_mean": "mean",
    "reward_std": "standard deviation",
    "ratio_ess": "ratios",
    "head_rank1_share": "rank-1 share",
    "response_length_mean": "mean",
    "response_length_p95": "95 %",
    "length_success": "solved",
    "length_failure": "failed",
    "truncated_fraction": "cut",
    "prompt_ess": "prompts",
    "train_infer_abs_logprob_diff": "|log-prob difference|",
    "train_infer_k3": "k3",
    "head_stable_rank": "stable rank",
    "adv_std": "spread",
    "adv_top1_share": "largest 1 %",
    "adv_gini": "Gini",
    "extra/apa_residual_rms": "residual",
    "extra/apa_residual_mean": "its mean",
    "extra/apa_r_squared": "R²",
    "extra/awr_ess": "AWR ESS",
}


def field_of(metric: str) -> Field:
    """Return the field behind a metric's name.

    Args:
        metric: A scalar field, ``<vector>/<i>``, ``pass_at_k/<k>``, ``extra/<name>`` or a
            derived name.

    Raises:
        KeyError: There is no such field.

    >>> field_of("adv_quantiles/0.05").description
    'quantiles on QUANTILE_GRID'
    """
    if metric in _DERIVED:
        return _DERIVED[metric]
    stem, _, member = metric.partition("/")
    if stem == "extra":
        unknown = Field("extra", "", float("-inf"), float("inf"), "as the trainer logs it")
        return EXTRAS.get(member, unknown)
    if stem == "pass_at_k":
        return Field("outcome", "fraction", 0.0, 1.0, "solved by at least one of k samples")
    return FIELDS[stem]


def label(metric: str) -> str:
    """Return the short name of a metric, for a legend.

    >>> label("grad_norm"), label("pass_at_k/16"), label("adv_quantiles/0.05"), label("kl_k3")
    ('grad norm', 'pass@16', '5 %', 'k3')
    """
    if metric in _SPOKEN:
        return _SPOKEN[metric]
    stem, _, member = metric.partition("/")
    if stem == "pass_at_k":
        return f"pass@{member}"
    if stem == "extra":
        return member.replace("_", " ")
    if stem == "adv_quantiles":
        return f"{float(member):.0%}".replace("%", " %")
    return metric.replace("_", " ")


def describe(metric: str) -> str:
    """Return what a metric is, with its unit, in one line.

    >>> describe("entropy")
    'mean entropy of the sampling distribution, nats a token'
    """
    field = field_of(metric)
    told = field.unit in field.description
    return field.description if told else f"{field.description}, {field.unit}"
