"""What ``init`` refuses, and what it fills in."""

import logging
from pathlib import Path
from typing import Any

import pytest

import fade_client
from fade_client.errors import ConfigError
from fade_core.scheduler import SchedulerConfig
from tests.unit.client.fakes import resolved


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"project": ""}, "project must be a letter or digit"),
        ({"project": "a/b"}, "project must be"),
        ({"project": "../up"}, "project must be"),
        ({"project": None}, "project must be"),
        ({"run_id": "a.b"}, "run_id must be"),
        ({"name": "x" * 129}, "name must be 1 to 128 printable characters"),
        ({"name": 5}, "name must be"),
        ({"mode": "watch"}, "mode must be one of observe, recommend, control, local"),
        ({"config": {"model": object()}}, "config must be a dict of JSON values"),
        ({"config": [1, 2]}, "config must be"),
        ({"tags": "one"}, "tags must be a list of texts, got the text 'one'"),
        ({"tags": [1]}, "a tag must be"),
        ({"tags": 5}, "tags must be a list"),
        ({"group": ""}, "group must be"),
        ({"scheduler": {"alpha_max": 2}}, "scheduler must be a SchedulerConfig, got dict"),
        ({"weights_every": -1}, "weights_every must be an integer >= 0"),
        ({"weights_every": 0.5}, "weights_every must be"),
        ({"server": "localhost:8765"}, "server must be like http://127.0.0.1:8765"),
        ({"server": 8765}, "server must be"),
        ({"api_key": "two words"}, "api_key must be printable"),
        ({"directory": 5}, "dir must be a path"),
    ],
)
def test_an_argument_that_cannot_be_used_is_refused(
    tmp_path: Path, argument: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        resolved(tmp_path, **argument)


def test_init_refuses_before_it_writes_anything(tmp_path: Path) -> None:
    with pytest.raises(fade_client.ConfigError):
        fade_client.init("p", mode="nonsense", dir=tmp_path)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_init_opens_a_run_with_everything_it_was_given(tmp_path: Path) -> None:
    tuning = SchedulerConfig(alpha_max=2.0)
    run = fade_client.init(
        "p",
        "a name",
        config={"lr": float("nan"), "sizes": (2,)},
        mode="local",
        run_id="the-run",
        tags=["a"],
        group="g",
        scheduler=tuning,
        dir=tmp_path,
        weights_every=0,
    )
    run.finish()
    assert run.path is not None
    header, steps = fade_client.read_run(run.path)
    assert (header.project, header.name, header.run_id) == ("p", "a name", run.id)
    assert (header.config, header.tags, header.group) == ({"lr": "NaN", "sizes": [2]}, ("a",), "g")
    assert (header.scheduler, header.weights_every, steps) == (tuning, 0, [])
    assert run.path.parent == tmp_path / "p" / "the-run"


def test_what_is_not_given_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FADEWATCH_SERVER", "https://watch.example/base/")
    monkeypatch.setenv("FADEWATCH_API_KEY", "secret")
    monkeypatch.setenv("FADEWATCH_DIR", str(tmp_path / "spools"))
    options = resolved(tmp_path, server=None, directory=None)
    assert (options.server, options.api_key) == ("https://watch.example/base", "secret")
    assert options.path.is_relative_to(tmp_path / "spools" / "countdown")


def test_without_an_environment_the_defaults_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FADEWATCH_SERVER", "FADEWATCH_API_KEY", "FADEWATCH_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    options = resolved(tmp_path, server=None, directory=None)
    assert (options.server, options.api_key) == ("http://127.0.0.1:8765", None)
    assert options.path.is_relative_to(tmp_path / ".fadewatch" / "spool")


def test_two_runs_of_the_same_moment_have_different_ids(tmp_path: Path) -> None:
    first, second = resolved(tmp_path).header, resolved(tmp_path).header
    assert first.run_id != second.run_id
    assert first.attempt_key != second.attempt_key
    assert first.name == first.run_id


def test_the_key_is_in_no_log_and_no_spool(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        run = fade_client.init("p", dir=tmp_path, server="http://127.0.0.1:9", api_key="s3cr3t-k")
        run.finish(timeout_s=0.1)
    assert run.path is not None
    assert b"s3cr3t-k" not in run.path.read_bytes()
    assert "s3cr3t-k" not in caplog.text
