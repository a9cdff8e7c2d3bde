"""SkyRL: an advantage estimator in its registry, and a callback.

import fade_client.adapters.skyrl as fade

trainer.add_callback(fade.register(project="countdown", mode="control"))

trainer.algorithm.advantage_estimator=fade
trainer.algorithm.advantage_batch_normalize=false    # else the scale is lost
"""

import importlib
from typing import Any

from fade_client.adapters.controller import Controller, open_controller
from fade_client.adapters.rows import Rows
from fade_client.adapters.signals import SKYRL
from fade_client.errors import ConfigError

NAME = "fade"

# SkyRL pickles estimators into an actor, so the function has to be found by its name, and the
# run, which cannot be pickled, beside it.
_open: list[Controller] = []


def estimate(
    token_level_rewards: Any, response_mask: Any, index: Any, config: Any = None, **_: Any
) -> tuple[Any, Any]:
    """Return advantages and returns; the signature is SkyRL's.

    Args:
        token_level_rewards: ``[N, T]``, N rollouts of T tokens.
        response_mask: ``[N, T]``.
        index: Name of each rollout's prompt.
        config: The section ``algorithm``.

    Raises:
        ConfigError: No run is open in this process, or the estimate would be rescaled.
        RewardError: The first batch of a run that steers has no solve rates.
    """
    if not _open:
        raise ConfigError("call fade_client.adapters.skyrl.register(...) in the trainer's process")
    if getattr(config, "advantage_batch_normalize", False):
        raise ConfigError("set trainer.algorithm.advantage_batch_normalize=false: it undoes FADE")
    rewards_N = token_level_rewards.sum(dim=-1)
    rows = Rows.of(rewards_N.detach().double().cpu().numpy(), list(index))
    weights = token_level_rewards.new_tensor(_open[-1].weigh(rows).tolist())
    advantages = weights.unsqueeze(-1) * response_mask
    return advantages, advantages


def register(project: str, *, settings: Any = None, **opening: Any) -> Any:
    """Open a run, register the estimator, and return the callback that feeds the run.

    Args:
        project: As for ``fade_client.init``.
        settings: SkyRL's configuration, to have its KL audited.
        **opening: Anything else that ``fade_client.init`` takes.
    """
    controller = open_controller("SkyRL", SKYRL, project, settings=settings, **opening)
    _open[:] = [controller]
    algorithms = importlib.import_module("skyrl.backends.skyrl_train.utils.ppo_utils")
    if NAME not in algorithms.AdvantageEstimatorRegistry.list_available():
        algorithms.register_advantage_estimator(NAME)(estimate)
    base = importlib.import_module("skyrl.train.utils.callbacks").TrainingCallback
    return make_callback(base, controller)


def make_callback(base: Any, controller: Controller) -> Any:
    """Return a callback that hands the step's metrics to the run.

    Args:
        base: SkyRL's ``TrainingCallback``.
        controller: The run's.
    """

    def on_log(_self: Any, _trainer: Any, given: Any, _control: Any) -> None:
        logs = given.logs or {}
        controller.report(logs)
        if given.logs is not None:
            pair = controller.run.recommendation
            given.logs |= {"fade/next_alpha": pair.alpha, "fade/next_delta": pair.delta}

    def on_train_end(_self: Any, _trainer: Any, _given: Any, _control: Any) -> None:
        controller.finish()

    members = {"on_log": on_log, "on_train_end": on_train_end, "__doc__": __doc__}
    return type("FadewatchCallback", (base,), members)()
