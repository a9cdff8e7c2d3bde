"""``fadewatch alerts``: what is open, where it is told, and whether that works."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fadewatch.commands.options import ApiKey, Server

if TYPE_CHECKING:
    import httpx

app = typer.Typer(
    help="What the service warns of, and where it tells.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
sinks = typer.Typer(help="Where alerts are told.", no_args_is_help=True)
app.add_typer(sinks, name="sinks")

Name = Annotated[str, typer.Argument(help="Name of a sink.")]


@app.command("list")
def list_alerts(
    run: Annotated[str | None, typer.Option(help="Only of this run.")] = None,
    state: Annotated[
        str | None, typer.Option(help="pending, firing, acknowledged or resolved.")
    ] = None,
    server: Server = None,
    api_key: ApiKey = None,
) -> None:
    """List alerts, the newest first; without --state those that are firing or acknowledged.

    fadewatch alerts list
    fadewatch alerts list --run countdown-7b-3 --state resolved
    """
    from rich.table import Table  # noqa: PLC0415

    from fadewatch.terminal import open_console  # noqa: PLC0415

    wanted = {"limit": 500} | ({} if run is None else {"run": run})
    table = Table("run", "state", "since step", "alert")
    with _client(server, api_key) as ask:
        for one in [state] if state else ["firing", "acknowledged"]:
            for alert in ask("GET", "/alerts", params=wanted | {"state": one})["alerts"]:
                silenced = " (silenced)" if alert["silenced"] else ""
                shown = (f"{alert['state']}{silenced}", str(alert["onset_step"]), alert["headline"])
                table.add_row(alert["run"], *shown)
    open_console().print(table if table.row_count else "No such alerts.")


@app.command("test")
def try_sinks(
    name: Annotated[str | None, typer.Argument(help="Name of a sink.")] = None,
    all_sinks: Annotated[bool, typer.Option("--all", help="Every sink that is enabled.")] = False,
    server: Server = None,
    api_key: ApiKey = None,
) -> None:
    """Send a test message now, and say whether it was taken; exit code 1 when it was not.

    fadewatch alerts test oncall
    fadewatch alerts test --all
    """
    if (name is None) == (not all_sinks):
        raise typer.BadParameter("give the name of a sink, or --all")
    failed = 0
    with _client(server, api_key) as ask:
        known = ask("GET", "/sinks")["sinks"]
        chosen = [_named(known, name)] if name else [one for one in known if one["enabled"]]
        for sink in chosen:
            done = ask("POST", f"/sinks/{sink['id']}/test")
            failed += done["status"] != "sent"
            problem = f": {done['error']}" if done["error"] else ""
            typer.echo(f"{sink['name']}: {done['status']}{problem}")
        if not chosen:
            typer.echo("There are no sinks; make one with: fadewatch alerts sinks add NAME URL")
    raise typer.Exit(1 if failed else 0)


@sinks.command("add")
def add_sink(
    name: Name,
    url: Annotated[str, typer.Argument(help="Of apprise, or http(s):// for a signed webhook.")],
    severity: Annotated[str, typer.Option(help="Mildest alert: info, warning, critical.")] = (
        "warning"
    ),
    project: Annotated[str | None, typer.Option(help="Only of this project.")] = None,
    server: Server = None,
    api_key: ApiKey = None,
) -> None:
    """Add a sink; the secret that signs a webhook is printed once.

    fadewatch alerts sinks add oncall slack://TokenA/TokenB/TokenC/#rl --severity critical
    fadewatch alerts sinks add robot https://hooks.example.com/fadewatch
    """
    kind = "webhook" if url.startswith(("http://", "https://")) else "apprise"
    body = {"name": name, "kind": kind, "url": url, "severity": severity, "project": project}
    with _client(server, api_key) as ask:
        made = ask("POST", "/sinks", json=body)
    typer.echo(f"{made['name']}: {made['url']}")
    if made["secret"]:
        typer.echo(f"Secret of the signature, shown only now: {made['secret']}")


@sinks.command("list")
def list_sinks(server: Server = None, api_key: ApiKey = None) -> None:
    """List the sinks, and how the last message to each went.

    fadewatch alerts sinks list
    """
    from rich.table import Table  # noqa: PLC0415

    from fadewatch.terminal import open_console  # noqa: PLC0415

    table = Table("name", "to", "from severity", "project", "last message")
    with _client(server, api_key) as ask:
        for sink in ask("GET", "/sinks")["sinks"]:
            last = sink["last_delivery"]
            went = "none yet" if last is None else f"{last['status']} {last['error'] or ''}".strip()
            level = sink["severity"] if sink["enabled"] else "off"
            table.add_row(sink["name"], sink["url"], level, sink["project"] or "all", went)
    open_console().print(table if table.row_count else "There are no sinks.")


@sinks.command("remove")
def remove_sink(name: Name, server: Server = None, api_key: ApiKey = None) -> None:
    """Remove a sink, with what was still to be told there.

    fadewatch alerts sinks remove oncall
    """
    with _client(server, api_key) as ask:
        sink = _named(ask("GET", "/sinks")["sinks"], name)
        ask("DELETE", f"/sinks/{sink['id']}")
    typer.echo(f"{name}: removed")


def _named(known: list[dict[str, Any]], name: str) -> dict[str, Any]:
    found = next((one for one in known if one["name"] == name), None)
    if found is None:
        names = ", ".join(one["name"] for one in known) or "none"
        raise typer.BadParameter(f"there is no sink {name!r}; there are: {names}")
    return found


@contextmanager
def _client(server: str | None, api_key: str | None) -> Iterator[Any]:
    """Yield a function that asks the service; what it refuses is said, and ends the command."""
    import httpx  # noqa: PLC0415

    from fade_client.endpoints import connect  # noqa: PLC0415
    from fade_client.options import server_address, server_key  # noqa: PLC0415
    from fade_core.errors import FadeError  # noqa: PLC0415

    try:
        # A test message may take as long as the service that it goes to.
        with connect(server_address(server), server_key(api_key), 90.0) as client:
            yield lambda method, path, **parts: _answer(client.request(method, path, **parts))
    except (FadeError, httpx.HTTPError) as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(2) from error


def _answer(response: "httpx.Response") -> Any:
    if response.is_success:
        return response.json()
    try:
        said = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        said = response.text[:300]
    typer.secho(f"{response.status_code}: {said}", fg="red", err=True)
    raise typer.Exit(2)
