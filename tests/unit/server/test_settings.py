"""Settings, the database's URL, and how light the service is."""

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from pydantic import ValidationError

from fade_core.errors import SettingError
from fade_server.queries.engine import expand_url, open_engine
from fade_server.settings import Settings, read_settings
from tests.helpers import ROOT


def test_settings_come_from_the_environment_and_others_variables_do_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FADEWATCH_PORT", "9000")
    monkeypatch.setenv("FADEWATCH_API_KEY", "a long secret")
    monkeypatch.setenv("FADEWATCH_SERVER", "http://elsewhere")
    settings = Settings()
    assert settings.port == 9000
    assert "a long secret" not in repr(settings)


def test_a_malformed_setting_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FADEWATCH_PORT", "many")
    with pytest.raises(ValidationError, match="port"):
        Settings()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "fadewatch.toml"
    path.write_text('port = 9001\nhost = "127.0.0.2"\nlog_format = "json"\n')
    return path


def test_a_flag_wins_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    monkeypatch.setenv("FADEWATCH_CONFIG", str(config))
    monkeypatch.setenv("FADEWATCH_HOST", "127.0.0.3")
    monkeypatch.setenv("FADEWATCH_PORT", "9002")
    settings = read_settings(port=9003, log_level=None)
    assert (settings.port, settings.host, settings.log_format) == (9003, "127.0.0.3", "json")
    assert settings.log_level is None


def test_the_flag_for_the_file_wins_over_the_variable(
    monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    monkeypatch.setenv("FADEWATCH_CONFIG", "/nowhere.toml")
    assert read_settings(config=config).port == 9001


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", 'there is no setting "prot"; did you mean "port"?'),
        ("[server]\nport = 1", 'there is no setting "server"'),
        ('config = "other.toml"', 'there is no setting "config"'),
        ("port = ", "cannot be read as a file of settings"),
        ("port = 0", "port: input should be greater than or equal to 1, got 0"),
        ('log_format = "xml"', "log_format: input should be 'text' or 'json', got 'xml'"),
    ],
)
def test_a_wrong_file_is_refused_by_name(config: Path, text: str, message: str) -> None:
    config.write_text(text)
    with pytest.raises(SettingError, match=re.escape(message)):
        read_settings(config=config)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"nowhere\.toml cannot be read"):
        read_settings(config=tmp_path / "nowhere.toml")


def test_a_secret_that_is_refused_is_not_shown(config: Path) -> None:
    config.write_text('api_key = "hunter2"')
    with pytest.raises(SettingError, match="api_key") as refused:
        read_settings(config=config)
    assert "hunter2" not in str(refused.value)


def test_the_page_of_settings_is_up_to_date() -> None:
    spec = spec_from_file_location("write_settings", ROOT / "docs" / "write_settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text() == module.page(), "run: python docs/write_settings.py"


def test_every_setting_is_described() -> None:
    fields = Settings.model_fields
    assert [name for name, field in fields.items() if not field.description] == []


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "no url"])
def test_a_database_that_cannot_serve_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="database_url"):
        expand_url(url)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_form_of_a_postgresql_url_uses_the_driver_that_is_installed(scheme: str) -> None:
    assert expand_url(f"{scheme}://u:p@db:5432/fade").drivername == "postgresql+psycopg"


def test_the_home_folder_is_expanded_and_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    engine = open_engine(Settings.model_fields["database_url"].default)
    assert engine.url.database == str(tmp_path / ".fadewatch" / "fadewatch.db")
    assert (tmp_path / ".fadewatch").is_dir()
    engine.dispose()


def test_sqlite_runs_with_the_settings_that_the_store_relies_on(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/fade.db")
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert found == {
        "journal_mode": "wal",
        "synchronous": 1,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }


def test_the_service_needs_neither_torch_nor_the_client_nor_the_dashboard() -> None:
    blocked = ["torch", "fade_client", "fade_dashboard", "dash", "plotly", "pandas"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked}))\n"
        "import fade_server.main, fade_server.security, fade_server.schema"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
