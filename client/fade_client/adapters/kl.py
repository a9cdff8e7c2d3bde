"""What a trainer's KL settings really regularise, stored with its run."""

import importlib.metadata
import logging
from collections.abc import Mapping
from typing import Any

from fade_core.kl_audit.live import CONFIG_KEY, LEVELS, verdict_of

log = logging.getLogger("fade_client")


def audited(settings: Any, trainer: str, version: str | None = None) -> dict[str, Any]:
    """Audit a live trainer's KL settings, for the run's configuration.

    A failure of the audit is said and costs the verdict, never the training.

    Args:
        settings: The trainer's configuration object, or a mapping; None where none is at hand.
        trainer: A key of ``fade_core.kl_audit.detect.READERS``.
        version: The trainer's; None asks the installed package of that name.

    Returns:
        The verdict under ``kl_audit``; empty without settings, or where the audit failed.
    """
    if settings is None:
        return {}
    try:
        return {CONFIG_KEY: verdict_of(settings, trainer, version or _installed(trainer))}
    except Exception:  # the training must go on
        log.warning("the KL settings could not be audited", exc_info=True)
        return {}


def announce(config: Mapping[str, Any]) -> None:
    """Say the verdict in the trainer's log, one line; a warning where it is a finding.

    Args:
        config: A run's configuration, with or without a verdict.
    """
    verdict = config.get(CONFIG_KEY)
    if verdict is None:
        return
    is_finding = verdict["asked"] and LEVELS.get(verdict["verdict"], "info") != "info"
    log.log(
        logging.WARNING if is_finding else logging.INFO,
        "fadewatch on KL: %s: %s; to change it: %s",
        verdict["verdict"], verdict["reason"], verdict["change"],
    )  # fmt: skip


def _installed(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
