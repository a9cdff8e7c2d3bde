"""NeMo-RL. Read: 0.5.0, 0.6.0 and 0.7.0."""

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

READ = ((0, 5, 0), (0, 6, 0), (0, 7, 0))
SUBTRACTS = {"reinforce_plus_plus": "now", "gae": "togo"}
"""Advantage estimators that subtract a KL in the reward, with their credit."""


def read(config: Config, version: Version | None) -> Setup:
    """Read ``loss_fn.reference_policy_kl_*`` and ``grpo.adv_estimator``."""
    coefficient = config.number("reference_policy_kl_penalty", default=0.01)
    word = config.word("reference_policy_kl_type", default="k3")
    name = estimator_named("loss_fn.reference_policy_kl_type", word)
    estimator = config.word("adv_estimator.name", default="grpo")
    wants_reward = coefficient > 0 and config.flag("loss_fn.use_kl_in_reward", default=False)
    ignored = None
    terms: tuple[Term, ...] = ()
    if wants_reward and estimator not in SUBTRACTS:
        ignored = (
            f"use_kl_in_reward zeroes the KL in the loss, and the {estimator} advantage "
            "estimator never subtracts one"
        )
    elif wants_reward:
        keys = f"loss_fn.use_kl_in_reward with reference_policy_kl_type={name}"
        terms = plain_terms(Term(in_reward(name, SUBTRACTS[estimator]), coefficient, keys))
    else:
        terms = _in_loss(config, version, name, coefficient)
    return Setup(
        trainer="nemo-rl",
        source="nemo_rl/algorithms/loss/loss_functions.py, advantage_estimator.py",
        confidence=_confidence(version, wants_reward),
        terms=terms,
        off="loss_fn.reference_policy_kl_penalty is 0" if coefficient == 0 else None,
        ignored=ignored,
        clamp=_clamp(config),
        facts=frozenset({"default-k3"} if not config.has("reference_policy_kl_type") else set()),
    )


def _in_loss(
    config: Config, version: Version | None, name: str, coefficient: float
) -> tuple[Term, ...]:
    if coefficient == 0:
        return ()
    if version is None or (0, 6, 0) < version < (0, 7):
        raise CannotTellError(
            "the KL's weights were constants up to NeMo-RL 0.6.0 and carry a gradient from "
            "0.7.0; give the version"
        )
    approximate = config.flag("use_on_policy_kl_approximation", default=False)
    keys = f"loss_fn.reference_policy_kl_penalty with reference_policy_kl_type={name}"
    if version >= (0, 7):
        configuration = f"rho-{name}" if approximate else f"self-{name}"
    else:
        configuration = f"sg-rho-{name}" if approximate else f"{name}-in-loss"
    return plain_terms(Term(configuration, coefficient, keys))


def _clamp(config: Config) -> Clamp:
    log_ratio = config.number("kl_input_clamp_value", default=20.0)
    estimate = config.number("kl_output_clamp_value", default=10.0)
    if log_ratio <= 0 or estimate <= 0:
        raise CannotTellError("a KL clamp of 0 or less was not read")
    return Clamp(log_ratio, estimate)


def _confidence(version: Version | None, wants_reward: bool) -> Confidence:
    if version is not None and version not in READ:
        return Confidence.NEIGHBOUR
    return Confidence.NOT_RUN if wants_reward else Confidence.CODE
