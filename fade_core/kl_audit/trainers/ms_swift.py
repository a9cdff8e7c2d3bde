"""ms-swift, ``swift rlhf --rlhf_type grpo``. Read: 4.6.0."""

from fade_core.kl import Clamp
from fade_core.kl_audit.config import Config, Version
from fade_core.kl_audit.setup import Confidence, Setup, Term, in_reward, plain_terms

IN_REWARD = {"rloo": "sum", "reinforce_plus_plus": "togo"}
"""Advantage estimators that put the KL in the reward by themselves, with their credit."""


def read(config: Config, version: Version | None) -> Setup:
    """Read ``beta``, ``kl_in_reward`` and ``advantage_estimator``."""
    beta = config.number("beta", default=0.04)
    estimator = config.word("advantage_estimator", default="grpo")
    unsure = _unsure(config, estimator) if beta > 0 else None
    if _in_reward(config, estimator):
        configuration = in_reward("k1", IN_REWARD.get(estimator, "sum"))
        keys = f"kl_in_reward with advantage_estimator={estimator}"
    else:
        configuration, keys = "k3-in-loss", "beta > 0 without kl_in_reward"
    group = config.word("scale_rewards", default="group" if estimator == "grpo" else "none")
    return Setup(
        trainer="ms-swift",
        source="swift/arguments/rlhf_args.py, swift/rlhf_trainers/grpo_trainer.py",
        confidence=Confidence.CODE if version in (None, (4, 6, 0)) else Confidence.NEIGHBOUR,
        terms=plain_terms(Term(configuration, beta, keys)),
        off="beta is 0" if beta == 0 else None,
        unsure=unsure,
        clamp=Clamp(log_ratio=20.0, estimate=10.0),
        updates=config.number("num_iterations", default=1),
        std_groups=group in ("group", "true"),
        own_length=config.word("loss_type", default="grpo") == "grpo",
    )


def _in_reward(config: Config, estimator: str) -> bool:
    if config.get("kl_in_reward") is not None:
        return config.flag("kl_in_reward", default=False)
    return estimator in IN_REWARD


def _unsure(config: Config, estimator: str) -> str | None:
    megatron = "megatron" in config.command or config.has("tensor_model_parallel_size")
    if not megatron or estimator not in IN_REWARD or config.get("kl_in_reward") is not None:
        return None
    return (
        f"with Megatron kl_in_reward is False by class default, so {estimator} may not get its "
        "automatic True"
    )
