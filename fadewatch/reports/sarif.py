"""A diagnosis as SARIF 2.1.0, for code scanning and editors."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from fadewatch.reports.checkup import Checkup

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"info": "note", "warning": "warning", "critical": "error"}


def sarif_report(checkups: Sequence[tuple[str, Checkup]]) -> dict[str, Any]:
    """Return one SARIF log with a run of the tool for each diagnosed run.

    Args:
        checkups: Each with the file or address that it came from.
    """
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [_run(place, checkup) for place, checkup in checkups],
    }


def _run(place: str, checkup: Checkup) -> dict[str, Any]:
    coverage, findings = checkup.report["coverage"], checkup.report["findings"]
    broken = [each for each in coverage if each["status"] == "error"]
    return {
        "tool": {
            "driver": {
                "name": "Fadewatch",
                "version": version("fadewatch"),
                "rules": [{"id": each["detector"]} for each in coverage],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not broken,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": f"{each['detector']}: {each['reason']}"}}
                    for each in broken
                ],
            }
        ],
        "properties": {
            "run": checkup.report["run"],
            "format": checkup.report["format"],
            "steps": checkup.report["steps"],
            "headline": checkup.report["headline"],
            "notChecked": [each for each in coverage if each["status"] == "not_checked"],
        },
        "results": [_result(place, finding) for finding in findings],
    }


def _result(place: str, finding: dict[str, Any]) -> dict[str, Any]:
    advice = finding["advice"]
    steps = f"steps {finding['onset_step']} to {finding['first_alert_step']}"
    return {
        "ruleId": finding["detector"],
        "level": _LEVELS[finding["severity"]],
        "message": {"text": " ".join([f"{advice['cause']} ({steps})", *advice["do"]])},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": place.replace("\\", "/")}},
                "logicalLocations": [{"name": f"step {finding['onset_step']}"}],
            }
        ],
        "properties": finding,
    }
