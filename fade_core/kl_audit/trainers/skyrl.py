"""SkyRL. Read: the snapshot of August 2026."""

from fade_core.kl import Clamp
from fade_core.kl_audit.config import Config, Version
from fade_core.kl_audit.setup import (
    Confidence,
    Setup,
    Term,
    estimator_named,
    in_reward,
    plain_terms,
)


def read(config: Config, version: Version | None) -> Setup:
    """Read ``trainer.algorithm.*``; ``kl_loss_coef`` is the coefficient of both placements."""
    in_loss = config.flag("algorithm.use_kl_loss", default=True)
    wants_reward = config.flag("algorithm.use_kl_in_reward", default=False)
    coefficient = config.number("algorithm.kl_loss_coef", default=0.001)
    word = config.word("algorithm.kl_estimator_type", default="k3")
    name = estimator_named("trainer.algorithm.kl_estimator_type", word)
    estimator = config.word("algorithm.advantage_estimator", default="grpo")
    both = in_loss and wants_reward
    terms: tuple[Term, ...] = ()
    if wants_reward and not both:
        credit = "togo" if estimator in ("gae", "reinforce++") else "sum"
        keys = f"use_kl_in_reward with kl_estimator_type={name}"
        terms = plain_terms(Term(in_reward(name, credit), coefficient, keys))
    elif in_loss and not both:
        keys = f"use_kl_loss with kl_estimator_type={name}"
        terms = plain_terms(Term(f"{name}-in-loss", coefficient, keys))
    return Setup(
        trainer="skyrl",
        source="skyrl/train/config/config.py, backends/skyrl_train/utils/ppo_utils.py",
        confidence=Confidence.CODE if version is None else Confidence.NEIGHBOUR,
        terms=terms,
        off=None if terms or both else "use_kl_loss and use_kl_in_reward are off, or zero",
        refused="use_kl_loss and use_kl_in_reward exclude each other by assertion"
        if both
        else None,
        clamp=Clamp(log_ratio=20.0, estimate=10.0),
        std_groups=estimator == "grpo" and config.flag("grpo_norm_by_std", default=True),
        facts=frozenset({"default-k3"} if not config.has("kl_estimator_type") else set()),
    )
