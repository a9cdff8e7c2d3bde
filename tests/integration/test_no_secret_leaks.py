"""What is secret is neither logged nor stored: a real process, at its most talkative."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import wait_until
from tests.helpers import ROOT, free_port

pytestmark = pytest.mark.slow

BOOTSTRAP = "bootstrap-Ahsh4Eekoo7i"
PASSWORD = "password-oth7Aeb6aiSh"
SIGNING = "signing-" + "ieZ9shae" * 4
WRONG = "wrong-guess-eiGh6ahqu9ph"


class Talkative:
    """A server that logs everything it can, with every secret that it can be given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = (folder / "server.log").open("wb")
        secret = {
            "FADEWATCH_API_KEY": BOOTSTRAP,
            "FADEWATCH_PASSWORD": PASSWORD,
            "FADEWATCH_SECRET_KEY": SIGNING,
            "FADEWATCH_ALLOW_PRIVATE_TARGETS": "true",
        }
        command = [
            sys.executable, "-m", "fadewatch", "server", "--log-level", "debug",
            "--port", str(port), "--db", str(folder / "fadewatch.db"),
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | secret, stdout=self._log, stderr=self._log
        )
        wait_until(self._ready, "the server to be ready")

    def _ready(self) -> bool:
        assert self._process.poll() is None, "the server ended"
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def ask(self, method: str, path: str, key: str | None = None, **sent: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        headers |= {"origin": self.url} if path == "/login" else {}
        return httpx.request(method, f"{self.url}{path}", headers=headers, timeout=30, **sent)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._log.close()

    def files(self) -> dict[str, bytes]:
        """Return everything that the process wrote."""
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Talkative]:
    started = Talkative(tmp_path)
    yield started
    started.stop()


def test_no_secret_is_written_anywhere(server: Talkative) -> None:
    made = server.ask(
        "POST", "/api/v1/keys", BOOTSTRAP, json={"name": "anna", "scopes": ["read", "ingest"]}
    )
    key = made.json()["key"]
    assert server.ask("GET", "/api/v1/runs", key).status_code == 200
    assert server.ask("GET", "/api/v1/runs", WRONG).status_code == 401
    assert server.ask("GET", "/api/v1/runs", auth=("anna", WRONG)).status_code == 401
    assert server.ask("GET", f"/api/v1/runs?key={key}", WRONG).status_code == 401
    assert server.ask("POST", "/api/v1/keys", key, json={}).status_code == 403
    cookies = []
    for secret, status in ((key, 303), (PASSWORD, 303), (WRONG, 403)):
        entered = server.ask("POST", "/login", data={"secret": secret, "next": "/"})
        assert entered.status_code == status
        cookies += list(entered.cookies.values())
    assert len(cookies) == 4
    # Errors of every sort: a body that is none, and one that is wrong all over.
    server.ask("POST", "/api/v1/projects/p/runs", key, content=b"\xff")
    server.ask("POST", "/api/v1/runs/none/steps", key, json={"steps": key})
    server.stop()

    secrets = [key.split("_", 2)[2], BOOTSTRAP, PASSWORD, SIGNING, WRONG, *cookies]
    written = server.files()
    assert b"/api/v1/keys" in written["server.log"]
    assert len(written["fadewatch.db"]) > 0
    for name, content in written.items():
        found = [secret for secret in secrets if secret.encode() in content]
        assert found == [], name


def test_where_alerts_are_told_is_not_logged_when_it_fails(server: Talkative) -> None:
    token = "T0keNofTheChannel4711"
    sinks = [
        {"kind": "webhook", "url": f"http://127.0.0.1:{free_port()}/{token}?key={token}"},
        {"kind": "apprise", "url": f"json://user:{token}@127.0.0.1:{free_port()}/{token}"},
    ]
    signing = []
    for number, sink in enumerate(sinks):
        body = {"name": f"sink {number}", "severity": "warning"} | sink
        made = server.ask("POST", "/api/v1/sinks", BOOTSTRAP, json=body)
        assert made.status_code == 201, made.text
        signing += [made.json().get("secret") or "-" * 99]
        tried = server.ask("POST", f"/api/v1/sinks/{made.json()['id']}/test", BOOTSTRAP)
        assert tried.status_code == 200, tried.text
        assert token not in tried.text
    for path in ("/api/v1/sinks", "/api/v1/deliveries", "/api/v1/audit"):
        shown = server.ask("GET", path, BOOTSTRAP)
        assert shown.status_code == 200
        assert [secret for secret in (token, *signing) if secret in shown.text] == []
    server.stop()
    log = server.files()["server.log"].decode()
    assert "/sinks/" in log
    assert [secret for secret in (token, *signing) if secret in log] == []


def test_the_secret_that_signs_sessions_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    from fade_server.queries.engine import Store
    from fade_server.services.sessions import signing_secret

    store = Store(f"sqlite:///{tmp_path}/fade.db")
    secret = signing_secret(store, None)
    store.close()
    kept = tmp_path / "fade.db.secret"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text() == secret
    assert len(secret) == 43
