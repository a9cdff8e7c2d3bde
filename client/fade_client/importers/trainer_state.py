"""Hugging Face ``trainer_state.json``: TRL, Unsloth, ms-swift and other ``Trainer`` children.

The newest checkpoint holds the log of all before it. Rows of evaluations share the step of the
training row; rows of batches that were used again have no reward; the last row may be a summary.
"""

from pathlib import Path
from typing import Any

from fade_client.errors import LogError
from fade_client.importers.draft import Draft
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.result import ImportedRun
from fade_client.importers.source import Format, Sample, decode_object, run_name

REWARD_STD_NOTE = (
    "reward_std as TRL logs it: the mean of the groups' deviations before TRL 0.29, the deviation "
    "of all rollouts since"
)
_CONFIG = (
    "global_step", "max_steps", "num_train_epochs", "logging_steps", "save_steps", "eval_steps",
    "train_batch_size", "total_flos", "best_metric", "best_model_checkpoint",
)  # fmt: skip


def recognises(sample: Sample) -> bool:
    """Say whether this is a trainer's state: one JSON object with the log in it."""
    return sample.head.lstrip().startswith(b"{") and b'"log_history"' in sample.head


def read(path: Path, mapping: KeyMapping) -> list[ImportedRun]:
    """Read one state.

    Raises:
        LogError: It is not a trainer's state.
    """
    state = decode_object(path.read_bytes())
    history: Any = state.get("log_history") if state else None
    if not state or not isinstance(history, list):
        raise LogError(f"{path} is no trainer state: it has no list under log_history")
    draft = Draft(run_name(path), FORMAT.id, mapping)
    for row in history:
        if isinstance(row, dict):
            draft.add(row)
        else:
            draft.skip("row that is no object")
    draft.config |= {name: state[name] for name in _CONFIG if state.get(name) is not None}
    if any(isinstance(row, dict) and "reward_std" in row for row in history):
        draft.warnings.append(REWARD_STD_NOTE)
    return [draft.finish()]


FORMAT = Format("trainer_state", "Hugging Face trainer_state.json", recognises, read)
