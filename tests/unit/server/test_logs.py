"""The form of log lines, and who may write them."""

import json
import logging

import pytest

from fade_server.logs import OURS, configure_logging, make_formatter


@pytest.fixture
def _own_logging() -> object:
    """Put the root logger and ours back."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    root.handlers = []
    yield
    root.handlers[:], root.level = before
    for name in OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.mark.usefixtures("_own_logging")
@pytest.mark.parametrize(
    ("form", "level", "ours"),
    [
        ("text", None, logging.WARNING),
        ("json", None, logging.INFO),
        ("text", "debug", logging.DEBUG),
        ("json", "error", logging.ERROR),
    ],
)
def test_libraries_are_never_below_a_warning(form: str, level: str | None, ours: int) -> None:
    configure_logging(form, level)  # type: ignore[arg-type]
    assert logging.getLogger("uvicorn.error").getEffectiveLevel() == ours
    assert logging.getLogger("fade_server.routes").getEffectiveLevel() == ours
    assert logging.getLogger("httpx").getEffectiveLevel() == max(ours, logging.WARNING)


@pytest.mark.usefixtures("_own_logging")
def test_uvicorn_writes_the_same_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", None)
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    line = json.loads(capsys.readouterr().err)
    assert (line["logger"], line["message"]) == ("uvicorn.error", "Started server process [7]")
    assert line["request_id"] == "-"


def test_a_line_break_stays_inside_its_line() -> None:
    record = logging.LogRecord("a", logging.INFO, "", 1, "two\nlines", (), None)
    record.request_id = "-"
    assert "\n" not in make_formatter("json").format(record)
