"""What the hook records of a batch besides rewards and advantages.

Shapes: ``P`` prompts, ``G`` rollouts of each, ``B = P G`` rollouts, ``A`` tokens of an answer.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from arms import Arm
from fade_core.kl_monitor import KLStatistics, kl_statistics
from fade_core.losses import apa_statistics, awr_effective_fraction, kl_slope
from fade_core.torch.entropy import token_entropy
from model import Policy, Samples, chosen_log_probs
from task import ANSWER_LENGTH

KL_STEPS = 20
"""Steps over which the KL's slope is taken."""


@torch.no_grad()
def answer_log_probs(policy: Policy, prompts_PQ: Tensor, answers_PGA: Tensor) -> Tensor:
    """Return the log-probs ``[B, A]`` of these answers under a policy, nats."""
    answers_BA = answers_PGA.flatten(0, 1)
    prompts_BQ = prompts_PQ.repeat_interleave(answers_PGA.shape[1], 0)
    return chosen_log_probs(policy.answer_logits(prompts_BQ, answers_BA), answers_BA)


def kl_to_start(log_probs_BA: Tensor, start_BA: Tensor) -> KLStatistics:
    """Summarise the KL of sampled answers to the starting policy."""
    mask_BA = np.ones(tuple(log_probs_BA.shape), dtype=bool)
    return kl_statistics(log_probs_BA.numpy(), start_BA.numpy(), mask_BA)


def drift(
    policy: Policy, prompts_PQ: Tensor, rollouts: Samples, start_BA: Tensor
) -> dict[str, Any]:
    """Return how far the updates of a batch moved the policy from the one that sampled it.

    Args:
        policy: After the last update.
        prompts_PQ: The batch's prompts.
        rollouts: Its answers, with the log-probs at which they were sampled.
        start_BA: Their log-probs under the starting policy.
    """
    end_BA = answer_log_probs(policy, prompts_PQ, rollouts.answers_PGA)
    sampled_BA = rollouts.log_probs_PGA.flatten(0, 1)
    mask_BA = np.ones(tuple(end_BA.shape), dtype=bool)
    seen = kl_statistics(end_BA.numpy(), start_BA.numpy(), mask_BA, sampled_BA.numpy())
    return {
        name: number for name, number in seen.as_extra().items() if name.startswith("kl_drift_")
    }


@dataclass(frozen=True, slots=True)
class Describer:
    """Describes the batches of one training.

    Attributes:
        arm: What is trained.
        learning_rate: Of the optimizer.
        kl_history: ``kl_k3`` of the batches so far.
    """

    arm: Arm
    learning_rate: float
    kl_history: list[float] = field(default_factory=list)

    def describe(
        self, rollouts: Samples, start_BA: Tensor, advantages_PG: Tensor
    ) -> dict[str, Any]:
        """Return the fields of a step record, those of the KL and APA monitors included.

        ``kl_k1`` is the mean of ``log p - log p_start`` over the sampled tokens, in nats.

        Args:
            rollouts: The batch, before its updates.
            start_BA: Log-probs of its answers under the starting policy.
            advantages_PG: As the loss sees them.
        """
        log_probs_BA = rollouts.log_probs_PGA.flatten(0, 1)
        kl = kl_to_start(log_probs_BA, start_BA)
        self.kl_history.append(kl.k3_per_token)
        return {
            "entropy": float(token_entropy(rollouts.logits_PGAV).mean()),
            "kl_k1": kl.k1_per_token,
            "kl_k3": kl.k3_per_token,
            "learning_rate": self.learning_rate,
            "response_length_mean": ANSWER_LENGTH,
            **kl.as_extra(),
            **_arm_extra(self.arm, log_probs_BA, start_BA, advantages_PG),
            **(_plateau(self.kl_history) if self.arm.loss == "apa" else {}),
        }


def _plateau(kl_history: list[float]) -> dict[str, float]:
    slope, error = kl_slope(kl_history[-KL_STEPS:])
    return {} if math.isnan(slope) else {"apa_kl_slope": slope, "apa_kl_slope_stderr": error}


def _arm_extra(
    arm: Arm, log_probs_BA: Tensor, start_BA: Tensor, advantages_PG: Tensor
) -> dict[str, float]:
    wanted_BA = advantages_PG.reshape(-1, 1).expand(log_probs_BA.shape).numpy()
    mask_BA = np.ones(wanted_BA.shape, dtype=bool)
    if arm.loss == "apa":
        return apa_statistics(
            log_probs_BA.numpy(), start_BA.numpy(), wanted_BA, mask_BA, arm.temperature
        ).as_extra()
    if arm.loss == "awr":
        return {"awr_ess": awr_effective_fraction(wanted_BA, mask_BA, arm.temperature)}
    return {}
