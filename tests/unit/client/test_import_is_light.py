"""The client is imported where nothing but its own few dependencies exists."""

import subprocess
import sys

import pytest

import fade_client

HEAVY = [
    "torch",
    "transformers",
    "trl",
    "verl",
    "fastapi",
    "sqlalchemy",
    "pydantic",
    "pandas",
    "dash",
    "plotly",
]
MODULES = [
    "adapters",
    "adapters.openrlhf",
    "adapters.ranks",
    "adapters.skyrl",
    "adapters.slime",
    "adapters.swift",
    "adapters.verl.tracking",
    "api",
    "api.series",
    "courier",
    "endpoints",
    "errors",
    "frames",
    "importers",
    "importers.mlflow_server",
    "importers.reading",
    "importers.server_run",
    "importers.spooling",
    "ledger",
    "lifetime",
    "opening",
    "options",
    "reading",
    "record",
    "run",
    "schedule",
    "sender",
    "spool",
    "state",
    "sync",
    "trl",
    "values",
    "wire",
]


def in_a_process(script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_module_is_imported_without_the_heavy_packages() -> None:
    blocked = f"import sys; sys.modules.update(dict.fromkeys({HEAVY}))\n"
    imports = "".join(f"import fade_client.{module}\n" for module in MODULES)
    in_a_process(blocked + imports)


def test_the_import_loads_neither_numpy_nor_the_network() -> None:
    in_a_process(
        "import fade_client, sys\n"
        "assert not {'numpy', 'httpx', 'tenacity', 'asyncio', 'ssl'} & set(sys.modules)"
    )


def test_reading_a_log_loads_neither_numpy_nor_the_network() -> None:
    in_a_process(
        "import fade_client.importers.reading, sys\n"
        "assert not {'numpy', 'httpx', 'tenacity', 'pyarrow', 'ssl'} & set(sys.modules)"
    )


def test_every_exported_name_is_there() -> None:
    assert [name for name in fade_client.__all__ if not hasattr(fade_client, name)] == []


def test_an_unknown_name_is_missing_as_in_any_module() -> None:
    with pytest.raises(AttributeError, match="no attribute 'log'"):
        _ = fade_client.log
