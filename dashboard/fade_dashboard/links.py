"""Every address that the dashboard writes: made from quoted ids, never from text of a run."""

import re
from urllib.parse import quote

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_RUN_PATH = re.compile(r"/runs/([^/]+)/?")


def run_href(run_id: str, base: str = "/") -> str:
    """Return the address of a run's page.

    Args:
        run_id: The run's id, whatever it contains.
        base: Where the dashboard is, with a slash at both ends.

    >>> run_href("javascript:alert(1)//")
    '/runs/javascript%3Aalert%281%29%2F%2F'
    """
    return f"{base}runs/{quote(run_id, safe='')}"


def api_run_path(run_id: str) -> str:
    """Return the run's path in the HTTP API.

    >>> api_run_path("../x")
    '/api/v1/runs/..%2Fx'
    """
    return f"/api/v1/runs/{quote(run_id, safe='')}"


def run_id_in(pathname: str, base: str = "/") -> str | None:
    """Return the id of the run whose page a path is, or None for any other path.

    Args:
        pathname: Path of the browser's address.
        base: Where the dashboard is, with a slash at both ends.

    >>> run_id_in("/runs/fade-1"), run_id_in("/"), run_id_in("/runs/a%2Fb")
    ('fade-1', None, None)
    """
    match = _RUN_PATH.fullmatch("/" + pathname.removeprefix(base))
    return match[1] if match and is_run_id(match[1]) else None


def is_run_id(text: str) -> bool:
    """Say whether a text can be a run's id at all.

    >>> is_run_id("fade-a62_s3"), is_run_id("../x"), is_run_id("")
    (True, False, False)
    """
    return _RUN_ID.fullmatch(text) is not None
