"""``fadewatch whatif``: other advantage functions on a run's recorded rewards."""

import json
from typing import Annotated

import typer

from fadewatch.commands.options import ApiKey, Server


def whatif(
    run: Annotated[
        str, typer.Argument(help="A spool, a JSONL file, or the id of a run on the server.")
    ],
    advantage: Annotated[
        list[str] | None,
        typer.Option(help="Methods with commas between, such as fade,grpo,power:alpha=2."),
    ] = None,
    server: Server = None,
    api_key: ApiKey = None,
    format: Annotated[str, typer.Option(help="text or json.")] = "text",
) -> None:
    """Show the weights and masses that other methods would have given, step by step.

    The rollouts stay those of the run's own policy: this tells what each method would have
    weighed, not where it would have led. `fade` without parameters uses the run's own schedule.

        fadewatch whatif my.spool --advantage fade,grpo,maxrl
        fadewatch whatif 3f2a --advantage power:alpha=2 --format json
    """
    import httpx  # noqa: PLC0415

    from fade_core.errors import FadeError  # noqa: PLC0415

    try:
        _run(run, advantage or ["fade,grpo,maxrl"], server, api_key, format)
    except (FadeError, httpx.HTTPError) as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(2) from None


def _run(
    run: str, advantage: list[str], server: str | None, api_key: str | None, format: str
) -> None:
    import os  # noqa: PLC0415

    from fade_client import read_run  # noqa: PLC0415
    from fade_client.endpoints import connect  # noqa: PLC0415
    from fade_client.options import (  # noqa: PLC0415
        DEFAULT_SERVER,
        KEY_VARIABLE,
        SERVER_VARIABLE,
    )
    from fade_core.errors import SettingError  # noqa: PLC0415
    from fade_core.whatif import parse_methods, what_if  # noqa: PLC0415
    from fadewatch import whatif as body  # noqa: PLC0415
    from fadewatch.terminal import open_console  # noqa: PLC0415

    if format not in ("text", "json"):
        raise SettingError(f"--format must be text or json, got '{format}'")
    methods = parse_methods(advantage)
    address = server or os.environ.get(SERVER_VARIABLE) or DEFAULT_SERVER
    key = api_key or os.environ.get(KEY_VARIABLE)
    steps = body.read_source(run, lambda: connect(address.rstrip("/"), key), read_run)
    results = what_if(steps, methods)
    if format == "json":
        typer.echo(json.dumps(body.document(run, results)))
    else:
        open_console().print(body.table(results))
