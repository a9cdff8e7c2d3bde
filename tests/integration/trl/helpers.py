"""The example's trainer, loaded from ``examples/``, and what its runs left on the disk."""

import importlib.metadata
import importlib.util
import math
import sys
from functools import cache
from pathlib import Path
from typing import Any

import fade_client
from fade_client.frames import FinishFrame, read_frames
from fade_core import scheduler
from tests.helpers import ROOT

EXAMPLE = ROOT / "examples" / "trl_tiny.py"

GROUP_TIMEOUT_S = 30
"""How long two ranks wait for each other."""


@cache
def example() -> Any:
    specification = importlib.util.spec_from_file_location("trl_tiny", EXAMPLE)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["trl_tiny"] = module
    specification.loader.exec_module(module)
    return module


def has_entropy() -> bool:
    """Say whether this TRL measures it: 0.19 does not."""
    return not importlib.metadata.version("trl").startswith("0.19.")


def trainer(output: Path, rewards: Any = None, **changes: Any) -> Any:
    """Make a trainer; it seeds the random numbers, so train it before the next is made."""
    tiny = example()
    return tiny.make_trainer(output, rewards or tiny.accuracy_reward, **changes)


def spools(directory: Path) -> list[Path]:
    return sorted(directory.rglob("*.spool"))


def steps_of(directory: Path) -> list[dict[str, Any]]:
    (spool,) = spools(directory)
    return fade_client.read_run(spool)[1]


def ending(spool: Path) -> str | None:
    """Return how the run in this spool ended, or None where that is not known."""
    with spool.open("rb") as file:
        last = [frame for frame, _ in read_frames(file)][-1]
    return last.status if isinstance(last, FinishFrame) else None


def expected_pairs(
    steps: list[dict[str, Any]], config: fade_client.SchedulerConfig | None = None
) -> list[tuple[float, float]]:
    observed = [(step["step"], step["accuracy"], step.get("entropy", math.nan)) for step in steps]
    return [(one.alpha, one.delta) for one in scheduler.replay(observed, config)[:-1]]


def used_pairs(steps: list[dict[str, Any]]) -> list[tuple[float, float]]:
    return [(step["alpha"], step["delta"]) for step in steps]
