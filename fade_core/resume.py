"""The monitor's state as JSON and back, so that a server can store it between steps."""

from collections.abc import Mapping
from typing import Any

from fade_core.monitor import Monitor, State
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


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _rebuilt(template: Any, stored: Any) -> Any:
    """Rebuild a named tuple of numbers, tuples of numbers and named tuples like the template."""
    if hasattr(template, "_fields"):
        return type(template)(*map(_rebuilt, template, stored))
    return tuple(stored) if isinstance(template, tuple) else stored
