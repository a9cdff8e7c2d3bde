"""Runs ``core_checks.js`` in node, on the dashboard's own pure functions."""

import shutil
import subprocess
from pathlib import Path

import pytest

import fade_dashboard

HERE = Path(__file__).parent
CORE = Path(fade_dashboard.__file__).parent / "assets" / "core.js"
CHECKS = HERE / "core_checks.js"
NAMES = [
    line.split('"')[1] for line in CHECKS.read_text().splitlines() if line.startswith("check(")
]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_in_the_browser(name: str) -> None:
    command = ["node", str(CHECKS), str(CORE), name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
