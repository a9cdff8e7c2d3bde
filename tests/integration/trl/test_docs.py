"""The TRL page's snippets and the example script, run as a user would."""

from pathlib import Path

import pytest

import fade_client
from tests.integration.trl.helpers import example, spools, trainer
from tests.unit.client.test_trainer_docs import snippets


@pytest.mark.parametrize("snippet", snippets("trl.md", "python"))
def test_the_snippets_of_the_page_run(
    snippet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FADEWATCH_DIR", str(tmp_path))
    monkeypatch.setenv("FADEWATCH_SERVER", "http://127.0.0.1:9")
    tiny = trainer(tmp_path, max_steps=2)
    exec(compile(snippet, "trl.md", "exec"), {"trainer": tiny})
    if "train()" not in snippet:
        tiny.train()
    (spool,) = spools(tmp_path)
    assert len(fade_client.read_run(spool)[1]) == 2


def test_the_example_trains_and_says_what_it_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example().main(["--steps", "3", "--output", str(tmp_path)])
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step ")]
    assert [line.split()[1] for line in said] == ["0", "1", "2"]
