"""``fadewatch server`` and ``fadewatch dashboard``: the long-running processes."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from fadewatch.commands.database import Database, database_url

if TYPE_CHECKING:
    from fastapi import FastAPI

Host = Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")]


def server(
    port: Annotated[int | None, typer.Option(help="Port; default 8765.")] = None,
    host: Host = None,
    db: Database = None,
    dashboard: Annotated[bool, typer.Option(help="Serve the dashboard as well.")] = True,
) -> None:
    """Run the service, with the dashboard on the same address.

    The default store is one SQLite file under ~/.fadewatch, upgraded by itself. Every setting
    can also be given as FADEWATCH_... in the environment. Without FADEWATCH_API_KEY the
    service listens on loopback only.

        fadewatch server
        fadewatch server --db runs.db --port 9000
        FADEWATCH_API_KEY=... fadewatch server --host 0.0.0.0 --db postgresql+psycopg://...
    """
    from fade_server.logs import configure_logging  # noqa: PLC0415
    from fade_server.settings import Settings  # noqa: PLC0415
    from fadewatch.compose import service  # noqa: PLC0415

    options = {"port": port, "host": host, "database_url": database_url(db)}
    given = {name: value for name, value in options.items() if value is not None}
    settings = Settings.model_validate(Settings().model_dump() | given)
    configure_logging(settings.log_format, settings.log_level)
    times = {"drain_s": settings.drain_s, "grace_s": settings.grace_s}
    build = partial(service, settings, dashboard=dashboard)
    _run(build, settings.host, settings.port, **times)


def dashboard(
    server: Annotated[
        str, typer.Option(help="The service to show.", envvar="FADEWATCH_SERVER")
    ] = "http://127.0.0.1:8765",
    port: Annotated[int, typer.Option(help="Port of the dashboard.")] = 8050,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    api_key: Annotated[
        str | None,
        typer.Option(
            help="Key for the service, and the password of this page.",
            envvar="FADEWATCH_API_KEY",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run the dashboard as its own process, in front of a service that runs elsewhere.

    fadewatch dashboard --server http://monitor:8765
    """
    from fadewatch.compose import separate_dashboard  # noqa: PLC0415

    _run(lambda: separate_dashboard(server, host, api_key), host, port)


def _run(build: "Callable[[], FastAPI]", host: str, port: int, **times: float) -> None:
    from fade_core.errors import FadeError  # noqa: PLC0415
    from fadewatch.serving import make_server  # noqa: PLC0415

    try:
        app = build()
    except FadeError as problem:
        typer.secho(str(problem), fg="red", err=True)
        raise typer.Exit(2) from problem
    typer.echo(f"Fadewatch is at http://{host}:{port}")
    running = make_server(app, host, port, **times)
    try:
        running.run()
    except KeyboardInterrupt:
        return
    if not running.started:
        raise typer.Exit(3)
