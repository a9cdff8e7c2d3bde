"""A configuration of KL penalties in one language for all trainers."""

from dataclasses import dataclass
from enum import StrEnum

from fade_core.kl import NO_CLAMP, Clamp
from fade_core.kl_audit.config import CannotTellError
from fade_core.kl_configurations import CONFIGURATIONS


class Confidence(StrEnum):
    """How far a statement can be trusted."""

    PROVED = "proved by enumeration"
    CODE = "read in the trainer's code"
    NOT_RUN = "read in the trainer's code, behaviour not run"
    NEIGHBOUR = "carried over from another release than the one that was read"
    DERIVED = "derived by us"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Term:
    """One active KL penalty.

    Attributes:
        configuration: Id in ``fade_core.kl_configurations``.
        coefficient: beta > 0.
        keys: What switches it on, in the trainer's own keys.
    """

    configuration: str
    coefficient: float
    keys: str

    def __post_init__(self) -> None:
        if self.configuration not in CONFIGURATIONS:
            raise CannotTellError(f"{self.keys}: {self.configuration} was not enumerated")


@dataclass(frozen=True, slots=True)
class Setup:
    """What the audit needs to know of a run, whatever the trainer.

    Attributes:
        trainer: Id of the trainer.
        source: The trainer's files that were read.
        confidence: How far the reading can be trusted.
        terms: Active penalties; a coefficient of 0 is no penalty.
        off: Why no penalty is active, where none is and none was asked for.
        ignored: Why a penalty that was asked for does nothing.
        unsure: What would have to be known for a verdict; completes 'unknown, because'.
        refused: Why the trainer stops with this configuration.
        not_reference: What the penalty is measured from, where it is not the reference.
        clamp: Limits of the estimate.
        updates: Optimizer steps on one rollout batch; None where it is not known.
        std_groups: A reward with KL in it is divided by its group's standard deviation.
        own_length: Each sequence is divided by its own length.
        facts: What only this trainer's rules ask for.
    """

    trainer: str
    source: str
    confidence: Confidence = Confidence.CODE
    terms: tuple[Term, ...] = ()
    off: str | None = None
    ignored: str | None = None
    unsure: str | None = None
    refused: str | None = None
    not_reference: str | None = None
    clamp: Clamp = NO_CLAMP
    updates: float | None = None
    std_groups: bool = False
    own_length: bool = False
    facts: frozenset[str] = frozenset()

    @property
    def placements(self) -> set[str]:
        """Where the active penalties are: ``reward``, ``loss`` or both."""
        return {
            penalty.placement
            for term in self.terms
            for _, penalty in CONFIGURATIONS[term.configuration].terms
        }

    @property
    def estimators(self) -> set[str]:
        """The estimators of the active penalties."""
        return {
            penalty.estimator
            for term in self.terms
            for _, penalty in CONFIGURATIONS[term.configuration].terms
        }


NAMES = {
    "kl": "k1",
    "k1": "k1",
    "mse": "k2",
    "k2": "k2",
    "low_var_kl": "k3",
    "k3": "k3",
    "abs": "abs",
}
"""Estimators by the names that trainers give them."""


def estimator_named(key: str, name: str) -> str:
    """Return our name of a trainer's estimator.

    Raises:
        CannotTellError: No trainer that was read has one of that name.
    """
    if name not in NAMES:
        raise CannotTellError(f"{key} is {name!r}, which is none of {', '.join(NAMES)}")
    return NAMES[name]


_AS_TRAINED = {
    ("k1", "sum"): "k1-in-reward-stale-token",
    ("k1", "togo"): "k1-in-reward-stale-token-togo",
    ("k3", "sum"): "k3-in-reward-stale-token",
    ("k3", "togo"): "k3-in-reward-togo",
    ("k1", "now"): "k1-in-reward-now",
    ("k3", "now"): "k3-in-reward-now",
}


def in_reward(estimator: str, credit: str) -> str:
    """Return the configuration of a reward penalty as trainers compute it.

    That is from log-probs of the time of the rollout, with the token ratio of the surrogate.
    """
    return _AS_TRAINED.get((estimator, credit), f"{estimator}-in-reward")


def plain_terms(*terms: Term) -> tuple[Term, ...]:
    """Leave out the terms whose coefficient is 0.

    Raises:
        CannotTellError: A coefficient is negative.
    """
    for term in terms:
        if term.coefficient < 0:
            raise CannotTellError(
                f"{term.keys} has the negative coefficient {term.coefficient:g}, which rewards "
                "leaving the reference; make it >= 0"
            )
    return tuple(term for term in terms if term.coefficient > 0)
