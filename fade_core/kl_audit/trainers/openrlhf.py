"""OpenRLHF. Read: 0.11.2; the flags of older releases are accepted by their old names."""

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

OLD = ("init_kl_coef", "kl_estimator", "use_kl_loss")


def read(config: Config, version: Version | None) -> Setup:
    """Read ``--algo.kl.*``."""
    coefficient = config.number("algo.kl.init_coef", "init_kl_coef", default=0.01)
    word = config.word("algo.kl.estimator", "kl_estimator", default="k1")
    name = estimator_named("algo.kl.estimator", word)
    in_loss = config.flag("algo.kl.use_loss", "use_kl_loss", default=False)
    corrected = config.flag("algo.kl.unbiased_gradient", default=False)
    if not in_loss:
        configuration = in_reward(name, "togo")
        keys = f"--algo.kl.estimator {name} in the reward"
    elif corrected:
        # The flag keeps the estimator's value and gives all of them the gradient of K2.
        configuration = "sg-rho-k2"
        keys = "--algo.kl.use_loss --algo.kl.unbiased_gradient"
    else:
        configuration = f"{name}-in-loss"
        keys = f"--algo.kl.use_loss --algo.kl.estimator {name}"
    old = config.has(*OLD) or version not in (None, (0, 11, 2))
    facts = {"advice"} if in_loss and not corrected else set()
    return Setup(
        trainer="openrlhf",
        source="openrlhf/models/utils.py (compute_approx_kl), cli/train_ppo_ray.py",
        confidence=Confidence.NEIGHBOUR if old else Confidence.CODE,
        terms=plain_terms(Term(configuration, coefficient, keys)),
        off="--algo.kl.init_coef is 0" if coefficient == 0 else None,
        clamp=Clamp(estimate=10.0),
        facts=frozenset(facts | ({"weight-clip"} if in_loss and corrected else set())),
    )
