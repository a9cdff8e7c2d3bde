"""Both databases, real: a SQLite file, and PostgreSQL from a wheel on a socket."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from fade_server.main import create_app, upgrade_database
from fade_server.settings import Settings
from tests.integration.server.api import Api, serve

MakeDatabase = Callable[[], str]


class Clock:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.now = 1_763_700_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def make_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> MakeDatabase:
    """Make an empty database of either kind, and return its URL."""
    if request.param == "postgresql":
        make: MakeDatabase = request.getfixturevalue("make_postgres")
        return make
    folder, numbers = Path(tmp_path_factory.mktemp("sqlite")), count(1)
    return lambda: f"sqlite:///{folder}/fade{next(numbers)}.db"


@pytest.fixture(scope="module")
def database_url(make_database: MakeDatabase) -> str:
    """A database at the present schema, shared by a module."""
    url = make_database()
    upgrade_database(url)
    return url


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def api(database_url: str, clock: Clock) -> Iterator[Api]:
    """The application on a module's database; tests keep apart by the names of their runs."""
    settings = Settings(
        database_url=database_url, max_batch_steps=600, max_body_bytes=2**20, recheck_s=0.2
    )
    with serve(create_app(settings, clock=clock)) as started:
        yield started
