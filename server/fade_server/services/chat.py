"""Slack, Discord, mail, PagerDuty and a hundred more, through the apprise library."""

import json
import re
import subprocess
import sys
from typing import Any

TIMEOUT_S = 60.0
COMMAND = (sys.executable, "-m", "fade_server.services.chat_child")
SECRETS = re.compile(r"[^/:@?&=,;#]{5,}")
"""Parts of a URL that may be a credential."""


def check(url: str) -> str | None:
    """Return why a URL is not one of a service that can be told; None when it is."""
    return _ask({"url": url, "allow_private": False})


def send(url: str, title: str, body: str, *, allow_private: bool) -> str | None:
    """Send a text, and return why it was not taken; None when it was.

    Args:
        url: Of the service, as apprise writes it.
        title: One line.
        body: Plain text.
        allow_private: Whether this machine and its networks may be sent to.
    """
    request = {"url": url, "title": title, "body": body, "allow_private": allow_private}
    return _ask(request)


def redact(text: str, url: str) -> str:
    """Return a text without the parts of a URL that may be credentials.

    >>> redact("no answer from https://a.example/x?key=s3cret-token", "a://user:s3cret-token@h")
    'no answer from https://a.example/x?key=***'
    """
    for part in sorted(set(SECRETS.findall(url.partition("://")[2])), key=len, reverse=True):
        text = text.replace(part, "***")
    return text


def _ask(request: dict[str, Any]) -> str | None:
    """Ask a child process: a library that hangs or leaks does so there."""
    try:
        done = subprocess.run(
            COMMAND, input=json.dumps(request), capture_output=True, text=True, timeout=TIMEOUT_S,
            check=True,
        )  # fmt: skip
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return f"no answer in {TIMEOUT_S:.0f} s"
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().rpartition("\n")[2]
        return redact(f"apprise failed: {last}", request["url"])
    except ValueError:
        return "apprise gave no answer"
    return None if answer["ok"] else redact(str(answer["error"]), request["url"])
