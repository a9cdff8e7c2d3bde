"""FADE as verl's advantage estimator.

Shapes: ``N`` rollouts of a batch, ``T`` tokens of a response, padded.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fade_client.adapters.controller import Controller
from fade_client.adapters.rows import Rows
from fade_client.adapters.verl.sessions import final_rows
from fade_client.errors import ConfigError

PADDING = "pad"
"""How the prompt's name of a row begins that only fills the batch up."""


class Estimator:
    """Gives verl its advantages; one for the process, because verl's registry is.

    Attributes:
        controller: The run's, from the tracking backend; None before there is one.
        on_checkpoint: Called with the folder when verl has saved one; likewise.
    """

    def __init__(self) -> None:
        self.controller: Controller | None = None
        self.on_checkpoint: Callable[[Path], None] | None = None
        self._scores_N: Any = None

    def __call__(
        self,
        token_level_rewards: Any,
        response_mask: Any,
        index: Any = None,
        config: Any = None,
        **_: Any,
    ) -> tuple[Any, Any]:
        """Return advantages and returns, both ``[N, T]``; the signature is verl's.

        Args:
            token_level_rewards: ``[N, T]``.
            response_mask: ``[N, T]``, 1 for a token of the response.
            index: Name of each row's prompt.
            config: The section ``algorithm``.

        Raises:
            ConfigError: Something that this needs is not switched on.
            RewardError: The first batch of a run that steers has no solve rates.
        """
        controller = self._ready(index, config)
        rewards_N = token_level_rewards.sum(dim=-1)
        solved_N = rewards_N if self._scores_N is None else self._scores_N
        real = [not str(name).startswith(PADDING) for name in index]
        weights_N = np.zeros(len(real))
        if any(real):
            weights_N[real] = controller.weigh(
                Rows.of(
                    _numpy(rewards_N)[real],
                    [name for name, is_real in zip(index, real, strict=True) if is_real],
                    _numpy(solved_N)[real],
                )
            )
        tensor = token_level_rewards.new_tensor(weights_N.tolist())
        advantages = tensor.unsqueeze(-1) * response_mask
        return advantages, advantages

    def over_sessions(self, compute: Any, data: Any, keys: Sequence[str], **rest: Any) -> Any:
        """Compute advantages from the last output of each session, for all its outputs.

        verl does the same for ``grpo`` and only for it.

        Args:
            compute: verl's ``compute_advantage``.
            data: The batch.
            keys: Name of each row.
            **rest: Whatever ``compute`` takes besides.
        """
        final, place = final_rows(keys)
        chosen = data.select_idxs(final)
        scores = chosen.batch.get("token_level_scores", None)
        self._scores_N = None if scores is None else scores.sum(dim=-1)
        try:
            done = compute(chosen, **rest)
        finally:
            self._scores_N = None
        weights = _of_rows(done)[place]
        data.batch["advantages"] = weights.unsqueeze(-1) * data.batch["response_mask"]
        data.batch["returns"] = data.batch["advantages"]
        return data

    def watch(self, data: Any, keys: Sequence[str]) -> None:
        """Record a batch whose advantages another estimator computed.

        Args:
            data: The batch, with its advantages.
            keys: Name of each row.
        """
        if self.controller is None:
            return
        final, _ = final_rows(keys)
        names = data.non_tensor_batch["uid"]
        rows = [row for row in final if not str(names[row]).startswith(PADDING)]
        scores = data.batch.get("token_level_scores", data.batch["token_level_rewards"])
        if rows:
            rewards = Rows.of(_numpy(scores.sum(dim=-1))[rows], [names[row] for row in rows])
            self.controller.watch(rewards, _numpy(_of_rows(data))[rows])

    def _ready(self, index: Any, config: Any) -> Controller:
        if self.controller is None:
            raise ConfigError(
                "algorithm.adv_estimator=fade needs a run: add fade to the trackers, "
                'trainer.logger=\'["console","fade"]\''
            )
        if index is None:
            raise ConfigError("FADE compares the rollouts of a prompt, and the batch has no uid")
        if self._scores_N is None and config is not None and config.get("use_kl_in_reward", False):
            raise ConfigError(
                "algorithm.use_kl_in_reward=True mixes KL into the solve rate; use "
                "actor_rollout_ref.actor.use_kl_loss=True instead"
            )
        return self.controller


def _of_rows(data: Any) -> Any:
    """Return each row's weight: its advantage at the first token of the response, ``[N]``."""
    first = data.batch["response_mask"].long().argmax(dim=1, keepdim=True)
    return data.batch["advantages"].gather(1, first).squeeze(1)


def _numpy(tensor: Any) -> Any:
    return tensor.detach().double().cpu().numpy()
