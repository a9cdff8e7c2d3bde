"""These tests train a tiny model with the real TRL, and are skipped where it is not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.trl)
            # Third parties deprecate each other; what we raise ourselves stays an error.
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    pytest.importorskip("trl", reason="TRL is not installed: pip install 'fadewatch[trl]'")
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
