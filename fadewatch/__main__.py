"""``python -m fadewatch`` is the command line."""

from fadewatch.cli import main

main()
