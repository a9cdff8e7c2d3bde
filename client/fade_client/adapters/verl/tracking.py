"""A tracking backend for verl: opens the run, and takes what verl logs.

    trainer.logger='["console","fade"]' +fadewatch.mode=control

Everything under ``fadewatch`` goes to ``fade_client.init``.
"""

import re
from collections.abc import Mapping
from typing import Any

from fade_client.adapters.controller import open_controller
from fade_client.adapters.signals import VERL, Vocabulary
from fade_client.adapters.verl.estimator import Estimator
from fade_core.scheduler import SchedulerConfig

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
        self.controller = open_controller(
            "verl", vocabulary(known), settings=known or None, **(given | asked)
        )
        self._estimator = estimator
        estimator.controller = self.controller

    def log(self, data: Mapping[str, Any], step: int) -> None:  # noqa: ARG002 - verl's signature
        """Take one step's metrics; a validation before the first batch is of none.

        Args:
            data: Metrics by verl's keys.
            step: verl's global step, which may hold several rollout batches.
        """
        self.controller.report(data)

    def finish(self) -> None:
        """End the run."""
        self.controller.finish()
        if self._estimator.controller is self.controller:
            self._estimator.controller = None


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
