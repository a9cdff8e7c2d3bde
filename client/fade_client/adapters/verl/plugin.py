"""The entry point that verl loads in every process (group ``verl.plugins``, verl 0.9).

Older releases load it by ``VERL_USE_EXTERNAL_MODULES=fade_client.adapters.verl.plugin`` (0.6 on).
Importing it registers the estimator and the tracking backend, because verl only imports a
plug-in and calls nothing. verl says at DEBUG what fails in a plug-in, so this says it itself.
"""

import functools
import importlib
import logging
import sys
from typing import Any

from fade_client.adapters.verl.checkpoint import folder_of
from fade_client.adapters.verl.estimator import Estimator
from fade_client.adapters.verl.tracking import NAME, Backend

log = logging.getLogger("fade_client")

_MARK = "_fadewatch"


def install() -> Estimator:
    """Register the estimator and the backend, once a process; return the estimator.

    Raises:
        ImportError: verl is not there.
    """
    algorithms = importlib.import_module("verl.trainer.ppo.core_algos")
    tracking = importlib.import_module("verl.utils.tracking").Tracking
    known: Estimator | None = getattr(algorithms, _MARK, None)
    if known is not None:
        return known
    estimator = Estimator()
    setattr(algorithms, _MARK, estimator)
    algorithms.register_adv_est(NAME)(estimator)
    _wrap_tracking(tracking, estimator)
    return estimator


def _wrap_tracking(tracking: Any, estimator: Estimator) -> None:
    begin, finish = tracking.__init__, tracking.finish
    tracking.supported_backend = [*tracking.supported_backend, NAME]

    @functools.wraps(begin)
    def begin_tracking(
        self: Any, project_name: str, experiment_name: str, default_backend: Any = "console",
        config: Any = None,
    ) -> None:  # fmt: skip
        begin(self, project_name, experiment_name, default_backend, config)
        wanted = [default_backend] if isinstance(default_backend, str) else list(default_backend)
        if NAME in wanted:
            self.logger[NAME] = Backend(estimator, project_name, experiment_name, config)
            wrap_trainer(estimator)

    @functools.wraps(finish)
    def finish_tracking(self: Any, *args: Any, **kwargs: Any) -> Any:
        backend = getattr(self, "logger", {}).pop(NAME, None)
        if backend is not None:
            backend.finish()
        return finish(self, *args, **kwargs)

    tracking.__init__, tracking.finish = begin_tracking, finish_tracking


def wrap_trainer(estimator: Estimator) -> None:
    """Reach into the trainer of verl's first version, where this process has loaded it.

    verl hands a foreign estimator every row, intermediate outputs of an agent loop too, and no
    entropy; both are at hand one call further out.

    Args:
        estimator: The process's.
    """
    utils = sys.modules.get("verl.trainer.ppo.v1.utils")
    base = sys.modules.get("verl.trainer.ppo.v1.trainer_base")
    if utils is not None and not hasattr(utils, _MARK):
        setattr(utils, _MARK, estimator)
        wrapper = _wrapped_computation(utils, estimator)
        for module in filter(None, (utils, base)):
            module.compute_advantage_for_multi_trajectories = wrapper  # type: ignore[attr-defined]
    if base is not None and not hasattr(base, _MARK):
        setattr(base, _MARK, estimator)
        _wrap_step(base.PPOTrainer, estimator)
        _wrap_saving(base.PPOTrainer, estimator)
    legacy = sys.modules.get("verl.trainer.ppo.ray_trainer")
    if legacy is not None and not hasattr(legacy, _MARK):
        setattr(legacy, _MARK, estimator)
        _wrap_saving(legacy.RayPPOTrainer, estimator)


def _wrapped_computation(utils: Any, estimator: Estimator) -> Any:
    original, compute = utils.compute_advantage_for_multi_trajectories, utils.compute_advantage

    @functools.wraps(original)
    def compute_advantages(data: Any, batch_keys: Any, adv_estimator: Any, **rest: Any) -> Any:
        if adv_estimator == NAME:
            rest["adv_estimator"] = adv_estimator
            return estimator.over_sessions(compute, data, batch_keys, **rest)
        done = original(data, batch_keys=batch_keys, adv_estimator=adv_estimator, **rest)
        try:
            estimator.watch(done, batch_keys)
        except Exception:  # watching must not end a training
            log.warning("a batch of verl could not be recorded", exc_info=True)
        return done

    return compute_advantages


def _wrap_step(trainer: Any, estimator: Estimator) -> None:
    original = trainer._compute_advantage

    @functools.wraps(original)
    def compute_advantage(self: Any, batch: Any, metrics: Any) -> Any:
        done = original(self, batch, metrics)
        # The entropy of this very batch; the log of the step holds a mean over several.
        if estimator.controller is not None and "actor/entropy" in metrics:
            estimator.controller.add({"actor/entropy": metrics["actor/entropy"]})
        return done

    trainer._compute_advantage = compute_advantage


def _wrap_saving(trainer: Any, estimator: Estimator) -> None:
    original = trainer._save_checkpoint

    @functools.wraps(original)
    def save_checkpoint(self: Any) -> Any:
        done = original(self)
        if estimator.on_checkpoint is not None:
            estimator.on_checkpoint(folder_of(self))
        return done

    trainer._save_checkpoint = save_checkpoint


try:
    install()
except Exception:
    log.warning("fadewatch could not register itself with verl", exc_info=True)
    raise
