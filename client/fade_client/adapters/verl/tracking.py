"""A tracking backend for verl: opens the run, and takes what verl logs.

    trainer.logger='["console","fade"]' +fadewatch.mode=control

Everything under ``fadewatch`` goes to ``fade_client.init``.
"""

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fade_client.adapters.controller import open_controller
from fade_client.adapters.signals import VERL, Vocabulary
from fade_client.adapters.verl.checkpoint import save, saved
from fade_client.adapters.verl.estimator import Estimator
from fade_client.errors import StateError
from fade_core.scheduler import SchedulerConfig

log = logging.getLogger("fade_client")

NAME = "fade"
"""Name of the backend and of the estimator."""

_KL = {"kl": "kl_k1", "k1": "kl_k1", "low_var_kl": "kl_k3", "k3": "kl_k3"}


class Backend:
    """What verl's ``Tracking`` calls; the estimator gets its controller from here.

    Args:
        estimator: The process's.
        project: verl's project name.
        experiment: verl's experiment name.
        config: verl's whole configuration, or None.
    """

    def __init__(
        self, estimator: Estimator, project: str, experiment: str, config: Mapping[str, Any] | None
    ) -> None:
        known = dict(config or {})
        asked = dict(known.pop("fadewatch", None) or {})
        if isinstance(asked.get("scheduler"), Mapping):
            asked["scheduler"] = SchedulerConfig(**asked["scheduler"])
        given: dict[str, Any] = {
            "project": _fit(project),
            "name": experiment or None,
            "config": known,
        }
        state = saved(known)
        if state is not None and asked.get("run_id") in (None, state.get("run_id")):
            asked["run_id"] = state["run_id"]
        self.controller = open_controller(
            "verl", vocabulary(known), settings=known or None, **(given | asked)
        )
        self._resume(state)
        self._saving: Path | None = None
        self._estimator = estimator
        estimator.controller, estimator.on_checkpoint = self.controller, self.checkpoint

    def log(self, data: Mapping[str, Any], step: int) -> None:  # noqa: ARG002 - verl's signature
        """Take one step's metrics; a validation before the first batch is of none.

        Args:
            data: Metrics by verl's keys.
            step: verl's global step, which may hold several rollout batches.
        """
        self.controller.report(data)
        if self._saving is not None:
            save(self.controller.run.state_dict(), self._saving)
            self._saving = None

    def checkpoint(self, folder: Path) -> None:
        """Keep the run's state with a checkpoint.

        verl saves before it logs the step, so the state is written again when that is done.

        Args:
            folder: Of the checkpoint.
        """
        save(self.controller.run.state_dict(), folder)
        self._saving = folder

    def finish(self) -> None:
        """End the run."""
        self.controller.finish()
        if self._estimator.controller is self.controller:
            self._estimator.controller = self._estimator.on_checkpoint = None

    def _resume(self, state: dict[str, Any] | None) -> None:
        if state is None:
            return
        try:
            self.controller.run.load_state_dict(state)
        except StateError as error:
            log.warning("the schedule starts anew: %s", error)


def vocabulary(config: Mapping[str, Any]) -> Vocabulary:
    """Return verl's metrics; which estimate of KL ``actor/kl_loss`` is, depends on the settings.

    Args:
        config: verl's whole configuration.
    """
    actor = ((config.get("actor_rollout_ref") or {}).get("actor")) or {}
    estimate = _KL.get(str(actor.get("kl_loss_type", "")).removesuffix("+"))
    fields = {**VERL.fields, **({"actor/kl_loss": estimate} if estimate else {})}
    return Vocabulary(fields, VERL.extras, VERL.redundant)


def _fit(project: str) -> str:
    fit = re.sub(r"[^A-Za-z0-9_.-]", "-", project)[:64].lstrip("_.-")
    return fit or "verl"
