"""slime: two functions that are named on its command line.

    --custom-reward-post-process-path fade_client.adapters.slime.post_process_rewards
    --custom-rollout-log-function-path fade_client.adapters.slime.log_rollout

Leave ``--normalize-advantages`` off: it rescales what FADE gives. The run is opened at the
first batch, in the one process that holds all rewards, with FADEWATCH_PROJECT and
FADEWATCH_MODE for its project and mode. Metrics of the training processes do not come by here;
call ``add_metrics`` where they are at hand.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from fade_client.adapters.controller import Controller, open_controller
from fade_client.adapters.rows import Rows
from fade_client.adapters.signals import SLIME
from fade_client.errors import ConfigError

# slime imports the functions by their path and gives them nothing to keep a run in.
_open: list[Controller] = []


def post_process_rewards(
    args: Any, samples: Sequence[Any], **_: Any
) -> tuple[list[float], list[float]]:
    """Return the raw rewards and FADE's weights; the signature is slime's.

    Args:
        args: slime's arguments.
        samples: The batch's rollouts.

    Raises:
        ConfigError: slime would rescale the weights.
        RewardError: The first batch of a run that steers has no solve rates.
    """
    if getattr(args, "normalize_advantages", False):
        raise ConfigError("leave --normalize-advantages off: it rescales what FADE gives")
    raw = [float(sample.get_reward_value(args)) for sample in samples]
    weights = _controller(args).weigh(Rows.of(raw, _groups(args, samples)))
    return raw, weights.tolist()


def log_rollout(
    _rollout_id: int, _args: Any, _samples: Any, extra: Mapping[str, Any] | None, _time_s: float
) -> bool:
    """Note what slime measured of the rollout, and leave the logging to slime.

    Args:
        extra: Metrics by slime's keys, or None.

    Returns:
        False: slime logs as it would without this.
    """
    add_metrics(extra or {})
    return False


def add_metrics(metrics: Mapping[str, Any]) -> None:
    """Note metrics of the batch in progress, such as ``train/entropy_loss``.

    Args:
        metrics: By slime's keys.
    """
    if _open:
        _open[-1].add(metrics)


def finish(status: str = "finished") -> None:
    """Record the last batch and end the run.

    Args:
        status: ``finished`` or ``failed``.
    """
    if _open:
        _open.pop().finish(status)


def _controller(args: Any) -> Controller:
    if not _open:
        project = os.environ.get("FADEWATCH_PROJECT", "slime")
        mode: Any = os.environ.get("FADEWATCH_MODE", "observe")
        _open.append(open_controller("slime", SLIME, project, settings=args, mode=mode))
    return _open[-1]


def _groups(args: Any, samples: Sequence[Any]) -> list[int]:
    named = [getattr(sample, "group_index", None) for sample in samples]
    if all(name is not None for name in named):
        return [int(name) for name in named]  # type: ignore[arg-type]
    return [row // int(args.n_samples_per_prompt) for row in range(len(samples))]
