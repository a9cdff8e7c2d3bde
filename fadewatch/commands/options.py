"""Options that several commands share."""

from typing import Annotated

import typer

Server = Annotated[
    str | None, typer.Option(help="Service; default: FADEWATCH_SERVER or this machine's.")
]
ApiKey = Annotated[str | None, typer.Option(help="Key of the service; default: FADEWATCH_API_KEY.")]
