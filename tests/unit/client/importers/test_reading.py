"""Which format a file is in, what a folder holds, and garbage."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fade_client
from fade_client.errors import LogError
from fade_client.importers.detecting import FORMATS, find
from fade_client.importers.mapping import KeyMapping
from fade_client.importers.reading import read
from fade_client.importers.repr_dicts import dicts_in
from fade_client.importers.source import Format
from fade_client.importers.text_console import metrics_in
from fade_client.reading import json_lines
from tests.unit.client.importers import writers
from tests.unit.client.importers.reads import jsonl, only, text

BITS = st.sampled_from(
    [
        "{'loss': 0.5, ", "'epoch': nan}", "step:3 - ", "actor/entropy:", "np.float64(", ")", "{",
        "}", "'", '"', "Global step 4: ", "Step 5 | loss:1 ", "7/9 | ", "loss=0.1", "\n", "\r",
        '{"step": 1, "loss": 2}\n', '{"step": "3/9", "data": {"a": [', "step,loss\n", "1,2\n", "\0",
        '{"step": 1, "time": 2.0, "pass_at_k": {"x": 1, "4": "b"}, "extra": {"loss": 1}}\n',
        '{"step": [], "time": "", "pass_at_k": 3, "extra": null, "adv_quantiles": [1], "zz": 0}\n',
        "step,time,loss,extra/a\n", "1,,nan\n", "\ufeff", "\x1b[3m",
        ":W&B", "SQLite format 3\0", "PAR1", "1e999", "[" * 300,
    ]
)  # fmt: skip
GARBAGE = st.one_of(
    st.binary(max_size=400), st.lists(BITS, max_size=40).map(lambda b: "".join(b).encode())
)


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.id)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=GARBAGE)
def test_garbage_is_counted_or_refused_but_never_a_fault(
    tmp_path: Path, known: Format, content: bytes
) -> None:
    suffix = ".spool" if known.id == "spool" else ".log"
    path = tmp_path / f"garbage{suffix}"
    path.write_bytes(content)
    try:
        runs = known.read(path, KeyMapping())
    except LogError:
        return
    for run in runs:
        for records in run.attempts:
            steps = [record["step"] for record in records]
            assert steps == sorted(set(steps))


@settings(max_examples=60, deadline=None)
@given(content=st.lists(BITS, max_size=60).map("".join))
def test_any_text_can_be_searched_for_metrics(content: str) -> None:
    list(dicts_in(content))
    metrics_in(content)


def test_a_long_unclosed_text_is_searched_in_linear_time() -> None:
    assert list(dicts_in("{'a': " * 20_000)) == [None] * 20_000


def test_what_has_no_metrics_is_refused_with_the_known_formats(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="TensorBoard event file"):
        read(text(tmp_path / "notes.txt", "nothing here"))
    with pytest.raises(LogError, match="does not exist"):
        read(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LogError, match="no log in a known format"):
        read(tmp_path / "empty")


def test_a_format_may_be_forced_and_a_wrong_one_is_answered_with_a_near_one(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"step": 1, "mine": 0.5}])
    assert read(path, "tinker")[0].format == "tinker"
    with pytest.raises(LogError, match="Did you mean tinker"):
        read(path, "tinkr")


def test_a_log_without_a_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="no record"):
        read(text(tmp_path / "a.jsonl", "\n"), "jsonl")


def test_a_folder_is_searched_and_what_is_no_log_is_named(tmp_path: Path) -> None:
    jsonl(tmp_path / "one.jsonl", [{"step": 1, "loss": 0.5}])
    text(tmp_path / "requirements.txt", "numpy")
    (tmp_path / "tb").mkdir()
    writers.event_file(
        tmp_path / "tb" / "events.out.tfevents.1", [writers.scalar_event(1, "loss", 0.5)]
    )
    offline = tmp_path / "wandb" / "offline-run-1"
    (offline / "files").mkdir(parents=True)
    writers.wandb_file(offline / "run-1.wandb", [writers.wandb_history({"_step": 1, "loss": 0.5})])
    text(offline / "files" / "output.log", "step:1 - loss:0.5\n")
    (tmp_path / "wandb" / "latest-run").symlink_to(offline)
    found = find(tmp_path)
    assert sorted(log.format.id for log in found.logs) == ["jsonl", "tensorboard", "wandb"]
    assert found.unknown == [tmp_path / "requirements.txt"]


def test_a_local_run_s_spool_is_a_log_too(tmp_path: Path) -> None:
    with fade_client.init("p", "mine", mode="local", dir=tmp_path, config={"lr": 1.0}) as run:
        run.log_step(3, entropy=0.5, mine=2.0, pass_at_k={16: 0.5})
    assert run.path
    read_back = only(run.path)
    assert (read_back.format, read_back.name, read_back.config) == ("spool", "mine", {"lr": 1.0})
    record = read_back.steps[0]
    assert (record["step"], record["entropy"], record["mine"]) == (3, 0.5, 2.0)
    assert record["pass_at_k"] == {16: 0.5}


def test_an_exported_spool_is_read_as_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FADEWATCH_DIR", str(tmp_path))
    run = fade_client.init("p", "r", mode="local")
    run.log_step(3, entropy=0.5, pass_at_k={4: 0.25}, reward=2.0, rewards=[[1.0, 0.0]],
                 advantages=[[0.5, -0.5]])  # fmt: skip
    run.finish()
    assert run.path is not None
    path = tmp_path / "exported.jsonl"
    path.write_text("\n".join(json_lines(run.path)))
    (found,) = read(path)
    (step,) = found.steps
    assert found.format == "fadewatch"
    assert (step["step"], step["entropy"], step["pass_at_k"]) == (3, 0.5, {4: 0.25})
    # Its own value is not taken for the mean reward, which the rewards gave.
    assert (step["reward"], step["reward_mean"], step["accuracy"]) == (2.0, 0.5, 0.5)
    assert found.unknown_keys == {}
    assert found.skipped == {"raw weights": 2}
