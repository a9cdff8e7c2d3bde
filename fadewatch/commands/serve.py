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
    forwarded_allow_ips: Annotated[
        str | None,
        typer.Option(help="Proxies whose X-Forwarded headers are believed; default none."),
    ] = None,
) -> None:
    """Run the service, with the dashboard on the same address.

    The default store is one SQLite file under ~/.fadewatch, upgraded by itself. Every setting
    can also be given as FADEWATCH_... in the environment. Without a key (fadewatch keys, or
    FADEWATCH_API_KEY) the service listens on loopback only.

        fadewatch server
        fadewatch server --db runs.db --port 9000
        fadewatch server --host 0.0.0.0 --db postgresql+psycopg://...
    """
    from fade_server.logs import configure_logging  # noqa: PLC0415
    from fade_server.settings import Settings  # noqa: PLC0415
    from fadewatch.compose import service  # noqa: PLC0415

    options = {
        "port": port,
        "host": host,
        "database_url": database_url(db),
        "forwarded_allow_ips": forwarded_allow_ips,
    }
    given = {name: value for name, value in options.items() if value is not None}
    settings = Settings.model_validate(Settings().model_dump() | given)
    configure_logging(settings.log_format, settings.log_level)
    times = {"drain_s": settings.drain_s, "grace_s": settings.grace_s}
    build = partial(service, settings, dashboard=dashboard)
    _run(build, settings.host, settings.port, settings.forwarded_allow_ips, **times)


def dashboard(
    server: Annotated[
        str, typer.Option(help="The service to show.", envvar="FADEWATCH_SERVER")
    ] = "http://127.0.0.1:8765",
    port: Annotated[int, typer.Option(help="Port of the dashboard.")] = 8050,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Run the dashboard as its own process, in front of a service that runs elsewhere.

    Visitors log in with keys of that service.

        fadewatch dashboard --server http://monitor:8765
    """
    from fadewatch.compose import separate_dashboard  # noqa: PLC0415

    _run(lambda: separate_dashboard(server, host), host, port, None)


def _run(
    build: "Callable[[], FastAPI]", host: str, port: int, proxies: str | None, **times: float
) -> None:
    from fade_core.errors import FadeError  # noqa: PLC0415
    from fadewatch.serving import make_server  # noqa: PLC0415

    try:
        app = build()
    except FadeError as problem:
        typer.secho(str(problem), fg="red", err=True)
        raise typer.Exit(2) from problem
    typer.echo(f"Fadewatch is at http://{host}:{port}")
    running = make_server(app, host, port, proxies, **times)
    try:
        running.run()
    except KeyboardInterrupt:
        return
    if not running.started:
        raise typer.Exit(3)
