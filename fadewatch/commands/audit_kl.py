"""``fadewatch audit kl``: what a KL configuration regularises, and the proof of it."""

from enum import StrEnum
from typing import Annotated

import typer


class Format(StrEnum):
    """How the answer is written."""

    TEXT = "text"
    JSON = "json"


def audit_kl(
    source: Annotated[
        list[str] | None,
        typer.Argument(
            help="A configuration file (YAML, JSON, TOML, a printed config object, a shell "
            "script), or a command line after --."
        ),
    ] = None,
    trainer: Annotated[
        str | None, typer.Option(help="The trainer, where its keys do not tell.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Its version; the installed one where it is there.")
    ] = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Enumerate a small policy and print the numbers.")
    ] = False,
    penalty: Annotated[
        str | None,
        typer.Option(
            help="MODULE:FUNCTION of your own penalty, f(logp, ref_logp, rollout_logp, mask), "
            "to prove."
        ),
    ] = None,
    placement: Annotated[
        str, typer.Option(help="Where your own penalty goes: loss or reward.")
    ] = "loss",
    fail_on: Annotated[
        str | None,
        typer.Option(help="Exit with 1 at this verdict or a worse one, such as biased."),
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="text or json")] = Format.TEXT,
) -> None:
    """Say what a trainer's KL settings really regularise, and what to change.

    fadewatch audit kl config.yaml --version 1.10.0
    fadewatch audit kl --fail-on biased -- python3 -m verl.trainer.main_ppo KEY=VALUE ...
    fadewatch audit kl --prove --penalty my_module:my_penalty
    """
    from fade_core.errors import FadeError  # noqa: PLC0415
    from fadewatch.audit_kl import Question, answer  # noqa: PLC0415

    asked = Question(
        source=tuple(source or ()),
        trainer=trainer,
        version=version,
        prove=prove,
        penalty=penalty,
        placement=placement,
        fail_on=fail_on,
        as_json=output is Format.JSON,
    )
    try:
        text, failed = answer(asked)
    except FadeError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from None
    typer.echo(text)
    if failed:
        raise typer.Exit(1)
