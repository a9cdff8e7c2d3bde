"""``fadewatch prune``, ``backup`` and ``restore``: looking after the store."""

from pathlib import Path
from typing import Annotated

import typer

from fadewatch.commands.database import Database, database_url, explained, opened_store

Days = typer.Option(min=0.01, help="Days without news; default: each project's own policy.")


def prune(
    project: Annotated[str | None, typer.Option(help="Only this project.")] = None,
    weights_days: Annotated[float | None, Days] = None,
    runs_days: Annotated[float | None, Days] = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be deleted.")] = False,
    db: Database = None,
) -> None:
    """Delete old raw weights and old runs, in small pieces, while the service goes on.

    Without numbers the projects' own policies hold, as they do once an hour in every server.

        fadewatch prune --dry-run
        fadewatch prune --project countdown --weights-days 30 --runs-days 365
    """
    from fade_server.queries.retention import Policy  # noqa: PLC0415  the light install lacks it
    from fade_server.services import retention  # noqa: PLC0415

    count = 0
    with opened_store(db) as context:
        policies = retention.policies(context)
        if weights_days is not None or runs_days is not None:
            given = Policy(weights_days, runs_days)
            policies = dict.fromkeys(retention.projects_with_runs(context), given)
        for name, policy in policies.items():
            if project in (None, name):
                for one in retention.prune(context, name, policy, by="prune", dry_run=dry_run):
                    what = "the run" if one.what == "run" else "the raw weights of"
                    typer.echo(f"{name}: {what} {one.run}")
                    count += 1
    typer.echo(f"{count} would be deleted." if dry_run else f"{count} deleted.")


def backup(
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
    force: Annotated[bool, typer.Option(help="Replace a file that is there.")] = False,
    db: Database = None,
) -> None:
    """Write the whole store to one file, while the service goes on.

    PostgreSQL needs its own pg_dump on the PATH.
    """
    from fade_server.backup import back_up  # noqa: PLC0415
    from fade_server.settings import read_settings  # noqa: PLC0415

    with explained():
        back_up(read_settings(database_url=database_url(db)).database_url, file, force=force)
    typer.echo(f"The store is in {file}, {file.stat().st_size / 2**20:,.1f} MiB.")


def restore(
    file: Annotated[Path, typer.Argument(help="What backup wrote.")],
    force: Annotated[bool, typer.Option(help="Replace a store that has runs.")] = False,
    db: Database = None,
) -> None:
    """Replace the store by a backup; stop the servers first.

    PostgreSQL needs its own pg_restore on the PATH.
    """
    from fade_server import backup  # noqa: PLC0415
    from fade_server.settings import read_settings  # noqa: PLC0415

    with explained():
        backup.restore(read_settings(database_url=database_url(db)).database_url, file, force=force)
    typer.echo("The store is restored, at the schema of this version.")
