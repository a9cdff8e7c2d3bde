"""One policy update over a batch of rollouts, and PPO's clipped objective.

Shapes: ``P`` prompts, ``G`` rollouts of each, ``B = P G`` rollouts, ``Q`` tokens of a prompt, ``A``
tokens of an answer.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor
from torch.optim import Optimizer

from fade_core.torch.kl import Batch
from model import Policy, Samples, chosen_log_probs


@dataclass(frozen=True, slots=True)
class PPOConfig:
    """How a batch of rollouts is used."""

    learning_rate: float = 1e-4
    """Of Adam, constant."""
    epochs: int = 2
    """Passes over each batch of rollouts. From the second update on the policy has moved away
    from the one that sampled, so the ratios leave 1 and clipping is real."""
    minibatches: int = 2
    """Updates a pass."""
    clip: float = 0.2
    """Half-width of the interval around 1 in which the ratio has a gradient."""
    max_grad_norm: float = 1.0


@dataclass(frozen=True, slots=True)
class UpdateStats:
    """Means over the optimizer steps of one update; named as the hook's fields are.

    Attributes:
        loss: Of the arm; the clipped objective, negated, unless it says otherwise.
        grad_norm: Global norm before clipping.
        clip_fraction_high: Share of tokens with A > 0 and a ratio above 1 + clip.
        clip_fraction_low: Share of tokens with A < 0 and a ratio below 1 - clip.
        ratio_ess: Effective sample size of the ratios over their number, in (0, 1].
    """

    loss: float
    grad_norm: float
    clip_fraction_high: float
    clip_fraction_low: float
    ratio_ess: float


class Objective(Protocol):
    """What an update minimises."""

    def __call__(self, batch: Batch, ratio_BA: Tensor, advantages_B1: Tensor) -> Tensor:
        """Return the loss of a minibatch; ``ratio_BA`` is the policy's over the sampler's."""


def update(
    policy: Policy,
    optimizer: Optimizer,
    prompts_PQ: Tensor,
    samples: Samples,
    start_BA: Tensor,
    advantages_PG: Tensor,
    objective: Objective,
    config: PPOConfig,
    generator: Generator,
) -> UpdateStats:
    """Improve the policy on one batch of rollouts.

    Every answer has the same length, so the mean over tokens weighs all rollouts alike.

    Args:
        policy: Changed in place.
        optimizer: Of the policy's parameters.
        prompts_PQ: ``[P, Q]`` prompt tokens.
        samples: The rollouts of these prompts.
        start_BA: ``[B, A]``, log-probs of their tokens under the starting policy, nats.
        advantages_PG: ``[P, G]``, one weight a rollout.
        objective: What to minimise.
        config: Tuning.
        generator: Shuffles the rollouts.

    Returns:
        What the update did.
    """
    prompts_BQ = prompts_PQ.repeat_interleave(samples.answers_PGA.shape[1], 0)
    answers_BA, old_BA = samples.answers_PGA.flatten(0, 1), samples.log_probs_PGA.flatten(0, 1)
    advantages_B1 = advantages_PG.flatten().unsqueeze(1)
    rows = []
    for _ in range(config.epochs):
        order_B = torch.randperm(len(prompts_BQ), generator=generator)
        for chosen in order_B.chunk(config.minibatches):
            logits = policy.answer_logits(prompts_BQ[chosen], answers_BA[chosen])
            logp, old = chosen_log_probs(logits, answers_BA[chosen]), old_BA[chosen]
            batch = Batch(logp, start_BA[chosen], torch.ones_like(old), old)
            ratio = (logp - old).exp()
            loss = objective(batch, ratio, advantages_B1[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), config.max_grad_norm)
            optimizer.step()
            facts = _ratio_facts(ratio.detach(), advantages_B1[chosen], config.clip)
            rows.append(torch.stack([loss.detach(), norm, *facts]))
    return UpdateStats(*torch.stack(rows).mean(dim=0).tolist())


def clipped_loss(ratio_BA: Tensor, advantages_B1: Tensor, clip: float) -> Tensor:
    """Return PPO's objective, negated: ``-mean(min(ratio A, clip(ratio) A))``.

    Source: Schulman et al. 2017, "Proximal Policy Optimization Algorithms", arXiv:1707.06347.
    """
    free_BA = ratio_BA * advantages_B1
    clipped_BA = ratio_BA.clamp(1.0 - clip, 1.0 + clip) * advantages_B1
    return -torch.minimum(free_BA, clipped_BA).mean()


def _ratio_facts(ratio_BA: Tensor, advantages_B1: Tensor, clip: float) -> tuple[Tensor, ...]:
    high = ((advantages_B1 > 0) & (ratio_BA > 1.0 + clip)).float().mean()
    low = ((advantages_B1 < 0) & (ratio_BA < 1.0 - clip)).float().mean()
    return high, low, ratio_BA.mean() ** 2 / ratio_BA.square().mean()
