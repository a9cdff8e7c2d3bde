"""The command line: what the product can do, one module a command.

Commands import what they need when they run, so that ``fadewatch --help`` and the light
commands start at once and work with the plain install.
"""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from fadewatch.commands import (
    alerts,
    audit,
    database,
    demo,
    diagnose,
    import_,
    keys,
    serve,
    spool,
    upkeep,
    whatif,
)

app = typer.Typer(
    name="fadewatch",
    help="Watch, warn and steer reinforcement-learning post-training of language models.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command("demo", rich_help_panel="Start here")(demo.demo)
app.command("diagnose", rich_help_panel="Start here")(diagnose.diagnose)
app.command("server", rich_help_panel="Service")(serve.server)
app.command("dashboard", rich_help_panel="Service")(serve.dashboard)
app.command("prune", rich_help_panel="Service")(upkeep.prune)
app.command("backup", rich_help_panel="Service")(upkeep.backup)
app.command("restore", rich_help_panel="Service")(upkeep.restore)
app.add_typer(alerts.app, name="alerts", rich_help_panel="Service")
app.add_typer(database.app, name="db", rich_help_panel="Service")
app.add_typer(keys.app, name="keys", rich_help_panel="Service")
app.add_typer(audit.app, name="audit", rich_help_panel="What does my method do?")
app.command("whatif", rich_help_panel="What does my method do?")(whatif.whatif)
app.command("import", rich_help_panel="Records of a trainer")(import_.import_)
app.command("sync", rich_help_panel="Records of a trainer")(spool.sync)
app.command("spool", rich_help_panel="Records of a trainer")(spool.spool)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fadewatch {version('fadewatch')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    """Watch, warn and steer reinforcement-learning post-training of language models.

    New here? `fadewatch demo` trains a small policy twice and shows both runs live.
    """


def main() -> None:
    """Run the command line; a missing optional package is explained, not traced."""
    try:
        app()
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package.startswith("fade"):
            raise
        typer.secho(
            f"This command needs the package '{package}', which the plain install leaves out. "
            "Install it with: pip install 'fadewatch[demo]'",
            fg="red",
            err=True,
        )
        sys.exit(2)
