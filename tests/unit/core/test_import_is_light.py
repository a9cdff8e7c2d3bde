"""The light packages start without the heavy ones."""

import subprocess
import sys
from pathlib import Path

import pytest

import fade_core

HEAVY = ("torch", "fastapi", "sqlalchemy", "pandas", "dash", "plotly", "pydantic")
CORE = sorted(
    f"fade_core.{path.stem}" for path in Path(fade_core.__file__).parent.glob("[a-z]*.py")
)
LIGHT = ["fade_core", *CORE, "fade_core.detectors", "fade_client", "fadewatch.cli"]


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_module_needs_no_heavy_package(module: str) -> None:
    block = f"import sys; sys.modules.update(dict.fromkeys({HEAVY}))"
    subprocess.run([sys.executable, "-c", f"{block}; import {module}"], check=True)


@pytest.mark.parametrize("module", ["fade_server.main", "fade_dashboard.app"])
def test_the_service_and_the_dashboard_need_no_torch(module: str) -> None:
    probe = f"import sys; sys.modules['torch'] = None; import {module}"
    subprocess.run([sys.executable, "-c", probe], check=True)
