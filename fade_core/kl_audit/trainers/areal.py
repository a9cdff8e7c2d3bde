"""AReaL. Read: the snapshot of August 2026."""

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
    """Read ``actor.kl_ctl`` and ``actor.kl_estimator``: a penalty in the reward."""
    coefficient = config.number("kl_ctl", default=0.1)
    name = estimator_named("kl_estimator", config.word("kl_estimator", default="k1"))
    term = Term(in_reward(name, "togo"), coefficient, f"kl_ctl with kl_estimator={name}")
    return Setup(
        trainer="areal",
        source="areal/api/cli_args.py, areal/utils/data.py, areal/trainer/ppo/actor.py",
        confidence=Confidence.CODE if version is None else Confidence.NEIGHBOUR,
        terms=plain_terms(term),
        off="kl_ctl is 0" if coefficient == 0 else None,
        clamp=Clamp(estimate=10.0),
        updates=config.number("ppo_n_minibatches", default=1)
        if config.has("ppo_n_minibatches")
        else None,
    )
