"""The snippets of ``docs/api.md``, run in their order against a real service."""

import re
from pathlib import Path

import pytest

from fade_client.api import Client
from fade_server.main import create_app
from fade_server.settings import Settings
from fadewatch.uploads import read_upload
from tests.helpers import ROOT
from tests.integration.server.live import serve_live

SNIPPETS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/api.md").read_text("utf-8"), re.DOTALL)


def test_the_snippets_run_and_print_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/fade.db")
    with serve_live(create_app(settings, importer=read_upload)) as address:
        monkeypatch.setenv("FADEWATCH_SERVER", address)
        monkeypatch.chdir(tmp_path)
        with Client() as api:
            api.open_run("countdown", "run-1", "a1", name="first")
            weights = {
                "step": 0, "prompts": 1, "group_size": 2, "rewards": "AACAPwAAAAA=",
                "advantages": "AAAAPwAAAL8=",
            }  # fmt: skip
            columns = {"accuracy": [0.1, 0.2, 0.5, 0.4], "entropy": [1.0, 0.9, 0.8, 0.7]}
            api.add_steps("run-1", 1, range(4), columns=columns, weights=[weights])
        names: dict[str, object] = {}
        for snippet in SNIPPETS:
            exec(compile(snippet, "docs/api.md", "exec"), names)
    printed = capsys.readouterr().out
    assert len(SNIPPETS) == 7
    for expected in (
        "first running ",
        "3 0.5",
        "delta 0.8 pinned",
        "equals grpo",
        "4 steps; {} {}",
        "alpha must be",
    ):
        assert expected in printed, (expected, printed)
