"""Synthetic runs of RL post-training with known onset and failure, in wide families.

Written for the benchmark: rollouts of binary rewards (24 prompts x 8) are simulated at every step,
so solve rate, zero-variance groups, masses and kurtosis agree with each other. A family is drawn
at random: length of the run, entropy of a base or an instructed model, trainer and its keys,
noise, missing signals, speed of the failure.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.keys import TRAINERS, UNSEEN_TRAINERS

PROMPTS, GROUP = 24, 8
HEALTHY = ("healthy", "healthy_rough", "healthy_small_batch", "healthy_solved")
CAUSE = {
    "entropy_fall": "entropy_collapse",
    "entropy_rise": "entropy_explosion",
    "kl_growth": "kl_blowup",
    "gradient_spikes": "gradient_instability",
    "easy_prompts": "zero_variance",
    "heavy_weights": "advantage_tails",
    "success_only": "sign_imbalance",
    "failure_only": "sign_imbalance",
    "truncation": "length_pathology",
    "sampler_drift": "train_infer_mismatch",
    "dead": "no_learning_signal",
    "hacking": "reward_hacking_suspected",
}
"""Failing scenario to the detector that names its cause."""


@dataclass(frozen=True)
class Family:
    """What differs between runs of one scenario.

    Attributes:
        steps: Length of the run.
        entropy: At the start, nats a token.
        trainer: Whose keys the log has.
        noise: Deviation of the logarithm of entropy; KL and gradient have four times as much.
        onset: Step of the failure's beginning, as a part of the run.
        pace: Steps from onset to full failure, as a part of the run.
        missing: Canonical fields that are not logged.
        prompts: Prompts a step.
        group: Rollouts of each.
    """

    steps: int
    entropy: float
    trainer: str
    noise: float
    onset: float
    pace: float
    missing: frozenset[str]
    prompts: int = PROMPTS
    group: int = GROUP


@dataclass(frozen=True)
class Run:
    """Rows of a log with the keys of a trainer, and the truth about it.

    Attributes:
        rows: One mapping a step.
        keys: Canonical name to key.
        onset: Step of the beginning; None in a healthy run.
        failure: Step of half of the full failure; None in a healthy run.
    """

    rows: list[dict[str, Any]]
    keys: dict[str, str]
    onset: int | None
    failure: int | None


@dataclass(frozen=True)
class Latent:
    """Noise-free state of a run at one step."""

    accuracy: float
    entropy: float
    kl: float
    grad_norm: float
    length: float
    spread: float = 4.0
    truncated: float = 0.01
    weight_spread: float = 0.0
    success_weight: float = 1.0
    failure_weight: float = 1.0
    mismatch: float = 0.01
    spikes: float = 0.0
    true_score: float | None = None


OPTIONAL = ("loss", "learning_rate", "clip_fraction_high", "reward_std", "head_rank1_share")


def draw_family(seed: int, longest: int = 20_000) -> Family:
    """Draw a family; a quarter of the runs is long."""
    chance = random.Random(f"family {seed}")
    steps = int(math.exp(chance.uniform(math.log(150), math.log(1500))))
    if seed % 16 == 15:
        steps = longest
    return Family(
        steps=steps,
        entropy=chance.choice((0.12, 0.3, 0.7, 1.5, 2.8)),
        trainer=chance.choice(sorted(TRAINERS)),
        noise=chance.choice((0.02, 0.03, 0.05)),
        onset=chance.uniform(0.4, 0.6),
        pace=chance.uniform(0.2, 0.35),
        missing=frozenset(name for name in OPTIONAL if chance.random() < 0.5),
    )


def draw_unseen_family(seed: int) -> Family:
    """Draw a family from other ranges, with other trainers' keys and other batch sizes.

    Made after the detectors' defaults were fixed; nothing was chosen by what it showed.
    """
    chance = random.Random(f"unseen family {seed}")
    return Family(
        steps=int(math.exp(chance.uniform(math.log(120), math.log(4000)))),
        entropy=math.exp(chance.uniform(math.log(0.05), math.log(4.0))),
        trainer=chance.choice(sorted(UNSEEN_TRAINERS)),
        noise=math.exp(chance.uniform(math.log(0.015), math.log(0.08))),
        onset=chance.uniform(0.3, 0.75),
        pace=chance.uniform(0.1, 0.4),
        missing=frozenset(name for name in OPTIONAL if chance.random() < 0.5),
        prompts=chance.choice((12, 16, 48, 64)),
        group=chance.choice((4, 16)),
    )


def smooth(u: float) -> float:
    """Rise from 0 to 1 on [0, 1], flat at both ends."""
    u = min(max(u, 0.0), 1.0)
    return u * u * (3.0 - 2.0 * u)


def base(family: Family, t: int) -> Latent:
    """Return the healthy state at a step: slow learning, entropy to a third, KL from zero."""
    u = t / family.steps
    return Latent(
        accuracy=0.2 + 0.45 * smooth(0.1 + 0.9 * u),
        entropy=family.entropy * math.exp(-1.1 * u),
        kl=1e-4 + 0.05 * u,
        grad_norm=0.3 + 0.1 * math.exp(-6.0 * u),
        length=300.0 + 200.0 * u,
    )


def _fail(name: str, v: float, healthy: Latent) -> Latent:
    """Return the state at a part ``v`` of the way into a failure."""
    late = 1.0 - 0.7 * smooth(2.0 * v - 1.0)
    accuracy = healthy.accuracy * late
    changes: dict[str, Callable[[], dict[str, float]]] = {
        "entropy_fall": lambda: {"entropy": healthy.entropy * math.exp(-5.0 * v)},
        "entropy_rise": lambda: {
            "entropy": healthy.entropy * math.exp(2.5 * v),
            "length": healthy.length * (1.0 + 2.0 * smooth(2.0 * v - 1.0)),
        },
        "kl_growth": lambda: {"kl": healthy.kl * math.exp(6.0 * v)},
        "gradient_spikes": lambda: {"spikes": 0.05 + 0.15 * v},
        "easy_prompts": lambda: {
            "accuracy": healthy.accuracy + (0.97 - healthy.accuracy) * smooth(v),
            "spread": 4.0 * math.exp(-2.5 * v),
        },
        "heavy_weights": lambda: {"weight_spread": 1.8 * smooth(v)},
        "success_only": lambda: {
            "success_weight": 1.0 + 2.0 * smooth(v),
            "failure_weight": 1.0 - 0.95 * smooth(v),
            "entropy": healthy.entropy * math.exp(-1.5 * smooth(v)),
        },
        "failure_only": lambda: {
            "success_weight": 1.0 - 0.95 * smooth(v),
            "failure_weight": 1.0 + 2.0 * smooth(v),
        },
        "truncation": lambda: {
            "truncated": 0.01 + 0.9 * smooth(v),
            "length": healthy.length * (1.0 + smooth(v)),
        },
        "sampler_drift": lambda: {"mismatch": 0.01 * math.exp(4.0 * v)},
        "hacking": lambda: {
            "accuracy": healthy.accuracy,
            "true_score": healthy.accuracy * (1.0 - 0.6 * v),
        },
    }
    return replace(healthy, **({"accuracy": accuracy} | changes[name]()))


def make(scenario: str, seed: int, longest: int = 20_000) -> Run:
    """Simulate one run.

    Args:
        scenario: A key of ``CAUSE`` or a member of ``HEALTHY``.
        seed: Draws the family and everything in it.
        longest: Steps of the long runs.

    Returns:
        The log and its truth.
    """
    return simulate(scenario, seed, draw_family(seed, longest))


def simulate(scenario: str, seed: int, family: Family) -> Run:
    """Simulate one run of a family; see ``make``."""
    order = (*HEALTHY, *CAUSE).index(scenario)
    rng = np.random.default_rng([20261121, order, seed])
    onset = 1 if scenario == "dead" else int(family.onset * family.steps)
    pace = max(40.0, family.pace * min(family.steps, 4000))
    keys = dict((TRAINERS | UNSEEN_TRAINERS)[family.trainer])
    rows = []
    for t in range(family.steps):
        state = base(family, t)
        if scenario == "dead":
            state = replace(state, accuracy=0.0)
        elif scenario == "healthy_solved":
            state = replace(state, accuracy=0.3 + 0.7 * smooth(2.0 * t / family.steps))
        elif scenario in CAUSE and t > onset:
            state = _fail(scenario, min((t - onset) / pace, 1.0), state)
        record = _observe(state, family, scenario, t, rng)
        row = {keys[k]: v for k, v in record.items() if k in keys and k not in family.missing}
        rows.append({"step": t, **row})
    if scenario in HEALTHY:
        return Run(rows, keys, None, None)
    failure = 40 if scenario == "dead" else min(int(onset + 0.75 * pace), family.steps)
    return Run(rows, keys, onset, failure)


def _observe(
    state: Latent, family: Family, scenario: str, t: int, rng: np.random.Generator
) -> dict[str, float]:
    """Simulate the rollouts of one step and add measurement noise."""
    rough = scenario == "healthy_rough"
    prompts = 8 if scenario == "healthy_small_batch" else family.prompts
    mean, spread = min(max(state.accuracy, 1e-4), 1.0 - 1e-4), state.spread
    p_P = rng.beta(mean * spread, (1.0 - mean) * spread, size=prompts)
    r_PG = (rng.random((prompts, family.group)) < p_P[:, None]).astype(float)
    weights = (r_PG - r_PG.mean(1, keepdims=True)) / (r_PG.std(1, keepdims=True) + 1e-4)
    if state.weight_spread:
        weights = weights * np.exp(state.weight_spread * rng.standard_normal(weights.shape))
    weights = np.where(weights > 0, weights * state.success_weight, weights * state.failure_weight)
    centred = weights - weights.mean()
    variance = float((centred**2).mean())
    noise = family.noise * (2.0 if rough else 1.0)

    def wobble(times: float) -> float:
        z = rng.standard_t(3) if rough else rng.standard_normal()
        return math.exp(times * noise * float(np.clip(z, -8, 8)))

    grad = state.grad_norm * wobble(4.0)
    if rng.random() < state.spikes:
        grad *= float(rng.uniform(10.0, 30.0))
    record = {
        "entropy": state.entropy * wobble(1.0),
        "kl_k3": state.kl * wobble(4.0),
        "grad_norm": grad,
        "loss": 0.01 * float(rng.standard_normal()),
        "learning_rate": 1e-6,
        "reward_mean": float(r_PG.mean()),
        "reward_std": float(r_PG.std()),
        "accuracy": float(r_PG.mean()),
        "zero_variance_fraction": float((r_PG.std(1) == 0).mean()),
        "response_length_mean": state.length * wobble(1.0),
        "truncated_fraction": float(np.clip(state.truncated + 0.005 * rng.standard_normal(), 0, 1)),
        "clip_fraction_high": 0.01 * wobble(4.0),
        "train_infer_abs_logprob_diff": state.mismatch * wobble(4.0),
        "mass_success": float(np.where(weights > 0, weights, 0).mean()),
        "mass_failure": float(np.where(weights < 0, -weights, 0).mean()),
        "head_rank1_share": 0.85 - 0.2 * t / family.steps + 0.01 * float(rng.standard_normal()),
    }
    if variance > 1e-12:
        record["adv_kurtosis"] = float((centred**4).mean() / variance**2 - 3.0)
    if t % max(5, family.steps // 60) == 0:
        score = state.accuracy if state.true_score is None else state.true_score
        record["held_out"] = float(np.clip(score + 0.01 * rng.standard_normal(), 0, 1))
    return record
