"""Runs of a simulated policy, streamed by the real client: every signal, in seconds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import fade_client
from fade_core.advantages import advantages

PROMPTS, GROUP = 48, 8
FIRST_TOKENS = 48_000


@dataclass(frozen=True, slots=True)
class Simulation:
    """What distinguishes a run.

    Attributes:
        name: What people read.
        seed: Of its random numbers.
        steps: Rollout batches.
        method: Id of its advantage function; ``fade`` is steered by the run's schedule.
        decay: Share of its entropy that it loses over the run, in [0, 1].
        group: The group of its seeds, or None.
        config: Its settings, beside the method and the seed.
        tags: Beside that of its method.
        finish: Whether the run ends; otherwise it stays live.
    """

    name: str
    seed: int = 0
    steps: int = 120
    method: str = "grpo"
    decay: float = 0.7
    group: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    finish: bool = True


def stream(server: str, folder: Path, simulation: Simulation) -> str:
    """Stream a run to a server, and return its id when the server has all of it.

    Args:
        server: Address of a real service.
        folder: Where the spool is.
        simulation: The run.
    """
    settings = {"method": simulation.method, "seed": simulation.seed, "group_size": GROUP}
    run = fade_client.init(
        "countdown", simulation.name, server=server, dir=str(folder), group=simulation.group,
        config={**settings, **simulation.config}, tags=[simulation.method, *simulation.tags],
        mode="control" if simulation.method == "fade" else "observe",
    )  # fmt: skip
    rng = np.random.default_rng([simulation.seed, *simulation.method.encode()])
    skill = rng.normal(-0.6, 1.6, 4 * PROMPTS)
    for step in range(simulation.steps):
        part = (step + 1) / simulation.steps
        # a policy that narrows early learns less from what it no longer tries
        rewards_PG, mean = _rewards(rng, skill, (2.6 - simulation.decay) * part / (0.4 + part))
        knobs = {}
        if simulation.method == "fade":
            knobs = {"alpha": run.schedule.alpha, "delta": run.schedule.delta}
        weights_PG = advantages(rewards_PG, simulation.method, **knobs)
        run.log_step(
            step, rewards=rewards_PG, advantages=weights_PG,
            pass_at_k=_pass_at_k(mean, simulation.decay * part) if step % 20 == 0 else None,
            scalars=_policy(rng, part, simulation.decay, step),
        )  # fmt: skip
    if simulation.finish:
        run.finish(timeout_s=60.0)
    else:
        run.flush()
    return run.id


def _rewards(
    rng: np.random.Generator, skill: np.ndarray[Any, Any], gain: float
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    chance = 1.0 / (1.0 + np.exp(-(rng.choice(skill, PROMPTS, replace=False) + gain)))
    return (rng.random((PROMPTS, GROUP)) < chance[:, None]).astype(float), chance


def _pass_at_k(chance: np.ndarray[Any, Any], narrow: float) -> dict[int, float]:
    # the narrower the policy, the less another sample helps
    helps = {k: 1.0 + (k - 1) * (1.0 - narrow) ** 2 for k in (1, 4, 16, 64)}
    return {k: float(np.mean(1.0 - (1.0 - chance) ** n)) for k, n in helps.items()}


def _policy(rng: np.random.Generator, part: float, decay: float, step: int) -> dict[str, float]:
    wobble = rng.normal(0.0, 1.0, 8)
    kl = 0.0008 + 0.03 * part**2.2
    length = 210.0 + 190.0 * part
    return {
        "entropy": 1.45 * (1.0 - decay * part**0.8) * math.exp(0.03 * wobble[0]),
        "kl_k1": kl * (1.0 + 0.12 * wobble[1]),
        "kl_k3": kl * 1.1 * math.exp(0.15 * wobble[2]),
        "kl_k1_per_token_stderr": 0.15 * kl,
        "clip_fraction_high": 0.02 + 0.03 * part + 0.004 * abs(wobble[3]),
        "clip_fraction_low": 0.012 + 0.003 * abs(wobble[4]),
        "ratio_ess": 0.96 - 0.3 * part**1.5 + 0.01 * wobble[5],
        "grad_norm": 0.5 * math.exp(0.25 * wobble[6]) * (1.0 + part),
        "loss": 0.02 * wobble[7],
        "learning_rate": 1e-6 * (1.0 - 0.9 * part),
        "response_length_mean": length + 6.0 * wobble[1],
        "response_length_p95": 1.9 * length + 20.0 * wobble[2],
        "length_success": 0.9 * length,
        "length_failure": 1.15 * length,
        "truncated_fraction": 0.01 + 0.05 * part,
        "train_infer_abs_logprob_diff": 0.004 * math.exp(0.2 * wobble[3]),
        "train_infer_k3": 0.0001 * math.exp(0.3 * wobble[4]),
        "head_rank1_share": 0.12 + 0.3 * part**2 + 0.01 * wobble[5],
        "head_stable_rank": 9.0 - 5.0 * part,
        "num_tokens": float(FIRST_TOKENS * (step + 1) * (1.0 + 0.4 * part)),
        "apa_residual_rms": 0.8 - 0.5 * part,
        "apa_residual_mean": -0.1 * part,
        "apa_slope": 2.0 * part,
        "apa_r_squared": 0.1 + 0.6 * part,
        "rollout_seconds": 11.0 + 0.6 * wobble[6],
    }
