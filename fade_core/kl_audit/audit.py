"""The audit of a KL configuration: what it really regularises, why, and what to change."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fade_core.errors import SettingError
from fade_core.kl_audit.advice import ADD_A_KL, ADVICE, ANSWER, NOTHING, to_token, to_unbiased
from fade_core.kl_audit.config import CannotTellError, Config, parse_version
from fade_core.kl_audit.detect import READERS, detect_trainer
from fade_core.kl_audit.rules import RULES, Rule, Severity
from fade_core.kl_audit.setup import Confidence, Setup
from fade_core.kl_configurations import CONFIGURATIONS
from fade_core.kl_table import Mix, Verdict, combined, judge, spelled

ORDER = (
    Verdict.UNBIASED,
    Verdict.TOKEN_CORRECT,
    Verdict.UNKNOWN,
    Verdict.BIASED,
    Verdict.NO_REGULARISATION,
    Verdict.NOT_A_REFERENCE_KL,
    Verdict.DOES_NOT_RUN,
)
"""From best to worst, for a threshold. No KL by choice is never a failure."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One rule that applies; fields as in ``rules.Rule``."""

    id: str
    trap: int
    severity: Severity
    reason: str
    change: str
    confidence: str
    source: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What a configuration regularises.

    Attributes:
        trainer: Which trainer, by id; empty where it was not recognised.
        version: Version that was assumed; None where none was given.
        verdict: How far it follows the gradient of sequence-level reverse KL.
        reason: Why, in one line.
        change: What to set, in the trainer's own keys.
        confidence: How far the verdict can be trusted.
        source: Which files of the trainer were read.
        asked: Whether a KL penalty was asked for at all.
        on_policy: Expected gradient on the first optimizer step of a batch, as a formula.
        off_policy: The same once the policy has moved away from the one that sampled.
        configurations: Ids in ``fade_core.kl_configurations`` of the active penalties.
        remarks: What else is true of it.
    """

    trainer: str
    version: str | None
    verdict: Verdict
    reason: str
    change: str
    confidence: str
    source: str
    asked: bool = True
    on_policy: str = ""
    off_policy: str = ""
    configurations: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()

    def fails(self, threshold: Verdict) -> bool:
        """Tell whether the verdict is as bad as the threshold or worse.

        A penalty that nobody asked for (beta 0) never fails.
        """
        if self.verdict is Verdict.NO_REGULARISATION and not self.asked:
            return False
        return ORDER.index(self.verdict) >= ORDER.index(threshold)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {**asdict(self), "verdict": self.verdict.value}


def audit_config(
    mapping: Mapping[str, Any], trainer: str | None = None, version: str | None = None
) -> Audit:
    """Say what the KL settings of a trainer's configuration really regularise.

    Never guesses: what is not decided by the configuration and the version is ``unknown``, with
    the reason. Says nothing about whether a run will succeed; many strong recipes use no KL.

    Source: the trainers' code and enumeration; ``docs/kl.md`` lists both.

    Args:
        mapping: The configuration, nested or with dotted keys, in the trainer's own names.
        trainer: A key of ``detect.READERS``; recognised by its keys where None.
        version: The trainer's version, such as ``1.10.0``.

    Returns:
        The verdict with its reason, the change to make, the confidence and the source.

    Raises:
        SettingError: There is no reader for that trainer.

    >>> audit_config({"beta": 0.04, "loss_type": "dapo"}, "trl", "1.9.2").verdict.value
    'biased'
    """
    if trainer is not None and trainer not in READERS:
        raise SettingError(f"no reader for trainer {trainer!r}; known: {', '.join(READERS)}")
    config = Config(mapping)
    named = trainer
    try:
        named = trainer or detect_trainer(config)
        setup = READERS[named](config, parse_version(version))
    except CannotTellError as reason:
        return Audit(
            trainer=named or "",
            version=version,
            verdict=Verdict.UNKNOWN,
            reason=f"unknown, because {reason}",
            change=ANSWER,
            confidence=Confidence.NONE.value,
            source="",
        )
    return judged(setup, version)


def judged(setup: Setup, version: str | None) -> Audit:
    """Judge a setup that has been read.

    Args:
        setup: From a trainer's reader.
        version: As it was given.

    Returns:
        The audit.
    """
    on_policy = _mix(setup, on_policy=True)
    verdict = _verdict(setup, on_policy)
    remarks = tuple(_remark(rule, setup) for rule in RULES if rule.applies(setup))
    return Audit(
        trainer=setup.trainer,
        version=version,
        verdict=verdict,
        reason=_reason(setup, verdict),
        change=_change(setup, verdict, remarks),
        confidence=setup.confidence.value,
        source=setup.source,
        asked=setup.off is None,
        on_policy=spelled(on_policy) if setup.terms else "",
        off_policy=spelled(_mix(setup, on_policy=False)) if setup.terms else "",
        configurations=tuple(term.configuration for term in setup.terms),
        remarks=remarks,
    )


def _remark(rule: Rule, setup: Setup) -> Remark:
    return Remark(
        rule.id,
        rule.trap,
        rule.severity,
        rule.reason(setup),
        rule.change(setup),
        rule.confidence.value,
        rule.source,
    )


def _mix(setup: Setup, *, on_policy: bool) -> Mix | None:
    # Relative to the largest coefficient: a scale changes no verdict.
    largest = max((term.coefficient for term in setup.terms), default=1.0)
    parts: list[tuple[float, Mix | None]] = []
    for term in setup.terms:
        known = CONFIGURATIONS[term.configuration]
        share = term.coefficient / largest
        parts.append((share, known.on_policy if on_policy else known.off_policy))
    return combined(parts)


def _verdict(setup: Setup, on_policy: Mix | None) -> Verdict:
    if setup.unsure is not None:
        return Verdict.UNKNOWN
    if setup.refused is not None:
        return Verdict.DOES_NOT_RUN
    if setup.not_reference is not None:
        return Verdict.NOT_A_REFERENCE_KL
    return judge(on_policy)


def _reason(setup: Setup, verdict: Verdict) -> str:
    if setup.unsure is not None:
        return f"unknown, because {setup.unsure}"
    for said in (setup.refused, setup.not_reference, setup.ignored, setup.off):
        if said is not None:
            return said
    if len(setup.terms) == 1:
        term = setup.terms[0]
        known = CONFIGURATIONS[term.configuration]
        why = known.reason if verdict is not Verdict.UNBIASED else "reverse KL of whole sequences"
        return f"{known.label}: {why} ({term.keys})"
    keys = " and ".join(term.keys for term in setup.terms)
    return f"the sum of two penalties: {spelled(_mix(setup, on_policy=True))} ({keys})"


def _change(setup: Setup, verdict: Verdict, remarks: tuple[Remark, ...]) -> str:
    if verdict in (Verdict.UNKNOWN, Verdict.DOES_NOT_RUN) and remarks:
        return remarks[0].change
    if verdict is Verdict.UNBIASED:
        return NOTHING
    if verdict is Verdict.TOKEN_CORRECT:
        return f"{NOTHING} for token-level KL; for whole sequences {to_unbiased(setup.trainer)}"
    if setup.off is not None:
        return ADD_A_KL + to_unbiased(setup.trainer)
    if "loss" in setup.placements and ADVICE[setup.trainer].token is not None:
        return f"{to_unbiased(setup.trainer)}; to stay in the loss {to_token(setup.trainer)}"
    return to_unbiased(setup.trainer)
