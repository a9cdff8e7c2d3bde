"""``fadewatch diagnose``: what was wrong with a run, from its log alone."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fadewatch.commands.options import ApiKey

if TYPE_CHECKING:
    from fade_client.importers.result import ImportedRun
    from fadewatch.reports.checkup import Checkup


class Form(StrEnum):
    """How the diagnosis is written."""

    text = "text"
    json = "json"
    html = "html"
    sarif = "sarif"


class Level(StrEnum):
    """Severity of a finding."""

    info = "info"
    warning = "warning"
    critical = "critical"


def diagnose(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|DIR|RUN",
            help="Log, folder of logs, spool, MLflow address, or id of a run on the service.",
        ),
    ],
    form: Annotated[Form, typer.Option("--format", help="How to write it.")] = Form.text,
    fail_on: Annotated[
        Level, typer.Option(help="Severity from which the exit code is 1.")
    ] = Level.warning,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; default: the terminal.")
    ] = None,
    log_format: Annotated[
        str | None, typer.Option(help="Format of the log; default: told by its content.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="JSON or TOML file that says what the log's keys are.")
    ] = None,
    server: Annotated[
        str | None, typer.Option(help="Service of a RUN; default: FADEWATCH_SERVER.")
    ] = None,
    api_key: ApiKey = None,
) -> None:
    """Diagnose runs from their logs; needs no service.

    Exit codes: 0 healthy; 1 findings at or above --fail-on; 2 could not check: nothing could be
    read, no detector had a signal, or a detector failed. Of several runs, the highest.

        fadewatch diagnose outputs/checkpoint-250/trainer_state.json
        fadewatch diagnose wandb/ --format html -o report.html
        fadewatch diagnose run.log --format sarif --fail-on critical
    """
    from fadewatch.reports.checkup import check  # noqa: PLC0415

    runs, failed = _read(targets, log_format, mapping, server, api_key)
    checkups = [(place, check(run, fail_on.value)) for place, run in runs]
    if checkups:
        _write(_written(form, checkups), output)
    codes = [checkup.exit_code for _, checkup in checkups]
    raise typer.Exit(max([*codes, 2 if failed or not codes else 0]))


def _read(
    targets: list[str],
    log_format: str | None,
    mapping: Path | None,
    server: str | None,
    api_key: str | None,
) -> "tuple[list[tuple[str, ImportedRun]], bool]":
    from fade_client.errors import ClientError  # noqa: PLC0415
    from fade_client.importers import server_run  # noqa: PLC0415
    from fadewatch.importing import read_targets  # noqa: PLC0415

    here = [target for target in targets if "://" in target or Path(target).exists()]
    found = read_targets(here, log_format, mapping)
    for place, why in found.failed:
        typer.secho(f"{place}: {why}", fg="red", err=True)
    for path in found.unknown:
        typer.echo(f"{path}: no metrics in it, left out", err=True)
    runs, failed = list(found.runs), bool(found.failed)
    for target in targets:
        if target in here:
            continue
        try:
            runs.append((target, server_run.read(target, server, api_key)))
        except ClientError as error:
            message = f"{target}: no such file, and no run of that id: {error}"
            typer.secho(message, fg="red", err=True)
            failed = True
    return runs, failed


def _written(form: Form, checkups: "list[tuple[str, Checkup]]") -> str:
    from json import dumps  # noqa: PLC0415

    from fadewatch.reports.html import html_report  # noqa: PLC0415
    from fadewatch.reports.sarif import sarif_report  # noqa: PLC0415
    from fadewatch.reports.text import text_report  # noqa: PLC0415

    reports = [checkup.report for _, checkup in checkups]
    if form is Form.json:
        return dumps(reports[0] if len(reports) == 1 else reports, indent=2, allow_nan=False)
    if form is Form.sarif:
        return dumps(sarif_report(checkups), indent=2, allow_nan=False)
    if form is Form.html:
        return html_report([checkup for _, checkup in checkups])
    return "\n\n".join(text_report(checkup) for _, checkup in checkups)


def _write(content: str, output: Path | None) -> None:
    if output is None:
        typer.echo(content)
        return
    output.write_text(content + "\n", encoding="utf-8")
    typer.echo(f"written to {output}", err=True)
