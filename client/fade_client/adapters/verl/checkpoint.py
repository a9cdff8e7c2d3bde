"""The run's state beside verl's checkpoint, which has no place of its own for a plug-in's."""

import importlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

log = logging.getLogger("fade_client")

FILE = "fadewatch.json"
"""In the folder ``global_step_N`` of a checkpoint."""


def folder_of(trainer: Any) -> Path:
    """Return where a trainer of verl saves its present step.

    Args:
        trainer: A ``PPOTrainer`` or ``RayPPOTrainer``.
    """
    return Path(trainer.config.trainer.default_local_dir) / f"global_step_{trainer.global_steps}"


def save(state: Mapping[str, Any], folder: Path) -> None:
    """Put a run's state beside the checkpoint in one move; a disk that fails is said.

    Args:
        state: What ``Run.state_dict`` returned.
        folder: Of the checkpoint.
    """
    draft = folder / f"{FILE}.new"
    try:
        draft.write_text(json.dumps(state))
        draft.replace(folder / FILE)
    except OSError as error:
        log.warning("a resumed training will start the schedule anew: %s", error)


def saved(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the state beside the checkpoint that verl resumes from, or None where there is none.

    Args:
        config: verl's whole configuration.
    """
    folder = _resumed_folder(config.get("trainer") or {})
    if folder is None or not folder.is_dir():
        return None
    try:
        state = json.loads((folder / FILE).read_text())
    except (OSError, ValueError) as error:
        log.warning("the schedule starts anew, for the checkpoint has no state of it: %s", error)
        return None
    return state if isinstance(state, dict) else None


def _resumed_folder(trainer: Mapping[str, Any]) -> Path | None:
    mode = trainer.get("resume_mode", "disable")
    if mode == "resume_path":
        return Path(str(trainer.get("resume_from_path")))
    if mode != "auto" or not trainer.get("default_local_dir"):
        return None
    manager = importlib.import_module("verl.utils.checkpoint.checkpoint_manager")
    found = manager.find_latest_ckpt_path(str(Path(trainer["default_local_dir"]).absolute()))
    return None if found is None else Path(found)
