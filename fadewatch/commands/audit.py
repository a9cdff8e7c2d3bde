"""``fadewatch audit``: what a function of the trainer really does."""

import json
from pathlib import Path
from typing import Annotated

import typer

from fadewatch.commands.audit_kl import audit_kl

app = typer.Typer(help="Work out what a function of the trainer really does.", no_args_is_help=True)


@app.callback()
def audit() -> None:
    """Work out what a function of the trainer really does."""


app.command("kl")(audit_kl)


@app.command()
def advantage(
    method: Annotated[str, typer.Argument(help="A method's id, or MODULE:FUNCTION of yours.")],
    param: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, such as alpha=2. Repeat for more.")
    ] = None,
    group_size: Annotated[int, typer.Option(help="Rollouts of a prompt.")] = 8,
    solve_rate: Annotated[
        str | None, typer.Option(help="Where to give the masses, such as 0.1,0.5.")
    ] = None,
    rewards: Annotated[
        str | None, typer.Option(help="Weigh this one group instead, such as 1,0,0,1.")
    ] = None,
    format: Annotated[str, typer.Option(help="text or json.")] = "text",
    html: Annotated[Path | None, typer.Option(help="Draw the masses into this file.")] = None,
) -> None:
    """Show an advantage function's gradient mass over the solve rate, and which method it is.

    fadewatch audit advantage fade --param alpha=2 --param delta=0.5
    fadewatch audit advantage my_trainer:advantages --html masses.html
    fadewatch audit advantage maxrl --rewards 1,0,0,1
    """
    from fade_core.errors import FadeError  # noqa: PLC0415

    try:
        _run(method, param or [], group_size, solve_rate, rewards, format, html)
    except FadeError as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(2) from None


def _run(
    method: str,
    param: list[str],
    group_size: int,
    solve_rate: str | None,
    rewards: str | None,
    format: str,
    html: Path | None,
) -> None:
    from fade_core.gradient_mass import SOLVE_RATES  # noqa: PLC0415
    from fade_core.whatif import parse_params  # noqa: PLC0415
    from fadewatch import audit_advantage  # noqa: PLC0415
    from fadewatch.terminal import open_console  # noqa: PLC0415

    _check_format(format)
    loaded, params = audit_advantage.load_method(method), parse_params(param)
    if rewards is not None:
        group = _numbers("rewards", rewards)
        document = audit_advantage.group_document(loaded, group, params)
        typer.echo(json.dumps(document) if format == "json" else _lines(document))
        return
    rates = SOLVE_RATES if solve_rate is None else _numbers("solve-rate", solve_rate)
    found = audit_advantage.audit(loaded, params, group_size, rates)
    if format == "json":
        typer.echo(json.dumps(audit_advantage.audit_document(found, method, params)))
    else:
        open_console().print(audit_advantage.audit_text(found, method))
    if html is not None:
        audit_advantage.write_html(html, found, loaded, method, params)
        typer.echo(f"Drawn into {html}.", err=True)


def _numbers(option: str, text: str) -> list[float]:
    from fade_core.errors import SettingError  # noqa: PLC0415

    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise SettingError(f"--{option} must be numbers with commas, got '{text}'") from None


def _check_format(format: str) -> None:
    from fade_core.errors import SettingError  # noqa: PLC0415

    if format not in ("text", "json"):
        raise SettingError(f"--format must be text or json, got '{format}'")


def _lines(document: dict[str, object]) -> str:
    return "\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in document.items())
