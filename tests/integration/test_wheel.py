"""What a user installs: the wheel, away from the repository."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.helpers import ROOT


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and unpack it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    site = folder / "site"
    zipfile.ZipFile(next(folder.glob("*.whl"))).extractall(site)
    return site


def run(unpacked: Path, *arguments: str) -> str:
    """Run Python with the unpacked wheel before everything else, away from the repository."""
    environment = os.environ | {"PYTHONPATH": str(unpacked)}
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=unpacked.parent, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return ended.stdout


def test_every_package_of_the_wheel_is_typed_and_complete(unpacked: Path) -> None:
    for package in ("fade_core", "fade_client", "fade_server", "fade_dashboard", "fadewatch"):
        assert (unpacked / package / "py.typed").is_file()
    assert (unpacked / "fade_dashboard" / "assets" / "fadewatch.js").is_file()
    assert (unpacked / "fade_dashboard" / "vendor" / "plotly-cartesian.min.js").is_file()
    assert (unpacked / "fade_dashboard" / "vendor" / "plotly-LICENSE").is_file()
    assert (unpacked / "fadewatch" / "examples" / "countdown" / "train.py").is_file()
    assert not list(unpacked.rglob("*.pyc"))


def test_every_module_that_the_repository_has_is_in_the_wheel(unpacked: Path) -> None:
    for folder in ("fade_core", "fadewatch", "client/fade_client", "server/fade_server",
                   "dashboard/fade_dashboard"):  # fmt: skip
        source = ROOT / folder
        for module in source.rglob("*.py"):
            assert (unpacked / source.name / module.relative_to(source)).is_file(), module


def test_the_wheel_brings_its_migrations_and_upgrades_a_store(unpacked: Path) -> None:
    script = "from fade_server.schema import migrations_folder; print(migrations_folder())"
    assert run(unpacked, "-c", script).strip().startswith(str(unpacked))
    store = unpacked.parent / "new.db"
    assert "up to date" in run(unpacked, "-m", "fadewatch", "db", "upgrade", "--db", str(store))
    assert store.stat().st_size > 0


def test_the_demo_finds_its_training_in_the_wheel(unpacked: Path) -> None:
    found = run(unpacked, "-c", "from fadewatch.demo import example_folder as f; print(f())")
    assert found.strip() == str(unpacked / "fadewatch" / "examples" / "countdown")
