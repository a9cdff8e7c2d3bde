"""The promises of SpoolWriter, in the order its docstring makes them, and of its readers."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fade_client.errors import SpoolError
from fade_client.frames import StepFrame, pack, read_frames
from fade_client.spool import (
    Ack,
    SpoolWriter,
    ack_path,
    is_live,
    read_ack,
    read_header,
    write_ack,
)
from tests.unit.client.fakes import resolved

LOGS_UNTIL_KILLED = """
import sys, fade_client
run = fade_client.init(project="p", mode="local", dir=sys.argv[1])
print(run.path, flush=True)
while True:
    run.log_step(loss=0.5)
    print(run.stats.logged, flush=True)
"""


@contextmanager
def file_size_limit(limit_bytes: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def writer_in(directory: Path) -> SpoolWriter:
    options = resolved(directory)
    return SpoolWriter(options.path, options.header)


def step(number: int) -> StepFrame:
    return StepFrame(number, 0.0, {"loss": number + 0.5})


def steps_in(path: Path) -> list[int]:
    with path.open("rb") as file:
        return [frame.step for frame, _ in read_frames(file) if isinstance(frame, StepFrame)]


def test_a_frame_is_in_the_file_before_write_returns(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    for number in range(3):
        assert writer.write(pack(step(number)))
        assert steps_in(writer.path) == list(range(number + 1))
    writer.close()


def test_a_process_killed_while_logging_loses_no_step_that_was_logged(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-c", LOGS_UNTIL_KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        path = Path(process.stdout.readline().strip())
        for _ in range(200):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        # A line that was cut by the kill is the one without its newline.
        said = [line for line in process.stdout.read().splitlines(keepends=True) if "\n" in line]
    logged = 200 + len(said)
    assert steps_in(path)[:logged] == list(range(logged))


def test_a_write_that_fails_leaves_no_part_of_its_frame(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    writer.write(pack(step(0)))
    with file_size_limit(writer.path.stat().st_size + 10):
        assert not writer.write(pack(step(1)))
    assert writer.error
    assert writer.write(pack(step(2)))
    assert steps_in(writer.path) == [0, 2]
    writer.close()


def test_the_file_is_locked_while_the_writer_is_open(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    assert is_live(writer.path)
    writer.close()
    assert not is_live(writer.path)
    assert not writer.write(b"")


def test_a_restart_keeps_the_header_and_what_comes_after_it(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    writer.write(pack(step(0)))
    end = writer.path.stat().st_size
    calls: list[str] = []
    assert not writer.restart(end - 1, lambda: calls.append("too early"))
    assert writer.restart(end, lambda: calls.append("prepared"))
    writer.write(pack(step(1)))
    writer.close()
    assert calls == ["prepared"]
    assert read_header(writer.path)[0].project == "countdown"
    assert steps_in(writer.path) == [1]


def test_a_spool_is_private_to_its_user(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    writer.close()
    assert writer.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 20])
def test_a_torn_tail_is_ignored(tmp_path: Path, cut: int) -> None:
    writer = writer_in(tmp_path)
    for number in range(3):
        writer.write(pack(step(number)))
    writer.close()
    os.truncate(writer.path, writer.path.stat().st_size - cut)
    assert steps_in(writer.path) == [0, 1]


def test_reading_stops_before_a_damaged_frame(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    writer.write(pack(step(0)))
    damaged = bytearray(pack(step(1)))
    damaged[-1] ^= 0xFF
    writer.write(bytes(damaged))
    writer.write(pack(step(2)))
    writer.close()
    assert steps_in(writer.path) == [0]


def test_an_absurd_length_is_not_believed(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    writer.write(b"\xff\xff\xff\xff" + bytes(20))
    writer.close()
    assert steps_in(writer.path) == []


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.spool"
    other.write_text("not a spool at all")
    with pytest.raises(SpoolError, match="does not begin with a header"):
        read_header(other)


def test_the_confirmed_offset_is_read_back(tmp_path: Path) -> None:
    writer = writer_in(tmp_path)
    writer.close()
    assert read_ack(writer.path) == Ack()
    write_ack(writer.path, Ack(offset=5, confirmed=2, rejected=1))
    assert read_ack(writer.path) == Ack(offset=5, confirmed=2, rejected=1)


@pytest.mark.parametrize("content", [b"", b"{", b'{"offset": "x"}', b'{"offset": 99999999}'])
def test_a_broken_confirmation_confirms_nothing(tmp_path: Path, content: bytes) -> None:
    writer = writer_in(tmp_path)
    writer.close()
    ack_path(writer.path).write_bytes(content)
    assert read_ack(writer.path) == Ack()
