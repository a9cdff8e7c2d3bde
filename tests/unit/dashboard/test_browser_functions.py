"""Runs the checks in node, on the dashboard's own pure functions."""

import shutil
import subprocess
from pathlib import Path

import pytest

import fade_dashboard

HERE = Path(__file__).parent
ASSETS = Path(fade_dashboard.__file__).parent / "assets"
NAMES = [
    (path.name, line.split('"')[1])
    for path in sorted(HERE.glob("*_checks.js"))
    for line in path.read_text().splitlines()
    if line.startswith("check(")
]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize(("file", "name"), NAMES, ids=[name for _, name in NAMES])
def test_in_the_browser(file: str, name: str) -> None:
    command = ["node", str(HERE / file), str(ASSETS), name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
