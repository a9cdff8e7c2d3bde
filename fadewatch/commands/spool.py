"""``fadewatch sync`` and ``fadewatch spool``: records that a trainer left on disk."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fadewatch.commands.options import ApiKey, Server

if TYPE_CHECKING:
    from rich.progress import ProgressColumn


class Form(Enum):
    """How ``fadewatch spool`` prints."""

    TABLE = "table"
    JSONL = "jsonl"


Folder = Annotated[
    Path | None,
    typer.Argument(help="Spool folder or file; default: FADEWATCH_DIR or ~/.fadewatch/spool."),
]


def sync(
    folder: Folder = None,
    server: Server = None,
    api_key: ApiKey = None,
) -> None:
    """Send what the service has not confirmed yet, after an outage or a local run.

    Safe to repeat: the service stores every step once. A run that is still training is left
    to its own sender.

        fadewatch sync
        fadewatch sync ./spool --server http://monitor:8765
    """
    from rich.progress import Progress  # noqa: PLC0415

    from fade_client.sync import SyncProgress  # noqa: PLC0415
    from fade_client.sync import sync as deliver  # noqa: PLC0415

    with Progress(*_columns(), transient=True) as progress:
        task = progress.add_task("looking for spools", total=None)

        def show(now: SyncProgress) -> None:
            title = f"{now.info.header.project}/{now.info.header.name}"
            progress.update(task, description=title, completed=now.settled, total=now.total)

        report = deliver(folder, server, api_key, show)
    typer.echo(f"{report.sent} steps sent, {len(report.done)} spools done.")
    if report.rejected:
        typer.secho(f"{report.rejected} steps were refused; *.rejected.jsonl says why.", fg="red")
    if report.live:
        typer.echo(f"{len(report.live)} spools left to the runs that still write them.")
    for path, why in report.failed:
        typer.secho(f"{path}: {why}", fg="red", err=True)
    raise typer.Exit(1 if report.failed or report.rejected else 0)


def spool(
    folder: Folder = None,
    form: Annotated[
        Form, typer.Option("--format", help="A table of runs, or the steps of one file.")
    ] = Form.TABLE,
) -> None:
    """List the runs in a spool folder, with what is still unsent, or print the steps of one file.

    fadewatch spool
    fadewatch spool ./spool/countdown/grpo-0/1763700000000-ab12cd.spool --format jsonl
    """
    if form is Form.JSONL:
        _print_steps(folder)
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from fade_client.sync import list_spools  # noqa: PLC0415

    table = Table("project", "run", "mode", "steps", "unsent", "refused", "torn bytes", "state")
    table.add_column("file", overflow="fold")
    for info in list_spools(folder):
        state = "live" if info.live else "finished" if info.finished else "interrupted"
        header = info.header
        counts = (info.steps, info.pending, info.rejected, info.torn_bytes)
        names = (header.project, header.name, header.mode)
        table.add_row(*names, *map(str, counts), state, str(info.path))
    Console().print(table if table.row_count else "The spool is empty.")


def _print_steps(file: Path | None) -> None:
    from fade_client.errors import SpoolError  # noqa: PLC0415
    from fade_client.reading import json_lines  # noqa: PLC0415

    if file is None or not file.is_file():
        raise typer.BadParameter("--format jsonl needs the path of one spool file")
    try:
        for line in json_lines(file):
            typer.echo(line)
    except SpoolError as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(1) from error


def _columns() -> "tuple[ProgressColumn, ...]":
    from rich import progress  # noqa: PLC0415

    return (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("steps"),
        progress.TimeRemainingColumn(),
    )
