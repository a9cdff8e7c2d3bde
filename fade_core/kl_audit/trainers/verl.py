"""verl. Read: 0.6.0, 0.7.1, 0.8.0 and 0.9.1."""

from fade_core.kl import Clamp
from fade_core.kl_audit.config import CannotTellError, Config, Version
from fade_core.kl_audit.setup import (
    Confidence,
    Setup,
    Term,
    estimator_named,
    in_reward,
    plain_terms,
)

READ = ((0, 6, 0), (0, 7, 1), (0, 8, 0), (0, 9, 1))
BEFORE_FIX, WITH_FIX = (0, 7, 1), (0, 8, 0)


def read(config: Config, version: Version | None) -> Setup:
    """Read ``algorithm.*`` and ``actor_rollout_ref.actor.*``."""
    reward_on = config.flag("algorithm.use_kl_in_reward", default=False)
    loss_on = config.flag("actor.use_kl_loss", default=False)
    penalty = config.word("algorithm.kl_penalty", default="kl")
    kind = config.word("actor.kl_loss_type", default="low_var_kl")
    refused = _refused(
        [name for on, name in ((reward_on, penalty), (loss_on, kind)) if on], version
    )
    adaptive = config.word("kl_ctrl.type", default="fixed") == "adaptive"
    terms = []
    if reward_on and refused is None:
        coefficient = config.number("algorithm.kl_ctrl.kl_coef", default=0.001)
        keys = f"algorithm.use_kl_in_reward with kl_penalty={penalty}"
        name = estimator_named("algorithm.kl_penalty", penalty.removesuffix("+"))
        terms.append(Term(in_reward(name, _credit(config)), coefficient, keys))
    if loss_on and refused is None:
        coefficient = config.number("actor.kl_loss_coef", default=0.001)
        keys = f"actor.use_kl_loss with kl_loss_type={kind}"
        terms.append(Term(_in_loss(kind), coefficient, keys))
    active = plain_terms(*terms)
    return Setup(
        trainer="verl",
        source="verl/trainer/ppo/core_algos.py (kl_penalty), ray_trainer.py, utils/config.py",
        confidence=_confidence(version),
        terms=active,
        off=None if active or refused else "use_kl_in_reward and use_kl_loss are off, or zero",
        refused=refused,
        clamp=Clamp(log_ratio=20.0, estimate=10.0),
        updates=_updates(config),
        std_groups=_divides_by_std(config),
        own_length=config.word("loss_agg_mode", default="token-mean") == "seq-mean-token-mean",
        facts=frozenset({"adaptive"} if adaptive and reward_on else set()),
    )


def _in_loss(kind: str) -> str:
    name = estimator_named("actor.kl_loss_type", kind.removesuffix("+"))
    if kind.endswith("+") and name in ("k1", "k3"):
        return f"{name}-plus"
    return "k2-in-loss" if kind.endswith("+") else f"{name}-in-loss"


def _refused(names: list[str], version: Version | None) -> str | None:
    if "full" in names:
        return "the estimator 'full' raises NotImplementedError"
    if not any(name.endswith("+") for name in names):
        return None
    if version is None or BEFORE_FIX < version < WITH_FIX:
        raise CannotTellError(
            "an estimator name that ends in '+' raises NotImplementedError up to verl 0.7.1 and "
            "works from 0.8.0; give the version"
        )
    if version <= BEFORE_FIX:
        return "an estimator name that ends in '+' raises NotImplementedError before verl 0.8.0"
    return None


def _credit(config: Config) -> str:
    estimator = config.word("algorithm.adv_estimator", default="gae")
    return "togo" if estimator in ("gae", "reinforce_plus_plus") else "sum"


def _divides_by_std(config: Config) -> bool:
    group = "grpo" in config.word("algorithm.adv_estimator", default="gae")
    return group and config.flag("norm_adv_by_std_in_grpo", default=True)


def _updates(config: Config) -> float | None:
    epochs = config.number("actor.ppo_epochs", default=1)
    if not config.has("train_batch_size") or not config.has("actor.ppo_mini_batch_size"):
        return epochs if epochs > 1 else None
    batch = config.number("train_batch_size", default=1)
    return epochs * batch / max(1.0, config.number("actor.ppo_mini_batch_size", default=1))


def _confidence(version: Version | None) -> Confidence:
    return Confidence.CODE if version is None or version in READ else Confidence.NEIGHBOUR
