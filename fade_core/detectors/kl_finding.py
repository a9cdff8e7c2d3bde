"""What a KL or APA detector saw at one step."""

from dataclasses import dataclass, field

from fade_core.findings import Severity


@dataclass(frozen=True, slots=True)
class KLFinding:
    """One observation with its evidence and what to do about it.

    Attributes:
        detector: Name of the detector.
        severity: ``info``, ``warning`` or ``critical``.
        evidence: What was seen, by name; numbers with their unit in the name, or text.
        advice: What to look at or to change.
    """

    detector: str
    severity: Severity
    evidence: dict[str, float | str] = field(default_factory=dict)
    advice: str = ""
