"""TRL: GRPOTrainer, RLOOTrainer and the experimental PPOTrainer.

Read: 1.9.2, 1.10.0 and 1.16.0.
"""

from fade_core.kl_audit.config import CannotTellError, Config, Version
from fade_core.kl_audit.setup import (
    Confidence,
    Setup,
    Term,
    estimator_named,
    in_reward,
    plain_terms,
)

ONLY_GRPO = (
    "use_bias_correction_kl",
    "importance_sampling_level",
    "loss_type",
    "scale_rewards",
    "epsilon_high",
    "steps_per_generation",
)
ONLY_RLOO = ("normalize_advantages", "rloo_k")
OWN_PPO = ("kl_estimator", "vf_coef", "whiten_rewards", "num_ppo_epochs")
ONLY_PPO = ("kl_coef", *OWN_PPO)


def read(config: Config, version: Version | None) -> Setup:
    """Read a configuration of whichever of the three trainers it is of."""
    for word, reader in (("rloo", read_rloo), ("ppo", read_ppo), ("grpo", read_grpo)):
        if word in config.command:
            return reader(config, version)
    for keys, reader in ((ONLY_PPO, read_ppo), (ONLY_RLOO, read_rloo), (ONLY_GRPO, read_grpo)):
        if config.has(*keys):
            return reader(config, version)
    raise CannotTellError(
        "these keys are those of GRPOConfig and of RLOOConfig; name the trainer: trl-grpo, "
        "trl-rloo or trl-ppo"
    )


def read_grpo(config: Config, version: Version | None) -> Setup:
    """Read a ``GRPOConfig``: K3 in the loss, with or without the ratio."""
    beta = _beta(config, version)
    facts = {"no-reference-model"} if beta == 0 else set()
    if beta > 0 and config.flag("use_vllm", default=False):
        facts.add("vllm-correction")
    configuration, words = "k3-in-loss", "beta > 0 without use_bias_correction_kl"
    if beta > 0 and _corrected(config, version):
        level = config.word("importance_sampling_level", default="token")
        if level not in ("token", "sequence"):
            raise CannotTellError(f"importance_sampling_level {level!r} was not read")
        configuration = "rho-k3" if level == "token" else "geometric-k3"
        words = f"use_bias_correction_kl=True, importance_sampling_level={level!r}"
        facts |= {"logged-after-ratio"} | ({"geometric-ratio"} if level == "sequence" else set())
    return Setup(
        trainer="trl-grpo",
        source="trl/trainer/grpo_config.py, grpo_trainer.py (_compute_loss)",
        confidence=_confidence(version),
        terms=plain_terms(Term(configuration, beta, words)),
        off="beta is 0" if beta == 0 else None,
        updates=_updates(config),
        own_length=config.word("loss_type", default="dapo") == "grpo",
        facts=frozenset(facts),
    )


def read_rloo(config: Config, version: Version | None) -> Setup:
    """Read an ``RLOOConfig``: K1 in the reward, its sum on every token."""
    beta = config.number("beta", default=0.05)
    return Setup(
        trainer="trl-rloo",
        source="trl/trainer/rloo_trainer.py",
        confidence=_confidence(version),
        terms=plain_terms(Term(in_reward("k1", "sum"), beta, "beta (K1 in the reward)")),
        off="beta is 0" if beta == 0 else None,
        updates=_updates(config),
        std_groups=config.flag("normalize_advantages", default=False),
    )


def read_ppo(config: Config, version: Version | None) -> Setup:
    """Read a ``PPOConfig``: k1 or k3 in the reward, by return to go."""
    coefficient = config.number("kl_coef", default=0.05)
    name = estimator_named("kl_estimator", config.word("kl_estimator", default="k1"))
    term = Term(in_reward(name, "togo"), coefficient, f"kl_coef with kl_estimator={name!r}")
    return Setup(
        trainer="trl-ppo",
        source="trl/experimental/ppo/",
        confidence=_confidence(version),
        terms=plain_terms(term),
        off="kl_coef is 0" if coefficient == 0 else None,
        updates=config.number("num_ppo_epochs", default=4) if term.coefficient else None,
    )


def _beta(config: Config, version: Version | None) -> float:
    if config.get("beta") is not None:
        return config.number("beta", default=0.0)
    if version is None:
        raise CannotTellError(
            "beta is not set, and its default is 0.04 before TRL 0.19 and 0.0 since; give the "
            "version, or set beta"
        )
    return 0.0 if version >= (0, 19) else 0.04


def _corrected(config: Config, version: Version | None) -> bool:
    if config.get("use_bias_correction_kl") is not None:
        return config.flag("use_bias_correction_kl", default=False)
    if version is None or (1, 9, 2) < version < (1, 10):
        raise CannotTellError(
            "use_bias_correction_kl is not set, and its default is False up to TRL 1.9.2 and "
            "True from 1.10.0; give the version, or set it"
        )
    return version >= (1, 10)


def _updates(config: Config) -> float | None:
    iterations = config.number("num_iterations", default=1)
    if not config.has("steps_per_generation"):
        return iterations
    generation = config.number("steps_per_generation", default=1)
    return iterations * max(
        1.0, generation / config.number("gradient_accumulation_steps", default=1)
    )


def _confidence(version: Version | None) -> Confidence:
    read_versions = ((1, 9, 2), (1, 10, 0), (1, 16, 0))
    if version is None or (*version, 0, 0)[:3] in read_versions:
        return Confidence.CODE
    return Confidence.NEIGHBOUR
