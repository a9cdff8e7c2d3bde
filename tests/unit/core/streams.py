"""Streams of step records for the tests of the detectors."""

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fade_core.findings import Finding
from fade_core.monitor import DETECTORS, Monitor, State

Record = dict[str, Any]


def ramp(t: int, start: int, per_step: float) -> float:
    """Growth factor: 1 before ``start``, then exponential."""
    return float((1.0 + per_step) ** max(0, t - start))


def healthy(t: int, seed: int = 0) -> Record:
    """Return a record of a quiet run with every signal a detector reads."""
    z = random.Random(1000 * seed + t).gauss(0.0, 0.02)
    return {
        "step": t,
        "accuracy": 0.5 + z,
        "reward_mean": 0.5 + z,
        "reward_std": 0.5 + z,
        "zero_variance_fraction": 0.2 + z,
        "all_solved_fraction": 0.1 + z,
        "none_solved_fraction": 0.1 - z,
        "entropy": 1.0 + z,
        "kl_k1": 0.01 + z / 10,
        "kl_k3": 0.01 + abs(z) / 10,
        "clip_fraction_high": 0.02 + z / 10,
        "clip_fraction_low": 0.02 - z / 10,
        "ratio_ess": 0.9 + z,
        "grad_norm": 1.0 + z,
        "loss": z,
        "staleness": 1.0 + z,
        "adv_kurtosis": z,
        "adv_std": 1.0,
        "adv_max": 2.0,
        "adv_min": -2.0,
        "mass_success": 0.2 + z / 10,
        "mass_failure": 0.2 - z / 10,
        "mass_by_difficulty": [0.1] * 10,
        "difficulty_histogram": [0.1] * 10,
        "prompt_ess": 0.6 + z,
        "response_length_mean": 500.0 * (1.0 + z),
        "truncated_fraction": 0.05 + z,
        "train_infer_abs_logprob_diff": 0.01 + z / 10,
        "train_infer_k3": 0.001 + abs(z) / 100,
        "head_rank1_share": 0.6 + z,
        "pass_at_k": {"1": 0.4 + z, "8": 0.7 + z},
        "held_out": 0.5 + z,
        "kl_ratio_excess_z": 20.0 * z,
        "kl_k1_per_token": 0.01 + z / 10,
        "kl_k1_per_token_stderr": 0.002,
        "kl_k3_per_token": 0.01 + abs(z) / 10 if t else 0.0,
        "kl_k3_top_share": 0.05 + z / 10,
        "kl_k3_clamped_share": 0.0,
        "kl_tokens": 5000.0,
        "kl_drift_ess": 0.99 - abs(z) / 10,
        "apa_residual_rms": 10.0 * 0.98 ** min(t, 60) * (1.0 + z),
        "apa_residual_mean": -0.1 + z,
        "apa_residual_mean_stderr": 0.02,
        "apa_slope": 0.05 + z,
        "apa_r_squared": 0.1 + z,
        "apa_unreachable_share": 0.2 + z,
        "awr_ess": 0.7 + z,
        "explained_variance": 0.5 + z,
    }


Change = Callable[[int, int], Record]
FAILURES: dict[str, Change] = {
    "advantage_tails": lambda t, s: {"adv_kurtosis": 0.5 * max(0, t - s)},
    "apa_anomaly": lambda t, s: {"apa_slope": 0.05 - 0.02 * max(0, t - s)},
    "difficulty_misfocus": lambda t, s: {"prompt_ess": max(0.05, 0.6 - 0.02 * max(0, t - s))},
    "diversity_loss": lambda t, s: {
        "pass_at_k": {"1": 0.4 + 0.002 * t, "8": 0.7 - 0.01 * max(0, t - s)}
    },
    "entropy_collapse": lambda t, s: {"entropy": ramp(t, s, -0.08)},
    "entropy_explosion": lambda t, s: {"entropy": ramp(t, s, 0.08)},
    "gradient_instability": lambda t, s: {"grad_norm": 30.0 if t > s and t % 5 == 0 else 1.0},
    "kl_blowup": lambda t, s: {"kl_k3": 0.01 * ramp(t, s, 0.1)},
    "kl_misconfigured": lambda t, s: {"kl_k3_clamped_share": 0.0002 * max(0, t - s)},
    "kl_sampling_mismatch": lambda t, s: {"kl_ratio_excess_z": -1.0 * max(0, t - s)},
    "length_pathology": lambda t, s: {"truncated_fraction": min(1.0, 0.02 * max(0, t - s))},
    "no_learning_signal": lambda _t, _s: {
        "zero_variance_fraction": 1.0, "reward_mean": 0.0, "accuracy": 0.0, "reward_std": 0.0
    },
    "non_finite": lambda t, s: {"loss": float("nan") if t >= s else 0.0},
    "rank_collapse": lambda t, s: {"head_rank1_share": min(0.99, 0.6 + 0.01 * max(0, t - s))},
    "reward_collapse": lambda t, s: {"accuracy": max(0.0, 0.5 - 0.02 * max(0, t - s))},
    "reward_hacking_suspected": lambda t, s: {
        "reward_mean": 0.2 + 0.004 * t, "held_out": 0.5 - 0.01 * max(0, t - s)
    },
    "sign_imbalance": lambda t, s: {"mass_success": 0.2 * ramp(t, s, 0.05)},
    "staleness": lambda t, s: {"staleness": 1.0 + 0.3 * max(0, t - s)},
    "train_infer_mismatch": lambda t, s: {"train_infer_k3": 0.001 * ramp(t, s, 0.1)},
    "value_anomaly": lambda _t, _s: {"entropy": 0.5},
    "zero_variance": lambda t, s: {"zero_variance_fraction": min(1.0, 0.2 + 0.01 * max(0, t - s))},
}  # fmt: skip
"""A failure that each detector is for, from a step on; a new detector joins by one line."""


def failing(name: str, length: int = 140, start: int = 60) -> list[Record]:
    return [healthy(t) | FAILURES[name](t, start) for t in range(length)]


def alone(name: str) -> Monitor:
    return Monitor(each for each in DETECTORS if each.id == name)


def findings(monitor: Monitor, records: Iterable[Mapping[str, Any]]) -> list[Finding]:
    return advance(monitor, monitor.start(), records)[1]


def advance(
    monitor: Monitor, state: State, records: Iterable[Mapping[str, Any]]
) -> tuple[State, list[Finding]]:
    found = []
    for record in records:
        state, seen = monitor.step(state, record)
        found += seen
    return state, found
