"""Held-out evaluation: pass@k, entropy, KL to the start, and directions of the head's update.

Shapes: ``P`` prompts, ``Q`` tokens of a prompt.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fade_core.kl_monitor import KLStatistics
from fade_core.passk import pass_at_k
from fade_core.torch.entropy import token_entropy
from fade_core.torch.spectrum import head_spectrum
from model import Policy, Samples
from monitor import answer_log_probs, kl_to_start
from task import ProblemSource, rewards

PASS_AT = (1, 4, 16, 64)
KL_SAMPLES = 8
"""Answers of each problem that the starting policy scores too; all of them would take long."""
_SEED = 20_260_701
"""The same problems and the same random numbers for every run, arm and step, so that two
evaluations differ by their policies more than by luck. No training seed touches them."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one policy does on the held-out problems.

    Attributes:
        pass_at_k: Unbiased pass@k by k, mean over problems.
        entropy: Mean entropy of the answer tokens' distributions, nats.
        head_rank1_share: Share of the head's update since the start that lies in one direction;
            ``nan`` before the first update.
        kl: To the starting policy.
    """

    pass_at_k: dict[int, float]
    entropy: float
    head_rank1_share: float
    kl: KLStatistics

    def to_json(self) -> dict[str, float | None]:
        """Return the fields under the names of the result file, None for ``nan``.

        ``accuracy`` is pass@1 under the name that step records use for a solve rate.
        """
        share = None if math.isnan(self.head_rank1_share) else self.head_rank1_share
        rates = {f"pass_at_{k}": rate for k, rate in self.pass_at_k.items()}
        return {
            **rates,
            "accuracy": self.pass_at_k[1],
            "entropy": self.entropy,
            "head_rank1_share": share,
            "kl_per_sequence": self.kl.k1_per_sequence,
            "kl_per_sequence_stderr": self.kl.k1_per_sequence_stderr,
            "kl_k3_per_sequence": self.kl.k3_per_sequence,
        }


class Evaluator:
    """Evaluates policies on a fixed set of held-out problems.

    Args:
        num_problems: Held-out problems.
        num_samples: Answers drawn of each, at least the largest k.
    """

    def __init__(self, num_problems: int, num_samples: int) -> None:
        self._prompts_PQ = ProblemSource("held-out", _SEED).draw_distinct(num_problems)
        self._num_samples = num_samples

    def evaluate(self, policy: Policy, start: Policy) -> Evaluation:
        """Return what the policy does; ``start`` is the policy before training."""
        generator = torch.Generator().manual_seed(_SEED)
        samples = policy.sample(self._prompts_PQ, self._num_samples, generator)
        correct_P = grade(self._prompts_PQ, samples).sum(dim=1).long().numpy()
        return Evaluation(
            {k: float(pass_at_k(self._num_samples, correct_P, k).mean()) for k in PASS_AT},
            float(token_entropy(samples.logits_PGAV).mean()),
            head_spectrum(policy.head.weight, start.head.weight).rank1_share,
            self._kl(start, samples),
        )

    def _kl(self, start: Policy, samples: Samples) -> KLStatistics:
        answers_PGA = samples.answers_PGA[:, :KL_SAMPLES]
        start_BA = answer_log_probs(start, self._prompts_PQ, answers_PGA)
        return kl_to_start(samples.log_probs_PGA[:, :KL_SAMPLES].flatten(0, 1), start_BA)

    def solve_rate(self, policy: Policy, num_samples: int) -> float:
        """Return pass@1 alone, from fewer samples."""
        generator = torch.Generator().manual_seed(_SEED)
        samples = policy.sample(self._prompts_PQ, num_samples, generator)
        return float(grade(self._prompts_PQ, samples).mean())


def grade(prompts_PQ: Tensor, samples: Samples) -> Tensor:
    """Return the reward of every sample, ``[P, G]``."""
    num_prompts, num_samples, _ = samples.answers_PGA.shape
    prompts_NQ = prompts_PQ.repeat_interleave(num_samples, 0)
    return rewards(prompts_NQ, samples.answers_PGA.flatten(0, 1)).view(num_prompts, num_samples)
