"""An imported run as spools."""

from pathlib import Path

import pytest

from fade_client.errors import ConfigError
from fade_client.importers.spooling import MAX_EXTRA, SpoolFault, fingerprint, spool_run
from fade_client.reading import read_run
from tests.unit.client.importers.reads import jsonl, only


def test_every_launch_is_a_spool_of_the_same_run_in_order(tmp_path: Path) -> None:
    rows = [{"step": s, "loss": 0.1 * i, "mine": 1.0} for i, s in enumerate([0, 1, 0, 1, 2])]
    run = only(jsonl(tmp_path / "a.jsonl", rows))
    spooled = spool_run(run, "p", directory=str(tmp_path / "spool"), at=12.5)
    paths = sorted(spooled.folder.glob("*.spool"))
    headers, records = zip(*map(read_run, paths), strict=True)
    assert {header.run_id for header in headers} == {spooled.run_id}
    assert [[row["step"] for row in each] for each in records] == [[0, 1], [0, 1, 2]]
    assert records[1][0]["extra"] == {"mine": 1.0}
    assert records[1][0]["time"] == 12.5
    assert headers[0].tags == ("imported", "jsonl")


def test_the_same_log_is_the_same_run_and_another_one_is_not(tmp_path: Path) -> None:
    first = only(jsonl(tmp_path / "a.jsonl", [{"step": 1, "loss": 0.5}]))
    other = only(jsonl(tmp_path / "a.jsonl", [{"step": 1, "loss": 0.25}]))
    assert fingerprint(first, "p") == fingerprint(first, "p")
    assert len({fingerprint(first, "p"), fingerprint(first, "q"), fingerprint(other, "p")}) == 3


def test_spooling_twice_leaves_the_first_spool_alone(tmp_path: Path) -> None:
    run = only(jsonl(tmp_path / "a.jsonl", [{"step": 1, "loss": 0.5}]))
    once = spool_run(run, "p", directory=str(tmp_path))
    content = [path.read_bytes() for path in once.folder.iterdir()]
    spool_run(run, "p", directory=str(tmp_path))
    assert [path.read_bytes() for path in once.folder.iterdir()] == content


def test_names_that_a_server_does_not_take_are_counted(tmp_path: Path) -> None:
    row = {"step": 1, "loss": 0.5, "a,b": 1.0} | {f"k{i:04d}": 1.0 for i in range(MAX_EXTRA + 1)}
    run = only(jsonl(tmp_path / "a.jsonl", [row]))
    spooled = spool_run(run, "p", directory=str(tmp_path / "s"))
    assert spooled.left_out == {"a,b": 1, f"k{MAX_EXTRA:04d}": 1}


def test_a_project_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    run = only(jsonl(tmp_path / "a.jsonl", [{"step": 1, "loss": 0.5}]))
    with pytest.raises(ConfigError, match="project"):
        spool_run(run, "no spaces", directory=str(tmp_path))


def test_a_spool_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    run = only(jsonl(tmp_path / "a.jsonl", [{"step": 1, "loss": 0.5}]))
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolFault, match="no spool"):
        spool_run(run, "p", directory=str(tmp_path / "file"))
