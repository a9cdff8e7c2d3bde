"""Runs that need no server, and what they recorded."""

from pathlib import Path
from typing import Any

import fade_client
from fade_core import scheduler


def local_run(directory: Path, **changes: Any) -> fade_client.Run:
    given: dict[str, Any] = {"mode": "local", "dir": directory} | changes
    return fade_client.init("adapters", **given)


def recorded(run: fade_client.Run) -> list[dict[str, Any]]:
    assert run.path is not None
    return fade_client.read_run(run.path)[1]


def replayed(steps: list[dict[str, Any]]) -> list[tuple[float, float]]:
    nan = float("nan")
    seen = [(step["step"], step["accuracy"], step.get("entropy", nan)) for step in steps]
    return [(one.alpha, one.delta) for one in scheduler.replay(seen)[:-1]]
