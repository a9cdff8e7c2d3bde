"""What the golden tests of the KL family share."""

import json
from functools import cache
from typing import Any

import pytest
import torch

from fade_core.torch.kl_exact import World
from fade_core.torch.kl_targets import named_gradients
from tests.helpers import DATA


@cache
def reference() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DATA / "kl.json").read_text())
    return loaded


@cache
def world(distance: float, staleness: float) -> tuple[World, dict[str, torch.Tensor]]:
    made = World(distance, staleness)
    return made, named_gradients(made)


def close(expected: Any) -> Any:
    return pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)
