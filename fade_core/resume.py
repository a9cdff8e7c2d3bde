"""The monitor's state and its findings as JSON and back, so that a server can store them."""

import math
from collections.abc import Mapping
from typing import Any

from fade_core.diagnosis import Ledger
from fade_core.findings import Finding, Proposal, Text
from fade_core.monitor import Monitor, State
from fade_core.report import Incident
from fade_core.signals import Track

VERSION = 1
"""Of the layout; a state of another version is not read but started afresh."""


def to_json(monitor: Monitor, state: State) -> dict[str, Any]:
    """Return a state as objects, arrays, strings and finite numbers.

    Args:
        monitor: That made the state.
        state: To be stored.

    Returns:
        What ``json.dumps(..., allow_nan=False)`` takes.
    """
    states = zip(monitor.detectors, state.states, strict=True)
    return {
        "version": VERSION,
        "records": state.records,
        "first_step": state.first_step,
        "last_step": state.last_step,
        "tracks": {name: list(track) for name, track in state.tracks.items()},
        "detectors": {each.id: _plain(value) for each, value in states},
        "seen": sorted(state.seen),
        "errors": dict(state.errors),
    }


def from_json(monitor: Monitor, stored: Mapping[str, Any]) -> State:
    """Return the state that was stored; a detector that is new since then starts afresh.

    Args:
        monitor: That goes on with it.
        stored: From ``to_json``, through JSON.

    Returns:
        The start state where the stored one is of another version.
    """
    if stored.get("version") != VERSION:
        return monitor.start()
    known = stored["detectors"]
    return State(
        stored["records"],
        stored["first_step"],
        stored["last_step"],
        {name: _rebuilt(Track(), track) for name, track in stored["tracks"].items()},
        tuple(
            _rebuilt(each.start, known[each.id]) if each.id in known else each.start
            for each in monitor.detectors
        ),
        frozenset(stored["seen"]),
        dict(stored["errors"]),
    )


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON values; a number that is not finite as a string."""
    return {
        **finding._asdict(),
        "evidence": {name: _finite(value) for name, value in finding.evidence.items()},
        "text": {**finding.text._asdict(), "advice": list(finding.text.advice)},
        "proposal": None if finding.proposal is None else finding.proposal._asdict(),
    }


def finding_from_json(stored: Mapping[str, Any]) -> Finding:
    """Return the finding that was stored."""
    text, proposal = stored["text"], stored["proposal"]
    return Finding(
        **{
            **stored,
            "evidence": {name: _number(value) for name, value in stored["evidence"].items()},
            "text": Text(**{**text, "advice": tuple(text["advice"])}),
            "proposal": None if proposal is None else Proposal(**proposal),
        }
    )


def ledger_to_json(ledger: Ledger, keep: int) -> dict[str, Any]:
    """Return the incidents of a run as JSON values.

    Args:
        ledger: Of the run.
        keep: Resolved incidents that are kept, the newest.
    """
    closed = ledger.closed[-keep:] if keep else ()
    return {
        "open": [_incident_to_json(each) for each in ledger.open.values()],
        "closed": [_incident_to_json(each) for each in closed],
    }


def ledger_from_json(stored: Mapping[str, Any]) -> Ledger:
    """Return the incidents that were stored."""
    incidents = [_incident_from_json(each) for each in stored["open"]]
    return Ledger(
        {each.worst.detector: each for each in incidents},
        tuple(_incident_from_json(each) for each in stored["closed"]),
    )


def _incident_to_json(incident: Incident) -> dict[str, Any]:
    return {**incident._asdict(), "worst": finding_to_json(incident.worst)}


def _incident_from_json(stored: Mapping[str, Any]) -> Incident:
    return Incident(**{**stored, "worst": finding_from_json(stored["worst"])})


def _finite(value: Any) -> Any:
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)


def _number(value: Any) -> Any:
    return float(value) if value in ("nan", "inf", "-inf") else value


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _rebuilt(template: Any, stored: Any) -> Any:
    """Rebuild a named tuple of numbers, tuples of numbers and named tuples like the template."""
    if hasattr(template, "_fields"):
        return type(template)(*map(_rebuilt, template, stored))
    return tuple(stored) if isinstance(template, tuple) else stored
