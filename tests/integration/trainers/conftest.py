"""These tests call the real packages' functions, and are skipped where they are not installed."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            # Third parties deprecate each other; what we raise ourselves stays an error.
            item.add_marker(pytest.mark.filterwarnings("default"))
