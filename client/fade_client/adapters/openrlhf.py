"""OpenRLHF: a wrapper around the method that computes the advantages.

    from openrlhf.trainer.ppo_utils.experience_maker import RemoteExperienceMaker
    import fade_client.adapters.openrlhf as fade

    controller = fade.wrap(RemoteExperienceMaker, project="countdown", mode="control")

    --algo.advantage.estimator dr_grpo

It has to run in the process of the trainer's actor. ``controller.report(logs)`` takes what the
trainer logs, and records the batch.
"""

import functools
from typing import Any

from fade_client.adapters.controller import Controller, open_controller
from fade_client.adapters.rows import Rows
from fade_client.adapters.signals import OPENRLHF
from fade_client.errors import ConfigError

ESTIMATOR = "dr_grpo"
"""The one that centres rewards and rescales nothing afterwards."""


def wrap(maker: Any, project: str, *, settings: Any = None, **opening: Any) -> Controller:
    """Open a run and have ``compute_advantages_and_returns`` use its weights.

    OpenRLHF's own result stays, with its KL in the reward; FADE's weight less the centred reward
    is added to it.

    Args:
        maker: ``RemoteExperienceMaker``.
        project: As for ``fade_client.init``.
        settings: OpenRLHF's arguments, to have their KL audited.
        **opening: Anything else that ``fade_client.init`` takes.
    """
    controller = open_controller("OpenRLHF", OPENRLHF, project, settings=settings, **opening)
    compute = maker.compute_advantages_and_returns

    @functools.wraps(compute)
    def weighed(self: Any, experiences: Any) -> Any:
        estimator = self.strategy.args.algo.advantage.estimator
        if estimator != ESTIMATOR:
            raise ConfigError(f"use --algo.advantage.estimator {ESTIMATOR}, not {estimator}")
        # Length penalties are taken off the rewards in there; the solve rate is without them.
        solved = [reward for one in experiences for reward in one.rewards.tolist()]
        done = compute(self, experiences)
        _reweigh(controller, done, solved, self.strategy.args.rollout.n_samples_per_prompt)
        return done

    maker.compute_advantages_and_returns = weighed
    return controller


def _reweigh(controller: Controller, experiences: Any, solved: list[float], size: int) -> None:
    rewards = [reward for one in experiences for reward in one.rewards.tolist()]
    groups = [int(index) // size for one in experiences for index in one.index]
    rows = Rows.of(rewards, groups, solved)
    shift = (controller.weigh(rows) - rows.centred()).tolist()
    for one in experiences:
        mine, shift = shift[: len(one.index)], shift[len(one.index) :]
        added = one.advantages.new_tensor(mine).unsqueeze(-1) * one.action_mask
        one.advantages = one.advantages + added
        one.returns = one.returns + added
