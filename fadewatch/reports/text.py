"""A diagnosis for a terminal."""

from collections.abc import Iterator
from textwrap import fill
from typing import Any

from fadewatch.reports.checkup import Checkup

WIDTH = 96
_SHOWN = 12
"""Unknown keys that are named; of more, the number."""


def text_report(checkup: Checkup) -> str:
    """Return the diagnosis as lines of plain text."""
    report = checkup.report
    parts = [f"{report['run']}  ({report['format']}, {report['steps']} steps)"]
    parts.append(f"  {report['headline']}")
    for finding in report["findings"]:
        parts.extend(_finding(finding))
    parts.extend(_coverage(report["coverage"]))
    parts.extend(_import(checkup))
    return "\n".join(parts)


def _finding(finding: dict[str, Any]) -> Iterator[str]:
    resolved = finding["resolved_step"]
    until = "still open" if resolved is None else f"over at step {resolved}"
    yield ""
    yield (
        f"  {finding['severity'].upper()} {finding['detector']}: began about step "
        f"{finding['onset_step']}, first alert at step {finding['first_alert_step']}, {until}"
    )
    advice = finding["advice"]
    numbers = ", ".join(
        f"{name} {_short(value)}" for name, value in finding["evidence"].items() if name != "window"
    )
    yield _indented("evidence", numbers)
    yield _indented("cause", advice["cause"])
    yield _indented("effect", advice["effect"])
    for action in advice["do"]:
        yield _indented("do", action)
    if schedule := advice["schedule"]:
        pairs = ", ".join(f"{name} {_short(value)}" for name, value in schedule.items())
        yield _indented("schedule", pairs)


def _coverage(coverage: list[dict[str, Any]]) -> Iterator[str]:
    checked = [each["detector"] for each in coverage if each["status"] == "checked"]
    yield ""
    yield _indented("checked", ", ".join(checked) or "nothing")
    for each in coverage:
        if each["status"] != "checked":
            failed = "failed: " if each["status"] == "error" else ""
            yield _indented(each["detector"], failed + each["reason"])


def _import(checkup: Checkup) -> Iterator[str]:
    run = checkup.run
    unknown = list(run.unknown_keys)
    if unknown:
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        yield _indented("keys without a canonical name", ", ".join(unknown[:_SHOWN]) + more)
    for reason, count in sorted(run.skipped.items()):
        yield _indented("left out", f"{count} x {reason}")
    for warning in run.warnings:
        yield _indented("note", warning)


def _indented(label: str, content: str) -> str:
    return fill(f"{label}: {content}", WIDTH, initial_indent="    ", subsequent_indent="      ")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
