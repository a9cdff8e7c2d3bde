"""Which trainer a configuration is of, from the program's name or the keys that only it has."""

from collections.abc import Callable

from fade_core.kl_audit.config import CannotTellError, Config, Version
from fade_core.kl_audit.setup import Setup
from fade_core.kl_audit.trainers import (
    areal,
    ms_swift,
    nemo_rl,
    openrlhf,
    prime_rl,
    skyrl,
    slime,
    tinker,
    trl,
    verl,
)

Reader = Callable[[Config, Version | None], Setup]

READERS: dict[str, Reader] = {
    "trl": trl.read,
    "trl-grpo": trl.read_grpo,
    "trl-rloo": trl.read_rloo,
    "trl-ppo": trl.read_ppo,
    "verl": verl.read,
    "openrlhf": openrlhf.read,
    "ms-swift": ms_swift.read,
    "nemo-rl": nemo_rl.read,
    "skyrl": skyrl.read,
    "slime": slime.read,
    "areal": areal.read,
    "prime-rl": prime_rl.read,
    "tinker": tinker.read,
}
"""The reader of each trainer by its id."""

PROGRAMS: tuple[tuple[str, str], ...] = (
    ("openrlhf", "openrlhf"),
    ("verl.", "verl"),
    ("swift", "ms-swift"),
    ("megatron rlhf", "ms-swift"),
    ("skyrl", "skyrl"),
    ("nemo_rl", "nemo-rl"),
    ("run_grpo_math", "nemo-rl"),
    ("areal", "areal"),
    ("prime_rl", "prime-rl"),
    ("prime-rl", "prime-rl"),
    ("tinker", "tinker"),
    ("slime", "slime"),
    ("grpoconfig", "trl"),
    ("rlooconfig", "trl"),
    ("ppoconfig", "trl"),
    ("trl ", "trl"),
)
"""Parts of a program's name or class, the first that fits wins."""

TRL_KEYS = (*trl.ONLY_GRPO, *trl.ONLY_RLOO, *trl.OWN_PPO, "num_generations")

KEYS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("verl", ("actor_rollout_ref.actor.use_kl_loss", "actor_rollout_ref.model.path")),
    ("verl", ("actor.kl_loss_coef", "actor.kl_loss_type", "actor.use_kl_loss")),
    ("skyrl", ("trainer.algorithm.advantage_estimator", "trainer.algorithm.kl_estimator_type")),
    ("skyrl", ("trainer.algorithm.use_kl_loss", "trainer.algorithm.use_kl_in_reward")),
    ("verl", ("algorithm.adv_estimator", "algorithm.use_kl_in_reward", "algorithm.kl_penalty")),
    ("openrlhf", ("algo.kl.init_coef", "algo.kl.estimator", "algo.kl.use_loss", "init_kl_coef")),
    ("nemo-rl", ("reference_policy_kl_penalty", "reference_policy_kl_type")),
    ("areal", ("kl_ctl", "actor.kl_estimator")),
    ("prime-rl", ("loss.kl_tau", "trainer.loss.adv_tau", "loss.dppo_mask_low")),
    ("ms-swift", ("^rlhf_type", "^kl_in_reward")),
    ("tinker", ("kl_penalty_coef", "kl_discount_factor")),
    ("slime", ("^kl_loss_type", "^use_unbiased_kl", "^kl_loss_coef")),
    ("trl", tuple(f"^{name}" for name in TRL_KEYS)),
)
"""Keys that give a trainer away, most particular first; ``^`` before keys that are not nested."""


def detect_trainer(config: Config) -> str:
    """Name the trainer that a configuration is of.

    Args:
        config: The configuration.

    Returns:
        A key of ``READERS``.

    Raises:
        CannotTellError: Neither the program nor any key gives it away.
    """
    for part, trainer in PROGRAMS:
        if part in f"{config.command} ":
            return trainer
    for trainer, names in KEYS:
        if any(_has(config, name) for name in names):
            return trainer
    raise CannotTellError(
        f"no key of a trainer that was read is in it; name the trainer: {', '.join(READERS)}"
    )


def _has(config: Config, name: str) -> bool:
    return name[1:] in config.flat if name.startswith("^") else config.has(name)
