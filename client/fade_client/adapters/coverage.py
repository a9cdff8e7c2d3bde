"""What a run reports, which detectors that feeds, and what to switch on for the others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fade_core import monitor
from fade_core.records import EXTRAS, FIELDS

Need = str | tuple[str, ...]

WATCH_ANYTHING = ("non_finite", "value_anomaly")
"""Detectors that take whatever arrives, so that no signal has to be switched on for them."""

DETECTORS: dict[str, tuple[Need, ...]] = {
    detector.id: detector.needs
    for detector in monitor.DETECTORS
    if detector.id not in WATCH_ANYTHING
}
"""What each detector reads: any one of these will do, a tuple as a whole."""

MEASURED = {
    "kl": "log what fade_core.kl_monitor.kl_statistics(...).as_extra() returns",
    "apa": "for APA and AWR: log what fade_core.losses measures of them",
}
"""How to get the named extras of a group."""

OUTCOME = tuple(name for name, field in FIELDS.items() if field.group == "outcome")
WEIGHTS = tuple(name for name, field in FIELDS.items() if field.group == "advantage")
"""Fields that come with ``rewards``, and with ``rewards`` and ``advantages``."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The signals of a run.

    Attributes:
        trainer: The trainer and its version.
        arriving: Fields of the record that the trainer will report.
        advice: What to switch on for a field that it does not report, by field.
        notes: What else the user should know, one sentence each.
        unknown: Keys that the adapter does not know; kept as extra series.
    """

    trainer: str
    arriving: tuple[str, ...]
    advice: Mapping[str, str]
    notes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def feeds(self) -> dict[str, list[str]]:
        """Return the detectors that get a signal, each with the signals that it gets."""
        fed = {name: self._used(needs) for name, needs in DETECTORS.items()}
        return {name: signals for name, signals in fed.items() if signals}

    def starved(self) -> dict[str, str]:
        """Return the detectors that get none, each with what would feed it."""
        fed = self.feeds()
        return {name: self._cure(needs) for name, needs in DETECTORS.items() if name not in fed}

    def report(self) -> str:
        """Return the report as people read it, several lines."""
        lines = [f"{self.trainer}: {len(self.arriving)} signals, feeding"]
        lines += [f"  {name}: {', '.join(signals)}" for name, signals in self.feeds().items()]
        starved = self.starved()
        if starved:
            lines += ["not fed:", *(f"  {name}: {cure}" for name, cure in starved.items())]
        if self.unknown:
            lines += [f"unknown, kept as extra series: {', '.join(self.unknown)}"]
        return "\n".join([*lines, *self.notes])

    def as_config(self) -> dict[str, Any]:
        """Return the report as plain JSON values, to be kept with the run."""
        return {
            "trainer": self.trainer,
            "arriving": list(self.arriving),
            "feeds": self.feeds(),
            "not_fed": self.starved(),
            "notes": list(self.notes),
        }

    def _used(self, needs: Iterable[Need]) -> list[str]:
        wholes = [(need,) if isinstance(need, str) else need for need in needs]
        there = [whole for whole in wholes if all(part in self.arriving for part in whole)]
        return [part for whole in there for part in whole]

    def _cure(self, needs: Iterable[Need]) -> str:
        parts = [part for need in needs for part in ((need,) if isinstance(need, str) else need)]
        missing = [part for part in parts if part not in self.arriving]
        known = [self.advice[part] for part in missing if part in self.advice]
        if not known and missing[0] in EXTRAS:
            return MEASURED[EXTRAS[missing[0]].group]
        return known[0] if known else f"log it yourself: run.log_step({missing[0]}=...)"
