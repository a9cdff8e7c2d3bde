"""slime. Read: the snapshot of August 2026."""

from fade_core.kl import NO_CLAMP, Clamp
from fade_core.kl_audit.config import Config, Version
from fade_core.kl_audit.setup import (
    Confidence,
    Setup,
    Term,
    estimator_named,
    in_reward,
    plain_terms,
)

USES_REWARD_KL = ("ppo", "reinforce_plus_plus")
"""Advantage estimators whose returns really contain ``--kl-coef``."""


def read(config: Config, version: Version | None) -> Setup:
    """Read ``--kl-coef`` (reward) and ``--use-kl-loss --kl-loss-*`` (loss)."""
    reward = config.number("kl_coef", default=0.0)
    uses_loss = config.flag("use_kl_loss", default=False)
    loss = config.number("kl_loss_coef", default=0.0) if uses_loss else 0.0
    kind = config.word("kl_loss_type", default="k1")
    name = estimator_named("--kl-loss-type", kind)
    estimator = config.word("advantage_estimator", default="grpo")
    if reward > 0 and loss > 0:
        return _setup(version, refused="--kl-coef and --kl-loss-coef exclude each other")
    if reward > 0 and estimator not in USES_REWARD_KL:
        ignored = f"the returns of {estimator} use only the shapes of the KL, not its values"
        return _setup(version, Confidence.NOT_RUN, ignored=ignored)
    clamp = Clamp(estimate=10.0) if kind == "low_var_kl" else NO_CLAMP
    if reward > 0:
        term = Term(in_reward(name, "togo"), reward, f"--kl-coef with --kl-loss-type {kind}")
        return _setup(version, terms=plain_terms(term), clamp=clamp)
    facts = {"default-k1"} if loss > 0 and not config.has("kl_loss_type") else set()
    corrected = config.flag("use_unbiased_kl", default=False)
    configuration = f"rho-{name}" if corrected else f"{name}-in-loss"
    keys = f"--use-kl-loss --kl-loss-type {kind}" + " --use-unbiased-kl" * corrected
    terms = plain_terms(Term(configuration, loss, keys)) if loss else ()
    return _setup(
        version,
        terms=terms,
        off=None if terms else "--kl-coef and --kl-loss-coef are 0: a KL is shown at most",
        clamp=clamp,
        facts=frozenset(facts),
    )


def _setup(
    version: Version | None,
    confidence: Confidence = Confidence.CODE,
    *,
    terms: tuple[Term, ...] = (),
    off: str | None = None,
    ignored: str | None = None,
    refused: str | None = None,
    clamp: Clamp = NO_CLAMP,
    facts: frozenset[str] = frozenset(),
) -> Setup:
    return Setup(
        trainer="slime",
        source="slime/utils/arguments.py, ppo_utils.py, backends/megatron_utils/loss.py",
        confidence=confidence if version is None else Confidence.NEIGHBOUR,
        terms=terms,
        off=off,
        ignored=ignored,
        refused=refused,
        clamp=clamp,
        facts=facts,
    )
