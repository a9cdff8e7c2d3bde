"""Attach to a TRL trainer: check what was asked for, wrap its methods, add the callback."""

import functools
import importlib.metadata
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fade_client import options
from fade_client.adapters.coverage import Coverage
from fade_client.adapters.kl import announce, audited
from fade_client.adapters.trl.attachment import Attachment
from fade_client.adapters.trl.callback import make_callback
from fade_client.adapters.trl.metrics import trl_coverage
from fade_client.adapters.trl.rewards import accuracy_index, function_names
from fade_client.errors import ConfigError

A = TypeVar("A", bound=Attachment)

_MARK = "_fadewatch"
_WRAPPED = ("_calculate_rewards", "_generate_and_score_completions")


def attach(
    trainer: Any,
    *,
    project: str,
    mode: options.Mode = "observe",
    name: str | None = None,
    accuracy_reward: str | Callable[..., Any] | None = None,
    config: Mapping[str, Any] | None = None,
    **opening: Any,
) -> Attachment:
    """Watch a TRL trainer, or steer it; call it once, before ``trainer.train()``.

    Args:
        trainer: A ``GRPOTrainer`` of TRL 0.19 or newer, or what is built on it.
        project: As for ``fade_client.init``.
        mode: ``observe`` and ``recommend`` change nothing in the training; ``control`` and
            ``local`` replace the advantages by FADE's.
        name: What people read; the trainer's ``run_name`` when None.
        accuracy_reward: The reward function that is the solve rate, by name or itself; when
            None the only one, or the only one with "accuracy" or "correct" in its name.
        config: Added to the trainer's own arguments.
        **opening: Anything else that ``fade_client.init`` takes.

    Returns:
        The attachment; ``run`` is open while the trainer trains.

    Raises:
        ConfigError: An argument cannot be used, it is no such trainer, or it is attached already.
        RewardError: From the first rollout batch in ``control`` and ``local``, where the
            accuracy reward is no solve rate in [0, 1].
    """
    _require_methods(trainer)
    return attach_as(
        Attachment, wrap, trainer, project=project, mode=mode, name=name,
        accuracy_reward=accuracy_reward, config=config, **opening,
    )  # fmt: skip


def attach_as(
    kind: type[A],
    wrap: Callable[[Any, Attachment], None],
    trainer: Any,
    *,
    project: str,
    mode: options.Mode = "observe",
    name: str | None = None,
    accuracy_reward: str | Callable[..., Any] | None = None,
    config: Mapping[str, Any] | None = None,
    **opening: Any,
) -> A:
    """Attach to a relative of TRL's trainer; see ``attach``.

    Args:
        kind: The attachment to make.
        wrap: Has the trainer's methods call the attachment.
        trainer: The trainer.
        project: As for ``attach``, like the rest.
        mode: See there.
        name: See there.
        accuracy_reward: See there.
        config: See there.
        **opening: See there.
    """
    if hasattr(trainer, _MARK):
        raise ConfigError("this trainer is attached already")
    names = function_names(trainer)
    chosen = getattr(accuracy_reward, "__name__", accuracy_reward)
    accuracy = accuracy_index(names, None if chosen is None else str(chosen))
    coverage = trl_coverage(trainer, importlib.metadata.version("trl"), names, accuracy)
    found = _config(trainer, names, coverage) | audited(trainer.args, kind.audited)
    given = {
        "project": project,
        "name": _run_name(trainer.args) if name is None else name,
        "mode": mode,
        "config": found | dict(config or {}),
        "run_id": None,
    } | opening
    _check(given)
    attachment = kind(trainer, given, accuracy, coverage)
    wrap(trainer, attachment)
    _see_failures(trainer, attachment)
    setattr(trainer, _MARK, attachment)
    trainer.add_callback(make_callback(attachment))
    if trainer.accelerator.is_main_process:
        announce(found)
    return attachment


def _see_failures(trainer: Any, attachment: Attachment) -> None:
    # The trainer has an event for the end of a training, and none for an exception.
    train = trainer.train

    @functools.wraps(train)
    def watched_train(*args: Any, **kwargs: Any) -> Any:
        try:
            return train(*args, **kwargs)
        except BaseException:
            attachment.train_ended("failed")
            raise

    trainer.train = watched_train


def _require_methods(trainer: Any) -> None:
    missing = [method for method in _WRAPPED if not callable(getattr(trainer, method, None))]
    if missing:
        raise ConfigError(
            f"{type(trainer).__name__} has no {', '.join(missing)}; fade_client.trl attaches to "
            "GRPOTrainer of TRL 0.19 and newer"
        )


def wrap(trainer: Any, attachment: Attachment) -> None:
    """Have the two methods of TRL's trainer call the attachment.

    Args:
        trainer: A ``GRPOTrainer``.
        attachment: Its attachment.
    """
    calculate, generate = (getattr(trainer, method) for method in _WRAPPED)

    @functools.wraps(calculate)
    def calculate_rewards(*args: Any, **kwargs: Any) -> Any:
        rewards = calculate(*args, **kwargs)
        attachment.rewards_calculated(rewards)
        return rewards

    @functools.wraps(generate)
    def generate_and_score(inputs: Any) -> Any:
        return attachment.generate(generate, inputs)

    for method, wrapper in zip(_WRAPPED, (calculate_rewards, generate_and_score), strict=True):
        setattr(trainer, method, wrapper)


def _check(given: Mapping[str, Any]) -> None:
    """Refuse what ``init`` would refuse, here and not in the middle of ``train``."""
    defaults: dict[str, Any] = {
        "server": None, "tags": (), "group": None, "scheduler": None, "dir": None,
        "weights_every": 1, "api_key": None, "on_alert": None,
    }  # fmt: skip
    unknown = sorted(set(given) - set(defaults) - {"project", "name", "mode", "config", "run_id"})
    if unknown:
        raise ConfigError(f"attach takes no {', '.join(unknown)}")
    every = {**defaults, **given}
    directory = every.pop("dir")
    options.resolve(every.pop("project"), every.pop("name"), directory=directory, **every)


def _run_name(args: Any) -> str | None:
    name = getattr(args, "run_name", None)
    return name if name and name != args.output_dir and len(name) <= 128 else None


def _config(trainer: Any, names: list[str], coverage: Coverage) -> dict[str, Any]:
    model = getattr(getattr(trainer.model, "config", None), "_name_or_path", "")
    return {
        "trainer": coverage.trainer,
        "model": str(model),
        "reward_functions": names,
        "arguments": trainer.args.to_sanitized_dict(),
        "coverage": coverage.as_config(),
    }
