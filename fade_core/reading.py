"""From a step record to the signals that the detectors follow: names, transforms, hygiene."""

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

HUGE, TINY = 1e150, 1e-150
"""Sizes beyond which values are cut or ignored, so that squares and ratios stay finite."""


def _log(value: float) -> float:
    return math.log(value) if value > 1e-12 else math.log(1e-12)


def _positive_log(value: float) -> float | None:
    return math.log(value) if value > TINY else None


def _same(value: float) -> float:
    return value


LINEAR = (
    "accuracy", "reward_mean", "reward_std", "zero_variance_fraction", "all_solved_fraction",
    "none_solved_fraction", "clip_fraction_high", "clip_fraction_low", "ratio_ess",
    "truncated_fraction", "prompt_ess", "head_rank1_share", "staleness", "held_out",
    "kl_ratio_excess_z", "kl_k3_per_token", "kl_drift_ess", "apa_slope", "apa_r_squared",
    "apa_unreachable_share", "awr_ess", "explained_variance",
)  # fmt: skip
POSITIVE = (
    "kl", "grad_norm", "response_length_mean", "train_infer_abs_logprob_diff", "train_infer_k3",
    "apa_residual_rms",
)  # fmt: skip
TRANSFORMS: dict[str, Callable[[float], float | None]] = {
    "entropy": _log,
    **dict.fromkeys(POSITIVE, _positive_log),
    **dict.fromkeys(LINEAR, _same),
}
HELD_OUT = (
    "held_out", "held_out_score", "eval_accuracy", "eval_reward", "eval_reward_mean",
    "eval_rewards/accuracy_reward/mean", "val_score",
)  # fmt: skip
"""Names under which a score on held-out prompts is recognised, best first."""
CLAMPED = ("kl_k1_clamped_share", "kl_k2_clamped_share", "kl_k3_clamped_share")
LEAST_TOKENS = 2000
"""Of which 0.1 % are two: below it the share of the largest tokens is that of one."""


def read(
    record: Mapping[str, Any],
) -> tuple[dict[str, float], tuple[str, ...], dict[str, float]]:
    """Split a record into transformed signals, names of non-finite fields, and controls.

    A non-finite value is named and goes no further, so it can delay no detector.

    Args:
        record: Canonical names to floats; ``pass_at_k`` a mapping, the vectors lists.

    Returns:
        Signals by name, names, and ``alpha`` and ``delta`` where reported.

    >>> read({"kl_k1": -0.5, "loss": float("nan"), "delta": 1.0})
    ({'kl': -0.6931471805599453}, ('loss',), {'delta': 1.0})
    """
    finite, bad = _finite(record)
    if "kl_k3" in finite:
        finite["kl"] = finite["kl_k3"]
    elif "kl_k1" in finite:
        finite["kl"] = abs(finite["kl_k1"])
    for name in HELD_OUT:
        if name in finite:
            finite["held_out"] = finite[name]
            break
    values = derive(finite)
    for name, raw in finite.items():
        transform = TRANSFORMS.get(name)
        if transform is not None:
            value = transform(raw)
            if value is not None:
                values[name] = value
    return values, bad, {k: finite[k] for k in ("alpha", "delta") if k in finite}


def _finite(record: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    finite: dict[str, Any] = {}
    bad: list[str] = []
    for name, value in record.items():
        if type(value) is float and -HUGE < value < HUGE:  # nearly every value
            finite[name] = value
        elif value is None:
            continue
        elif _all_finite(value):
            finite[name] = max(-HUGE, min(value, HUGE)) if _is_number(value) else value
        else:
            bad.append(name)
    return finite, tuple(bad)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


def _all_finite(value: Any) -> bool:
    if _is_number(value):
        return math.isfinite(value)
    inner = value.values() if isinstance(value, Mapping) else value
    return all(math.isfinite(each) for each in inner)


def derive(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the signals that are computed from several fields of one record.

    ``log_mass_ratio`` is ln(m_S / m_F), each mass at least a thousandth of the other; ``tails``
    is ln((kurtosis + 3) (1 - z)): groups without variance, a share z, raise the kurtosis of the
    rest by 1 / (1 - z) by construction; ``mass_offset`` is the solve rate where the mass is
    minus the one where the prompts are; ``kl_k1_z`` and ``apa_mean_z`` are means in their
    standard errors, ``kl_clamped_share`` is the largest of three, and ``kl_top_share`` is read
    from 2,000 tokens on, because 0.1 % of fewer says nothing.

    Args:
        record: Finite values by their canonical names.

    Returns:
        Transformed values by name; a signal whose fields are missing is absent.

    >>> derive({"mass_success": 0.2, "mass_failure": 0.1})
    {'log_mass_ratio': 0.6931471805599453}
    """
    found: dict[str, float] = {}
    _derive_mass(record, found)
    kurtosis = record.get("adv_kurtosis")
    if kurtosis is not None:
        alive = max(1.0 - record.get("zero_variance_fraction", 0.0), 0.02)
        found["tails"] = math.log(max(kurtosis + 3.0, 0.5) * alive)
    elif "adv_max" in record and record.get("adv_std", 0.0) > TINY:
        largest = max(abs(record["adv_max"]), abs(record.get("adv_min", 0.0)))
        found["tails"] = 2.0 * _log(largest / record["adv_std"])
    masses, prompts = record.get("mass_by_difficulty"), record.get("difficulty_histogram")
    if _is_mass(masses) and _is_mass(prompts):
        found["mass_offset"] = _centre(masses) - _centre(prompts)
    _derive_pass(record.get("pass_at_k"), found)
    _derive_kl(record, found)
    return found


def _is_mass(weights: Any) -> TypeGuard[list[float]]:
    return isinstance(weights, (list, tuple)) and TINY < sum(weights) < HUGE


def _derive_mass(record: Mapping[str, Any], found: dict[str, float]) -> None:
    success, failure = record.get("mass_success"), record.get("mass_failure")
    if success is None or failure is None or max(success, failure) <= TINY:
        return
    floor = 1e-3 * max(success, failure)
    found["log_mass_ratio"] = math.log(max(success, floor) / max(failure, floor))


def _derive_pass(pass_at_k: Any, found: dict[str, float]) -> None:
    if isinstance(pass_at_k, Mapping):
        by_k = sorted((int(k), value) for k, value in pass_at_k.items() if str(k).isdigit())
        if by_k and by_k[0][0] < by_k[-1][0]:
            found["pass_few"], found["pass_many"] = by_k[0][1], by_k[-1][1]


def _derive_kl(record: Mapping[str, Any], found: dict[str, float]) -> None:
    for signal, mean in (("kl_k1_z", "kl_k1_per_token"), ("apa_mean_z", "apa_residual_mean")):
        if mean in record and record.get(f"{mean}_stderr", 0.0) > TINY:
            found[signal] = record[mean] / record[f"{mean}_stderr"]
    if any(name in record for name in CLAMPED):
        found["kl_clamped_share"] = max(record.get(name, 0.0) for name in CLAMPED)
    if record.get("kl_tokens", 0.0) >= LEAST_TOKENS and "kl_k3_top_share" in record:
        found["kl_top_share"] = record["kl_k3_top_share"]


def _centre(weights: list[float]) -> float:
    bins = len(weights)
    return sum((i + 0.5) / bins * w for i, w in enumerate(weights)) / sum(weights)
