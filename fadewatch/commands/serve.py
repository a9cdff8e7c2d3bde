"""``fadewatch server`` and ``fadewatch dashboard``: the long-running processes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fadewatch.commands.database import Database, database_url, explained

if TYPE_CHECKING:
    from fastapi import FastAPI

Host = Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")]


def server(
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file of settings; default: FADEWATCH_CONFIG.", show_default=False),
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port; default 8765.")] = None,
    host: Host = None,
    db: Database = None,
    dashboard: Annotated[bool, typer.Option(help="Serve the dashboard as well.")] = True,
    forwarded_allow_ips: Annotated[
        str | None,
        typer.Option(help="Proxies whose X-Forwarded headers are believed; default none."),
    ] = None,
    log_format: Annotated[
        str | None, typer.Option(help="text or json; default text.", show_default=False)
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option(help="debug, info, warning or error.", show_default=False),
    ] = None,
) -> None:
    """Run the service, with the dashboard on the same address.

    The default store is one SQLite file under ~/.fadewatch, upgraded by itself. Without a key
    (fadewatch keys, or FADEWATCH_API_KEY) the service listens on loopback only.

    These are the settings that one changes by hand. There are more, all listed in
    docs/settings.md; each can be given as FADEWATCH_... in the environment or in the file. An
    option wins over the environment, that over the file.

        fadewatch server
        fadewatch server --db runs.db --port 9000
        fadewatch server --config fadewatch.toml --log-format json
        fadewatch server --host 0.0.0.0 --db postgresql+psycopg://...
    """
    from fade_server.logs import configure_logging  # noqa: PLC0415
    from fade_server.settings import read_settings  # noqa: PLC0415
    from fadewatch.compose import service  # noqa: PLC0415

    with explained():
        settings = read_settings(
            config=config,
            port=port,
            host=host,
            database_url=database_url(db),
            forwarded_allow_ips=forwarded_allow_ips,
            log_format=log_format,
            log_level=log_level,
        )
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
    from fade_server.logs import configure_logging  # noqa: PLC0415
    from fade_server.settings import read_settings  # noqa: PLC0415
    from fadewatch.compose import separate_dashboard  # noqa: PLC0415

    with explained():
        settings = read_settings()
    configure_logging(settings.log_format, settings.log_level)
    _run(lambda: separate_dashboard(server, host), host, port, None)


def _run(
    build: "Callable[[], FastAPI]", host: str, port: int, proxies: str | None, **times: float
) -> None:
    from fadewatch.serving import make_server  # noqa: PLC0415

    with explained():
        app = build()
    typer.echo(f"Fadewatch is at http://{host}:{port}")
    running = make_server(app, host, port, proxies, **times)
    try:
        running.run()
    except KeyboardInterrupt:
        return
    if not running.started:
        raise typer.Exit(3)
