"""ms-swift: its GRPO trainer is built on TRL's, but hands on advantages in its own way.

    import fade_client.adapters.swift

    fade_client.adapters.swift.attach(trainer, project="countdown", mode="control")

Everything but the place of the advantages is as in ``fade_client.trl``. Entropy arrives with
``--log_entropy true``.
"""

import functools
from collections.abc import Callable
from typing import Any

from fade_client.adapters.signals import SWIFT
from fade_client.adapters.trl.attaching import attach_as
from fade_client.adapters.trl.attachment import Attachment
from fade_client.adapters.trl.rewards import Rewards
from fade_client.errors import ConfigError

_METHOD = "_compute_advantages"


class SwiftAttachment(Attachment):
    """A ms-swift trainer and the run that watches it; see ``fade_client.trl.Attachment``."""

    vocabulary = SWIFT
    audited = "ms-swift"

    def compute(self, compute: Callable[..., Any], per_function_NF: Any, *rest: Any) -> Any:
        """Run ms-swift's own computation, and return the advantages to use, ``[N]``."""
        samples, batches = rest
        if self.run is None or not self.trainer.model.training:
            return compute(samples, per_function_NF, batches)
        pair = self.latch(self.run)
        output = {"advantages": compute(samples, per_function_NF, batches)}
        weights, size = self.trainer.reward_weights, self.trainer.num_generations
        rewards = Rewards.of(per_function_NF, weights, size, self.accuracy)
        self.score(rewards, output, pair)
        return output["advantages"]

    def place(self, output: Any, replacement: Any, _advantages_N: list[float]) -> None:
        """Put the advantages where the trainer takes them from: here for all ranks at once."""
        output["advantages"] = replacement

    def own_advantages(self, _rewards: Rewards, output: Any) -> list[float]:
        """Return ms-swift's advantages of the whole batch."""
        own: list[float] = output["advantages"].tolist()
        return own


def attach(trainer: Any, *, project: str, **arguments: Any) -> SwiftAttachment:
    """Watch or steer a ms-swift GRPO trainer; see ``fade_client.trl.attach``.

    Args:
        trainer: Its ``GRPOTrainer``.
        project: As for ``fade_client.init``.
        **arguments: As for ``fade_client.trl.attach``.

    Raises:
        ConfigError: It is no such trainer, or an argument cannot be used.
    """
    if getattr(trainer, "dynamic_num_samples", False):
        raise ConfigError("groups of varying size (dynamic_num_samples) are not supported")
    return attach_as(SwiftAttachment, wrap, trainer, project=project, **arguments)


def wrap(trainer: Any, attachment: Any) -> None:
    """Have the trainer's advantages pass through the attachment.

    Args:
        trainer: The trainer.
        attachment: Its attachment.

    Raises:
        ConfigError: The trainer has no such method.
    """
    compute = getattr(trainer, _METHOD, None)
    if compute is None:
        raise ConfigError(f"{type(trainer).__name__} has no {_METHOD}; is it ms-swift 4.6?")

    @functools.wraps(compute)
    def compute_advantages(samples: Any, rewards_per_func: Any, batches: Any) -> Any:
        return attachment.compute(compute, rewards_per_func, samples, batches)

    setattr(trainer, _METHOD, compute_advantages)
