"""Every request has a name, and one line in the log that holds no secret."""

import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy import text

from fade_server.logs import OURS, configure_logging
from fade_server.main import create_app
from fade_server.settings import Settings
from tests.integration.server.api import Api, serve

Lines = Callable[[], list[dict[str, object]]]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/fade.db", slow_request_s=5.0))
    with serve(app) as started:
        yield started


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """What the process logs as JSON meanwhile."""
    written = StringIO()
    monkeypatch.setattr("sys.stderr", written)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    root.handlers = []  # else they would be closed
    configure_logging("json", None)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.handlers[:], root.level = before
    for name in OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_a_request_is_one_line_with_its_name_its_route_and_its_status(
    api: Api, lines: Lines
) -> None:
    answer = api.get("/runs/a%0Ab?key=hunter2", headers={"authorization": "Bearer hunter2"})
    assert answer.status_code == 404
    (line,) = lines()
    assert line["request_id"] == answer.headers["x-request-id"] == answer.json()["request_id"]
    assert (line["level"], line["logger"]) == ("INFO", "fade_server.routes.observing")
    assert (line["method"], line["status"], line["caller"]) == ("GET", 404, "")
    assert line["path"] == "/api/v1/runs/a%0Ab"
    assert line["route"] == "/api/v1/runs/{run}"
    assert isinstance(line["duration_ms"], float)
    assert str(line["time"]).endswith("+00:00")
    assert "hunter2" not in json.dumps(line)


@pytest.mark.parametrize("name", ["trace-7", "a.b:c_D", "x" * 64])
def test_a_sane_name_from_the_caller_is_kept(api: Api, name: str) -> None:
    answer = api.get("/runs", headers={"x-request-id": name})
    assert answer.headers.get_list("x-request-id") == [name]


@pytest.mark.parametrize("name", ["", "two words", "x" * 65, 'a"b', "<script>", "ä"])
def test_any_other_name_is_replaced(api: Api, name: str) -> None:
    answer = api.get("/runs", headers={"x-request-id": name.encode()})
    (given,) = answer.headers.get_list("x-request-id")
    assert len(given) == 16
    assert given != name


def test_an_error_on_our_side_is_logged_under_the_name_that_the_answer_has(
    api: Api, lines: Lines
) -> None:
    api.open_run("broken")
    with api.context.store.write() as session:
        session.execute(text("UPDATE runs SET schedule = '{}'"))
    answer = api.get("/runs/broken", headers={"x-request-id": "trace-8"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "trace-8")
    about = [line for line in lines() if line["request_id"] == "trace-8"]
    assert [line["level"] for line in about] == ["ERROR", "WARNING"]
    assert "Traceback" in str(about[0]["exception"])
    assert (about[1]["status"], about[1]["route"]) == (500, "/api/v1/runs/{run}")


def test_what_a_statement_would_have_stored_is_not_logged(api: Api, lines: Lines) -> None:
    with api.context.store.write() as session:
        session.execute(text("ALTER TABLE runs RENAME TO gone"))
    body = {"run_id": "a", "attempt_key": "a1", "config": {"token": "hunter2"}}
    assert api.post("/projects/p/runs", json=body).status_code == 503
    assert "no such table" in json.dumps(lines())
    assert "hunter2" not in json.dumps(lines())


def test_probes_do_not_fill_the_log(api: Api, lines: Lines) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert api.get(f"http://127.0.0.1{path}").status_code == 200
    assert lines() == []


def test_a_slow_request_is_a_warning_in_any_form(tmp_path: Path, lines: Lines) -> None:
    url = f"sqlite:///{tmp_path}/slow.db"
    with serve(create_app(Settings(database_url=url, slow_request_s=1e-9))) as api:
        assert api.get("/runs").status_code == 200
        (line,) = lines()
        assert line["level"] == "WARNING"
        assert str(line["message"]).endswith("which is slow")
        api.open_run("a")
        waited = api.get("/runs/a/schedule", params={"after": 0, "wait": 0.05})
        assert waited.status_code == 200
        assert lines()[-1]["level"] == "INFO"
