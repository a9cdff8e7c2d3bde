"""What a page loads before Dash: the dashboard's own script, and the library that draws.

Both are one file each, with its version in the address, so that a page needs two requests for them
the first time and none after. Dash would ask for each of its assets by itself.
"""

import hashlib
import html
from pathlib import Path

from fastapi import FastAPI, Response

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
LIBRARY = HERE / "vendor" / "plotly-cartesian.min.js"
"""Plotly's bundle of the charts that have axes: a third of the whole library, which draws ours.
``tools/update-plotly`` renews it."""

LIBRARY_VERSION = "4.1.1"
FOLDER = "_fadewatch/"
"""Below the dashboard's base: what is served beside the pages."""

_TYPE = "text/javascript; charset=utf-8"

_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}<script async src="PLOTLY"></script></head>
<body FACTS>
{%app_entry%}
{%config%}
<template id="frame-scripts">{%scripts%}{%renderer%}</template>
<script src="SCRIPT"></script>
</body>
</html>"""


def index(base: str, facts: dict[str, str]) -> str:
    """Return the form of every page.

    Dash's own scripts wait in a template until ours lets them go: the numbers of a run are shown
    before the frame around them is put together.

    Args:
        base: Where the dashboard is, with a slash at both ends.
        facts: Attributes of the body.
    """
    attributes = " ".join(f'{name}="{html.escape(text)}"' for name, text in facts.items())
    version = hashlib.sha256(_script()).hexdigest()[:16]
    return (
        _INDEX.replace("PLOTLY", f"{base}{FOLDER}plotly.js?m={LIBRARY_VERSION}")
        .replace("SCRIPT", f"{base}{FOLDER}page.js?m={version}")
        .replace("FACTS", attributes)
    )


def serve_scripts(server: FastAPI, base: str) -> None:
    """Add the routes of the two files.

    Args:
        server: The application.
        base: Where the dashboard is, with a slash at both ends.
    """
    script, library = _script(), LIBRARY.read_bytes()

    async def read_script() -> Response:
        return Response(script, media_type=_TYPE)

    async def read_library() -> Response:
        return Response(library, media_type=_TYPE)

    for name, read in (("page.js", read_script), ("plotly.js", read_library)):
        server.add_api_route(f"{base}{FOLDER}{name}", read, include_in_schema=False)


def _script() -> bytes:
    # in the order of their names, each a function of its own
    return b"\n".join(path.read_bytes() for path in sorted(ASSETS.glob("*.js")))
