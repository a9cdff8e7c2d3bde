"""Tinker cookbook. Read: 0.6.1."""

from fade_core.kl_audit.config import Config, Version
from fade_core.kl_audit.setup import Confidence, Setup, Term, in_reward, plain_terms


def read(config: Config, version: Version | None) -> Setup:
    """Read ``kl_penalty_coef`` and ``kl_discount_factor``: K1 in the advantage."""
    coefficient = config.number("kl_penalty_coef", default=0.0)
    discount = config.number("kl_discount_factor", default=0.0)
    credit = "togo" if discount > 0 else "now"
    keys = f"kl_penalty_coef with kl_discount_factor={discount:g}"
    return Setup(
        trainer="tinker",
        source="tinker_cookbook/rl/metrics.py",
        confidence=Confidence.CODE if version in (None, (0, 6, 1)) else Confidence.NEIGHBOUR,
        terms=plain_terms(Term(in_reward("k1", credit), coefficient, keys)),
        off="kl_penalty_coef is 0" if coefficient == 0 else None,
    )
