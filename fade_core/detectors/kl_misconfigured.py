"""A KL penalty that does not do what its name says: by configuration, or by what is seen."""

from dataclasses import dataclass

from fade_core.detectors.kl_finding import KLFinding
from fade_core.findings import Severity
from fade_core.kl_audit.audit import Audit
from fade_core.kl_monitor import KLStatistics
from fade_core.kl_table import Verdict

NAME = "kl_misconfigured"

SEVERITIES: dict[Verdict, Severity] = {
    Verdict.BIASED: "warning",
    Verdict.NOT_A_REFERENCE_KL: "info",
    Verdict.NO_REGULARISATION: "critical",
    Verdict.DOES_NOT_RUN: "critical",
}
"""Of the verdicts that are a finding at all."""


def from_audit(audit: Audit) -> KLFinding | None:
    """Turn an audit into a finding at the start of a run.

    Says that the configuration does not follow the gradient of sequence-level reverse KL, never
    that the run will fail: K3 in the loss is stable in practice, and many recipes use no KL.

    Source: Shah et al., arXiv:2512.21852; ``docs/kl.md``.

    Args:
        audit: From ``fade_core.kl_audit.audit``.

    Returns:
        A finding; None where the verdict is good, unknown, or no KL was asked for.
    """
    errors = [remark.id for remark in audit.remarks if remark.severity == "error"]
    if not audit.asked or audit.verdict not in SEVERITIES:
        return None
    evidence: dict[str, float | str] = {
        "verdict": audit.verdict.value,
        "reason": audit.reason,
        "expected_gradient": audit.on_policy,
        "confidence": audit.confidence,
        "rules": ", ".join(remark.id for remark in audit.remarks),
    }
    severity = "critical" if errors else SEVERITIES[audit.verdict]
    return KLFinding(NAME, severity, evidence, audit.change)


@dataclass(frozen=True, slots=True)
class Settings:
    """Thresholds.

    Attributes:
        clamped_share: Share of tokens without gradient by a clamp, in [0, 1].
        top_share: Share of k3 in the largest 0.1 % of tokens, in [0, 1].
        least_tokens: Below this many tokens 0.1 % of them says nothing.
        frozen_k3_per_token: KL below this is a policy that does not move, nats.
        frozen_steps: Consecutive such steps that make a finding.
        steps: Consecutive steps that make any other finding.
    """

    clamped_share: float = 1e-3
    top_share: float = 0.5
    least_tokens: int = 2000
    frozen_k3_per_token: float = 1e-7
    frozen_steps: int = 200
    steps: int = 3


@dataclass(frozen=True, slots=True)
class State:
    """Consecutive steps with clamped tokens, a heavy tail, and no movement at all."""

    clamped: int = 0
    heavy: int = 0
    frozen: int = 0


def step(
    state: State, seen: KLStatistics, settings: Settings = Settings()
) -> tuple[State, KLFinding | None]:
    """Look at one step of a run that has a KL penalty.

    Source: derived; limits are proposals, to be calibrated on real runs.

    Args:
        state: From the step before; ``State()`` at first.
        seen: The step's statistics, with the trainer's clamp.
        settings: Thresholds.

    Returns:
        The next state, and a finding or None.
    """
    clamped = max(seen.k1_clamped_share, seen.k2_clamped_share, seen.k3_clamped_share)
    heavy = seen.tokens >= settings.least_tokens and seen.k3_top_share > settings.top_share
    frozen = seen.k3_per_token < settings.frozen_k3_per_token
    following = State(
        clamped=state.clamped + 1 if clamped > settings.clamped_share else 0,
        heavy=state.heavy + 1 if heavy else 0,
        frozen=state.frozen + 1 if frozen else 0,
    )
    if following.clamped >= settings.steps:
        evidence = {
            "k1_clamped_share": seen.k1_clamped_share,
            "k2_clamped_share": seen.k2_clamped_share,
            "k3_clamped_share": seen.k3_clamped_share,
        }
        return following, _finding(
            "warning", evidence, "the clamped tokens are the farthest and feel no restoring "
            "force: raise the clamp, use K1 in the reward, or a larger beta"
        )  # fmt: skip
    if following.heavy >= settings.steps:
        evidence = {
            "k3_top_share": seen.k3_top_share,
            "k3_median_per_token": seen.k3_median_per_token,
            "k3_trimmed_per_token": seen.k3_trimmed_per_token,
        }
        return following, _finding(
            "info", evidence, "a few tokens make the mean of k3: read the median and the "
            "trimmed mean, and look at those tokens"
        )  # fmt: skip
    if following.frozen >= settings.frozen_steps:
        return following, _finding(
            "info", {"k3_per_token": seen.k3_per_token}, "the policy does not leave its "
            "reference: beta dominates, or nothing is learned"
        )  # fmt: skip
    return following, None


def _finding(severity: Severity, evidence: dict[str, float], advice: str) -> KLFinding:
    return KLFinding(NAME, severity, dict(evidence), advice)
