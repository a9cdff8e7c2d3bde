"""The hook in a plain PyTorch loop: the smallest policy gradient that has something to watch.

A softmax policy answers 64 "prompts", each with one right answer among 32. Run it beside a
service (`fadewatch server`), or without one:

    python examples/plain_torch.py --mode control
    python examples/plain_torch.py --mode local
"""

import argparse
from typing import Literal

import torch
from torch import Tensor, nn

import fade_client

PROMPTS, ANSWERS, BATCH, GROUP = 64, 32, 16, 8


def train(
    mode: fade_client.Mode | Literal["off"], seed: int, steps: int, server: str | None = None
) -> list[float]:
    """Train for ``steps`` rollout batches and return the losses.

    Args:
        mode: ``observe``, ``recommend``, ``control``, ``local``, or ``off`` for no hook at all.
        seed: Of the policy and of the sampling.
        steps: Rollout batches.
        server: Base URL of the service; None for the default.
    """
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    policy = nn.Sequential(nn.Embedding(PROMPTS, 32), nn.Tanh(), nn.Linear(32, ANSWERS))
    right_answer_N = torch.randint(ANSWERS, (PROMPTS,), generator=generator)
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.01)
    losses = []

    if mode == "off":
        run = None
    else:
        run = fade_client.init(
            project="plain-torch", name=f"{mode}-seed{seed}", mode=mode, server=server,
            config={"seed": seed, "learning_rate": 0.01, "group_size": GROUP},
        )  # fmt: skip
    for _ in range(steps):
        prompts_P = torch.randint(PROMPTS, (BATCH,), generator=generator)
        log_prob_PV = policy(prompts_P).log_softmax(dim=-1)
        answers_PG = torch.multinomial(
            log_prob_PV.detach().exp(), GROUP, replacement=True, generator=generator
        )
        rewards_PG = (answers_PG == right_answer_N[prompts_P, None]).float()

        if run is None:
            advantages_PG = rewards_PG - rewards_PG.mean(dim=1, keepdim=True)
        else:
            advantages_PG = run.schedule.advantages(rewards_PG)

        loss = -(advantages_PG * log_prob_PV.gather(1, answers_PG)).mean()
        optimizer.zero_grad()
        loss.backward()
        grad_norm = nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())

        if run is not None:
            run.log_step(
                rewards=rewards_PG, advantages=advantages_PG, entropy=entropy(log_prob_PV),
                grad_norm=grad_norm, loss=losses[-1], learning_rate=0.01,
            )  # fmt: skip
    if run is not None:
        run.finish()
    return losses


def entropy(log_prob_PV: Tensor) -> Tensor:
    """Return the mean entropy in nats, as a tensor: the hook reads it when it must."""
    return -(log_prob_PV.exp() * log_prob_PV).sum(dim=-1).mean()


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    modes = ("observe", "recommend", "control", "local", "off")
    parser.add_argument("--mode", choices=modes, default="observe")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--server", help="base URL of the service")
    arguments = parser.parse_args()
    train(arguments.mode, arguments.seed, arguments.steps, arguments.server)


if __name__ == "__main__":
    main()
