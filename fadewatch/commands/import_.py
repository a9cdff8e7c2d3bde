"""``fadewatch import``: a log of another tool as a run on the service."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fadewatch.commands.options import ApiKey, Server

if TYPE_CHECKING:
    from rich.table import Table

    from fade_client.importers.result import ImportedRun


def import_(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Logs, folders of logs, or MLflow addresses."),
    ],
    project: Annotated[str, typer.Option(help="Project of the runs.")] = "imported",
    name: Annotated[
        str | None, typer.Option(help="Name of the run; default: the log's own.")
    ] = None,
    log_format: Annotated[
        str | None, typer.Option("--format", help="Format; default: told by the content.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="JSON or TOML file that says what the log's keys are.")
    ] = None,
    server: Server = None,
    api_key: ApiKey = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be imported.")
    ] = False,
) -> None:
    """Send runs that other tools logged to the service.

    Knows TRL and other Hugging Face trainers, verl, OpenRLHF, tinker, prime-rl, ms-swift,
    TensorBoard, Weights & Biases, trackio, MLflow, and any JSONL or CSV with a mapping file.
    Importing the same log again changes nothing. Exit codes: 0 all of it is on the service,
    1 something waits in the spool or was refused, 2 something could not be read.

        fadewatch import outputs/checkpoint-250/trainer_state.json --project math
        fadewatch import wandb/offline-run-20261121_101500-abcd1234
        fadewatch import odd.jsonl --mapping keys.toml --dry-run
    """
    from rich.console import Console  # noqa: PLC0415

    from fadewatch.importing import read_targets  # noqa: PLC0415

    found = read_targets(paths, log_format, mapping)
    console = Console()
    for place, run in found.runs:
        console.print(_summary(place, run))
    for path in found.unknown:
        typer.echo(f"{path}: no metrics in it, left out", err=True)
    for place, why in found.failed:
        typer.secho(f"{place}: {why}", fg="red", err=True)
    code = 2 if found.failed or not found.runs else 0
    if not dry_run:
        for place, run in found.runs:
            code = max(code, _send(place, run, project, name, server, api_key))
    raise typer.Exit(code)


def _summary(place: str, run: "ImportedRun") -> "Table":
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    launches = f", {len(run.attempts)} launches" if len(run.attempts) > 1 else ""
    title = f"{run.name}: {run.format}, {len(run.steps)} steps{launches} ({place})"
    table = Table("", "", title=escape(title), title_justify="left", show_header=False)
    for name, key in sorted(run.recognised.items()):
        table.add_row(escape(name), escape(f"from {key}" if key != name else ""))
    unknown = ", ".join(run.unknown_keys)
    if unknown:
        table.add_row("kept under their own names", escape(unknown))
    for reason, count in sorted(run.skipped.items()):
        table.add_row("left out", escape(f"{count} x {reason}"))
    for warning in run.warnings:
        table.add_row("note", escape(warning))
    return table


def _send(
    place: str,
    run: "ImportedRun",
    project: str,
    name: str | None,
    server: str | None,
    api_key: str | None,
) -> int:
    from rich.progress import Progress  # noqa: PLC0415

    from fade_client.importers.spooling import spool_run  # noqa: PLC0415
    from fade_core.errors import FadeError  # noqa: PLC0415
    from fadewatch.importing import deliver  # noqa: PLC0415

    path = Path(place)
    at = path.stat().st_mtime if path.exists() else 0.0
    try:
        spooled = spool_run(run, project, name=name, at=at)
        with Progress(transient=True) as progress:
            task = progress.add_task(run.name, total=spooled.steps)
            report = deliver(spooled, server, api_key, lambda n: progress.advance(task, n))
    except FadeError as error:
        typer.secho(f"{place}: {error}", fg="red", err=True)
        return 2
    left_out = "".join(f"; {count} x {key} left out" for key, count in spooled.left_out.items())
    typer.echo(f"{project}/{name or run.name}: {report.sent} steps as {spooled.run_id}{left_out}")
    for spool, why in report.failed:
        message = f"{why}; it waits in the spool, `fadewatch sync {spool.parent}` sends it"
        typer.secho(message, fg="red", err=True)
    if report.rejected:
        typer.secho(f"{report.rejected} steps were refused", fg="red", err=True)
    return 1 if report.failed or report.rejected else 0
