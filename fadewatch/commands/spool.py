"""``fadewatch sync`` and ``fadewatch spool``: records that a trainer left on disk."""

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[
    Path | None,
    typer.Argument(help="Spool folder or file; default: FADEWATCH_DIR or ~/.fadewatch/spool."),
]


def sync(
    folder: Folder = None,
    server: Annotated[
        str | None, typer.Option(help="Service; default: FADEWATCH_SERVER or this machine's.")
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(help="Key of the service; default: FADEWATCH_API_KEY.")
    ] = None,
) -> None:
    """Send what the service has not confirmed yet, after an outage or a local run.

    Safe to repeat: the service stores every step once. A run that is still training is left
    to its own sender.

        fadewatch sync
        fadewatch sync ./spool --server http://monitor:8765
    """
    from rich.progress import Progress, SpinnerColumn, TextColumn  # noqa: PLC0415

    from fade_client.sync import SpoolInfo  # noqa: PLC0415
    from fade_client.sync import sync as deliver  # noqa: PLC0415

    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("looking for spools")

        def show(info: SpoolInfo) -> None:
            title = f"{info.header.project}/{info.header.name}: {info.pending} steps"
            progress.update(task, description=title)

        report = deliver(folder, server, api_key, show)
    typer.echo(f"{report.sent} steps sent, {len(report.done)} spools done.")
    if report.rejected:
        typer.secho(f"{report.rejected} steps were refused; *.rejected.jsonl says why.", fg="red")
    if report.live:
        typer.echo(f"{len(report.live)} spools left to the runs that still write them.")
    for path, why in report.failed:
        typer.secho(f"{path}: {why}", fg="red", err=True)
    raise typer.Exit(1 if report.failed or report.rejected else 0)


def spool(folder: Folder = None) -> None:
    """List the runs in a spool folder, with what is still unsent.

    fadewatch spool
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from fade_client.sync import list_spools  # noqa: PLC0415

    table = Table("project", "run", "mode", "steps", "unsent", "state")
    table.add_column("file", overflow="fold")
    for info in list_spools(folder):
        state = "live" if info.live else "finished" if info.finished else "interrupted"
        header = info.header
        steps, unsent = str(info.steps), str(info.pending)
        table.add_row(
            header.project, header.name, header.mode, steps, unsent, state, str(info.path)
        )
    Console().print(table if table.row_count else "The spool is empty.")
