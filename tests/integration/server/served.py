"""A server process in its lightest form: forked from one that has imported everything."""

import multiprocessing

import uvicorn

from fade_server.main import create_app
from fade_server.settings import Settings

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


def serve(url: str, port: int) -> None:
    """Run the service until the process is killed."""
    uvicorn.run(create_app(Settings(database_url=url)), port=port, log_level="error")
