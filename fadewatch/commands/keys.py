"""``fadewatch keys``: who may use the service, straight in its database."""

import re
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from fadewatch.commands.database import Database, opened_store
from fadewatch.terminal import open_console

app = typer.Typer(help="Make, list and revoke the keys of the service.", no_args_is_help=True)

BY = "command line"
UNITS_S = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is called, such as who it is for.")],
    scope: Annotated[
        list[str], typer.Option(help="ingest, read, control or admin; may be given again.")
    ],
    project: Annotated[
        str | None, typer.Option(help="The only project it is for; default all.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="After how long it ends, such as 90d or 12h; default never.")
    ] = None,
    db: Database = None,
) -> None:
    """Make a key. It is printed this once, and kept only as a hash.

    A running service takes it within seconds. The first key closes the service to everyone
    who has none, so make one with the scope admin first.

        fadewatch keys create me --scope admin
        fadewatch keys create "cluster A" --scope ingest --project countdown --expires 90d
    """
    from fade_server.services import keys  # noqa: PLC0415  the light install lacks it

    expires_at = None if expires is None else time.time() + _seconds(expires)
    with opened_store(db) as context:
        request = keys.KeyRequest(name, tuple(scope), project, expires_at)  # type: ignore[arg-type]  # checked there
        document, key = keys.create_key(context, request, by=BY)
    typer.echo(f"Key {document['id']}, {', '.join(document['scopes'])}; not shown again:", err=True)
    typer.echo(key)


@app.command("list")
def list_(db: Database = None) -> None:
    """List every key there ever was, the newest first."""
    from fade_server.services import keys  # noqa: PLC0415

    with opened_store(db) as context:
        documents = keys.list_keys(context)
    table = Table("id", "name", "scopes", "project", "state", "last used", "made by")
    for one in documents:
        table.add_row(
            one["id"],
            one["name"],
            ", ".join(one["scopes"]),
            one["project"] or "all",
            _state(one),
            _day(one["used_at"]),
            one["created_by"],
        )
    open_console().print(table)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As shown by keys list.")],
    db: Database = None,
) -> None:
    """End a key and the logins made with it; a running service follows within seconds."""
    from fade_server.services import keys  # noqa: PLC0415

    with opened_store(db) as context:
        document = keys.revoke_key(context, key_id, by=BY)
    typer.echo(f"Key {key_id} ({document['name']}) has ended.")


def _seconds(text: str) -> float:
    """Return a length of time in seconds.

    >>> _seconds("90d"), _seconds("12h")
    (7776000.0, 43200.0)
    """
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if match is None:
        message = f"must be a number and one of m, h, d, w, such as 90d; got {text!r}"
        raise typer.BadParameter(message, param_hint="--expires")
    return float(match[1]) * UNITS_S[match[2]]


def _state(key: dict[str, Any]) -> str:
    if key["revoked_at"] is not None:
        return f"revoked {_day(key['revoked_at'])}"
    if key["expires_at"] is None:
        return "live"
    ended = key["expires_at"] <= time.time()
    return f"{'expired' if ended else 'until'} {_day(key['expires_at'])}"


def _day(at: float | None) -> str:
    return "never" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
