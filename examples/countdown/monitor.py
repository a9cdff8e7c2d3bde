"""What the hook records of a batch besides rewards and advantages.

Shapes: ``P`` prompts, ``G`` rollouts of each, ``B = P G`` rollouts, ``A`` tokens of an answer.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from arms import Arm
from fade_core.kl_monitor import KLStatistics, kl_statistics
from fade_core.losses import apa_statistics, awr_effective_fraction
from fade_core.torch.entropy import token_entropy
from model import Policy, Samples, chosen_log_probs
from task import ANSWER_LENGTH


@torch.no_grad()
def start_log_probs(start: Policy, prompts_PQ: Tensor, answers_PGA: Tensor) -> Tensor:
    """Return the log-probs ``[B, A]`` of these answers under the starting policy, nats."""
    answers_BA = answers_PGA.flatten(0, 1)
    prompts_BQ = prompts_PQ.repeat_interleave(answers_PGA.shape[1], 0)
    return chosen_log_probs(start.answer_logits(prompts_BQ, answers_BA), answers_BA)


def kl_to_start(log_probs_BA: Tensor, start_BA: Tensor) -> KLStatistics:
    """Summarise the KL of sampled answers to the starting policy."""
    mask_BA = np.ones(tuple(log_probs_BA.shape), dtype=bool)
    return kl_statistics(log_probs_BA.numpy(), start_BA.numpy(), mask_BA)


def describe(
    arm: Arm, rollouts: Samples, start_BA: Tensor, advantages_PG: Tensor, learning_rate: float
) -> dict[str, Any]:
    """Return the fields of a step record, those of the KL and APA monitors included.

    ``kl_k1`` is the mean of ``log p - log p_start`` over the sampled tokens, in nats.
    """
    log_probs_BA = rollouts.log_probs_PGA.flatten(0, 1)
    kl = kl_to_start(log_probs_BA, start_BA)
    extra = kl.as_extra() | _arm_extra(arm, log_probs_BA, start_BA, advantages_PG)
    return {
        "entropy": float(token_entropy(rollouts.logits_PGAV).mean()),
        "kl_k1": float((log_probs_BA - start_BA).mean()),
        "kl_k3": kl.k3_per_token,
        "learning_rate": learning_rate,
        "response_length_mean": ANSWER_LENGTH,
        # What was not measured, such as the drift within a batch, is left out.
        **{name: number for name, number in extra.items() if not math.isnan(number)},
    }


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
