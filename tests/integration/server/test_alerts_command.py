"""``fadewatch alerts`` against a real service."""

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from fade_server.main import create_app
from fade_server.settings import Settings
from fadewatch import cli
from tests.integration.server.alarms import NAN, columnar, losses
from tests.integration.server.live import serve_live
from tests.integration.server.receiver import receive

RUNNER = CliRunner()


@pytest.fixture
def server(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    url = f"sqlite:///{tmp_path}/fade.db"
    app = create_app(Settings(database_url=url, allow_private_targets=True))
    with serve_live(app) as address:
        monkeypatch.setenv("FADEWATCH_SERVER", address)
        yield address


def _run(*words: str, code: int = 0) -> str:
    result = RUNNER.invoke(cli.app, ["alerts", *words])
    assert result.exit_code == code, result.output
    return result.output


def test_a_sink_is_added_tried_listed_and_removed(server: str) -> None:
    with receive([500]) as receiver:
        made = _run("sinks", "add", "robot", receiver.url, "--severity", "critical")
        assert "Secret of the signature" in made
        assert "robot: failed: answered 500" in _run("test", "robot", code=1)
        assert "robot: sent" in _run("test", "--all")
        listed = _run("sinks", "list")
        assert "critical" in listed
        assert "sent" in listed
        assert "hook" not in listed
    assert "removed" in _run("sinks", "remove", "robot")
    assert "There are no sinks" in _run("sinks", "list")


def test_open_alerts_are_listed(server: str) -> None:
    import httpx

    base = f"{server}/api/v1"
    assert "No such alerts" in _run("list")
    body = {"run_id": "r", "attempt_key": "a"}
    httpx.post(f"{base}/projects/p/runs", json=body).raise_for_status()
    batch = {"attempt": 1, "steps": [0, 1, 2], **columnar(losses([NAN] * 3))}
    httpx.post(f"{base}/runs/r/steps", json=batch).raise_for_status()
    query = {"alerts_after": 0, "after": 2**53 - 1, "wait": 20}
    httpx.get(f"{base}/runs/r/schedule", params=query, timeout=30).raise_for_status()
    assert "non_finite" in _run("list", "--run", "r")
    assert "No such alerts" in _run("list", "--state", "resolved")


def test_what_is_refused_is_said(server: str) -> None:
    assert "there is no sink 'nobody'" in _run("test", "nobody", code=2)
    assert "give the name of a sink, or --all" in _run("test", code=2)
    assert "apprise" in _run("sinks", "add", "odd", "nonsense://x", code=2)
    assert 'there is no run "nowhere"' in _run("list", "--run", "nowhere", code=2)


def test_a_service_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FADEWATCH_SERVER", "http://127.0.0.1:9")
    assert "refused" in _run("list", code=2).lower()
