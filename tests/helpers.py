"""What several test folders share."""

import json
import socket
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "data"


@cache
def golden() -> dict[str, Any]:
    """Return the reference values of the method, written with 12 significant digits."""
    loaded: dict[str, Any] = json.loads((DATA / "advantage.json").read_text())
    return loaded


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
