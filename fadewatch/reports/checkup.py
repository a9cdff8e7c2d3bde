"""From an imported run to its diagnosis: the one place that knows the engine."""

from dataclasses import dataclass
from typing import Any

from fade_client.importers.result import ImportedRun
from fade_core.diagnosis import diagnose
from fade_core.findings import Severity
from fade_core.kl_audit.live import config_findings
from fade_core.report import exit_code, report_json


@dataclass(frozen=True, slots=True)
class Checkup:
    """A run and what was found in it.

    Attributes:
        run: As imported.
        report: The diagnosis as JSON values: run, format, steps, coverage, findings, headline.
        paragraph: The reading in a few sentences; empty where nothing was found.
        exit_code: 0 healthy, 1 findings at or above the level, 2 could not check.
    """

    run: ImportedRun
    report: dict[str, Any]
    paragraph: str
    exit_code: int


def check(run: ImportedRun, fail_on: Severity) -> Checkup:
    """Diagnose a run: its records, and the verdict on its KL where the hook stored one.

    Args:
        run: As imported; its launches are read one after the other.
        fail_on: Severity from which a finding makes the exit code 1.
    """
    standing = config_findings(run.config)
    report = diagnose(run.steps, run=run.name, log_format=run.format, standing=standing)
    return Checkup(run, report_json(report), report.paragraph, exit_code(report, fail_on))
