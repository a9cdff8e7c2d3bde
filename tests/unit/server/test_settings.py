"""Settings, the database's URL, and how light the service is."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from fade_core.errors import SettingError
from fade_server.queries.engine import expand_url, open_engine
from fade_server.settings import Settings


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
