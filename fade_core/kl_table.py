"""What each configuration of a KL penalty really regularises: data for the audit, docs and tests.

A configuration's expected gradient is a sum of a few named gradients. ``RKL`` is KL(pi || ref),
``FKL`` is KL(ref || pi); ``seq`` is of whole sequences, ``tok`` of the next token with the law
of the prefixes held fixed; ``@rollout`` takes the prefixes from the policy that sampled.

Every entry is proved by enumeration (``fade_core.torch.kl_exact``), for penalties in a loss
that sums over tokens, with no clamp and a coefficient of 1.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from fade_core.kl import Estimator
from fade_core.kl_placement import Credit

Placement = Literal["reward", "loss"]
Weight = Literal["none", "self", "token", "prefix", "sequence", "geometric"]
Target = Literal[
    "RKL_seq",
    "RKL_tok",
    "RKL_tok@rollout",
    "FKL_seq",
    "FKL_tok",
    "FKL_tok@rollout",
    "TV_tok",
    "E[k2]_seq",
    "E[k2]_tok",
    "E[k2]_tok@rollout",
    "KL(rollout||pi)",
    "KL(pi||rollout)",
]

TARGETS: dict[Target, str] = {
    "RKL_seq": "reverse KL of whole sequences: the stated objective",
    "RKL_tok": "reverse KL of the next token; what a token does to later KL is missing",
    "RKL_tok@rollout": "reverse KL of the next token, over the rollout policy's prefixes",
    "FKL_seq": "forward KL of whole sequences",
    "FKL_tok": "forward KL of the next token",
    "FKL_tok@rollout": "forward KL of the next token, over the rollout policy's prefixes",
    "TV_tok": "total variation of the next token",
    "E[k2]_seq": "the mean of half the squared log-ratio, sum over tokens",
    "E[k2]_tok": "half the squared log-ratio of the next token, prefixes fixed",
    "E[k2]_tok@rollout": "the same over the rollout policy's prefixes",
    "KL(rollout||pi)": "distance of the policy from its own samples",
    "KL(pi||rollout)": "distance of the policy to the one that sampled",
}


class Verdict(StrEnum):
    """How far a configuration follows the gradient of sequence-level reverse KL."""

    UNBIASED = "unbiased"
    TOKEN_CORRECT = "token-correct"
    BIASED = "biased"
    NO_REGULARISATION = "no regularisation"
    NOT_A_REFERENCE_KL = "not a reference KL"
    DOES_NOT_RUN = "does not run"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Penalty:
    """One KL term, as a trainer computes it.

    Attributes:
        estimator: What is computed of the log-ratio; ``full`` and ``full-forward`` sum over the
            vocabulary.
        placement: Subtracted from the reward (detached) or added to the loss (differentiated).
        credit: In the reward: which tokens the penalty is charged to.
        weight: Importance weight against the rollout policy; ``self`` is pi / sg(pi), whose
            value is 1 and whose gradient is not 0.
        detached: The weight carries no gradient.
        stale: In the reward: log-probs of the time of the rollout, not of the update.
        summed: In the loss: the estimator is applied to the log-ratio of the whole sequence.
        shown: The value that is shown while the gradient is the estimator's (verl's ``k3+``).
    """

    estimator: Estimator | Literal["full", "full-forward"]
    placement: Placement
    credit: Credit = "sum"
    weight: Weight = "none"
    detached: bool = False
    stale: bool = False
    summed: bool = False
    shown: Estimator | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A share of a named gradient.

    Attributes:
        target: Which gradient.
        weight: How much of it, whatever the length.
        weight_over_length: How much more of it, divided by the sequence length.
    """

    target: Target
    weight: float = 1.0
    weight_over_length: float = 0.0

    def amount(self, length: int) -> float:
        """Return the share at this sequence length."""
        return self.weight + self.weight_over_length / length


Mix = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Configuration:
    """A penalty, or two together, with what is proved of its expected gradient.

    Attributes:
        label: What people call it.
        terms: (coefficient, penalty) pairs.
        on_policy: Its expected gradient when the policy itself sampled; () is zero, None no
            named gradient.
        off_policy: The same when an older policy sampled.
        reason: Why, in one line.
    """

    label: str
    terms: tuple[tuple[float, Penalty], ...]
    on_policy: Mix | None
    off_policy: Mix | None
    reason: str


def judge(mix: Mix | None) -> Verdict:
    """Turn an expected gradient into a verdict.

    Args:
        mix: Parts, () for a gradient of zero, None for no named gradient.

    Returns:
        ``unbiased`` for a positive multiple of sequence reverse KL, ``token-correct`` where
        token-level reverse KL takes part, ``no regularisation`` for zero, else ``biased``.

    >>> judge((Part("RKL_seq"), Part("FKL_tok", -1.0))).value
    'biased'
    """
    if mix is None:
        return Verdict.BIASED
    if not mix:
        return Verdict.NO_REGULARISATION
    targets = {part.target for part in mix}
    if any(part.weight <= 0.0 or part.weight_over_length for part in mix):
        return Verdict.BIASED
    if targets == {"RKL_seq"}:
        return Verdict.UNBIASED
    if targets <= {"RKL_seq", "RKL_tok", "RKL_tok@rollout"}:
        return Verdict.TOKEN_CORRECT
    return Verdict.BIASED


def combined(mixes: list[tuple[float, Mix | None]]) -> Mix | None:
    """Add expected gradients with their coefficients.

    Args:
        mixes: (coefficient, gradient) pairs.

    Returns:
        One part a target, those that cancel left out; None as soon as one is unknown.

    >>> combined([(2.0, (Part("RKL_seq"), Part("FKL_tok", -1.0))), (2.0, (Part("FKL_tok"),))])
    (Part(target='RKL_seq', weight=2.0, weight_over_length=0.0),)
    """
    total: dict[Target, tuple[float, float]] = {}
    for coefficient, mix in mixes:
        if mix is None:
            return None
        for part in mix:
            constant, over_length = total.get(part.target, (0.0, 0.0))
            total[part.target] = (
                constant + coefficient * part.weight,
                over_length + coefficient * part.weight_over_length,
            )
    return tuple(Part(name, *share) for name, share in total.items() if any(share))


def spelled(mix: Mix | None) -> str:
    """Write an expected gradient as a formula.

    >>> spelled((Part("RKL_seq"), Part("FKL_tok", -1.0)))
    'RKL_seq - FKL_tok'
    """
    if mix is None:
        return "no named gradient"
    text = "".join(_term(part) for part in mix)
    return text.removeprefix(" + ").replace(" - ", "-", 1) if text[:3] == " - " else text[3:] or "0"


def _term(part: Part) -> str:
    pieces = []
    for value, suffix in ((part.weight, ""), (part.weight_over_length, "/T")):
        if value:
            sign = " - " if value < 0 else " + "
            factor = "" if abs(value) == 1.0 else f"{abs(value):g} "
            pieces.append(f"{sign}{factor}{part.target}{suffix}")
    return "".join(pieces)
