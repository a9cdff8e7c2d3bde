"""Where the commands print."""

import sys

from rich.console import Console

PIPE_WIDTH = 120


def open_console() -> Console:
    """Return the console; a pipe has no width of its own, and our tables need this much."""
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
