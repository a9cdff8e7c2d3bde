"""Everything that can be configured, read once at start.


A flag of the command line wins over the environment, that over the file, that over the default.
"""

import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from limits import parse_many
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from fade_core.errors import SettingError


def _rate(text: str) -> str:
    try:
        parse_many(text)
    except ValueError as error:
        raise ValueError('must be a rate such as "100/second" or "20/minute"') from error
    return text


RateLimit = Annotated[str, AfterValidator(_rate)]


class Settings(BaseSettings):
    """Settings of the service; a malformed one stops the start.

    Each is a variable ``FADEWATCH_...`` of the environment, or a key of the file.
    """

    # The client's own variables share the prefix, so unknown names are not an error.
    model_config = SettingsConfigDict(
        env_prefix="FADEWATCH_",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
    )

    config: Path | None = None
    """TOML file with any of the other settings, by their names."""

    database_url: str = "sqlite:///~/.fadewatch/fadewatch.db"
    """SQLAlchemy URL of the store: a SQLite file or PostgreSQL; ``~`` is expanded."""

    host: str = "127.0.0.1"
    """Address to listen on; anything but loopback needs ``api_key`` or an admin key."""

    port: int = Field(default=8765, ge=1, le=65535)
    """Port to listen on."""

    api_key: SecretStr | None = Field(default=None, min_length=8)
    """Key with every scope, beside those of ``fadewatch keys``; without any key only this machine
    is served."""

    password: SecretStr | None = Field(default=None, min_length=12)
    """Password that logs in to the dashboard with the scopes read and control."""

    secret_key: SecretStr | None = Field(default=None, min_length=32)
    """Signs the dashboard's sessions; without one the service makes and keeps its own."""

    session_hours: float = Field(default=12.0, gt=0, le=24 * 90)
    """How long a login to the dashboard lasts."""

    request_limit: RateLimit = "100/second"
    """Most requests of one key, as ``N/second``, ``N/minute`` or ``N/hour``."""

    ingest_limit: RateLimit = "2000/second"
    """The same for batches of steps and for waiting for a schedule."""

    guess_limit: RateLimit = "20/minute"
    """Most wrong keys and passwords from one address; then only keys of ``fadewatch keys`` are
    let in from there."""

    forwarded_allow_ips: str | None = None
    """Addresses of proxies whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed, with
    commas; ``*`` for any. Without it these headers are ignored."""

    max_body_bytes: int = Field(default=64 * 2**20, ge=1024)
    """Largest request body, both as sent and after decompression; the same for what a Parquet file
    that is imported holds."""

    max_batch_steps: int = Field(default=10_000, ge=1)
    """Most steps in one batch."""

    max_extra_names: int = Field(default=500, ge=0)
    """Most names under ``extra`` and ``pass_at_k`` together, over a whole run."""

    max_name_length: int = Field(default=128, ge=1, le=256)
    """Longest name of a run, a project, a tag, a group or an extra value, in characters."""

    max_weight_count: int = Field(default=262_144, ge=1)
    """Most raw advantage weights of one step."""

    log_format: Literal["text", "json"] = "text"
    """Log lines for people, or one JSON object a line for machines; on standard error."""

    log_level: Literal["debug", "info", "warning", "error"] | None = None
    """Least level that is logged; ``info`` has a line for every request. Without it, ``info`` in
    JSON and ``warning`` in text."""

    slow_request_s: float = Field(default=1.0, gt=0)
    """Duration of a request from which on it is logged as a warning, in seconds; waiting for news
    does not count."""

    drain_s: float = Field(default=0.0, ge=0)
    """How long the server goes on as before after it is asked to end, with ``/readyz`` saying no,
    so that a proxy sends no more, in seconds."""

    grace_s: float = Field(default=5.0, gt=0)
    """How long requests that are being answered, and then the work at hand behind them, may take
    to finish at the end, in seconds."""

    stale_after_s: float = Field(default=600.0, gt=0)
    """Silence after which a running run is shown as stale, in seconds."""

    recheck_s: float = Field(default=2.0, gt=0)
    """How often a waiting request looks for what another server process stored, in seconds."""

    database_connections: int = Field(default=40, ge=2)
    """Most connections to the database of one server process."""

    database_wait_s: float = Field(default=10.0, gt=0)
    """How long a request waits for a free connection before it is answered 503, in seconds."""

    alert_warning_for: int = Field(default=2, ge=1)
    """Records that must show a finding below critical before its alert fires; the detectors wait
    by themselves before they say anything."""

    alert_critical_for: int = Field(default=1, ge=1)
    """The same for a critical one."""

    alert_quiet_for: int = Field(default=10, ge=1)
    """Records in a row without the finding before an alert is over."""

    sweep_s: float = Field(default=15.0, gt=0)
    """How often a server looks for runs that another, killed one left unwatched, in seconds."""

    tick_s: float = Field(default=1.0, gt=0)
    """How often a server looks for overrides that end, in seconds."""

    prune_every_s: float = Field(default=3600.0, gt=0)
    """How often a server deletes what the projects' retention says, in seconds."""

    allow_private_targets: bool = False
    """Whether alerts may be sent to this machine and to private networks."""

    public_url: str | None = None
    """Address under which people reach the service, for the links in messages; by default that of
    ``host`` and ``port``."""

    delivery_tries: int = Field(default=8, ge=1)
    """How often a message is tried before it is given up."""

    delivery_pause_s: float = Field(default=5.0, gt=0)
    """Pause after the first try, in seconds; each next one is twice as long, at most an hour."""

    delivery_poll_s: float = Field(default=1.0, gt=0)
    """How often a server looks for messages that are due, in seconds."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  there is no such file
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  nor this
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where values come from, what wins first."""
        path = init_settings().get("config") or env_settings().get("config")
        if path is None:
            return init_settings, env_settings
        check_file(Path(path))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, Path(path))


def read_settings(**flags: Any) -> Settings:
    """Return the settings, or say in one line each what is wrong with them.

    Args:
        flags: What the command line gave; None where it gave nothing.

    Raises:
        SettingError: The file cannot be read, or a value is not what the setting takes.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise SettingError("\n".join(_problems(error))) from None


def check_file(path: Path) -> None:
    """Refuse a file of settings that is not one.

    Args:
        path: TOML.

    Raises:
        SettingError: It cannot be read, is not TOML, or names what is no setting.
    """
    try:
        named = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"{path} cannot be read as a file of settings: {error}") from error
    known = [name for name in Settings.model_fields if name != "config"]
    for name in named:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else "; docs/settings.md has them all"
            raise SettingError(f'{path}: there is no setting "{name}"{hint}')


def _problems(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        name = str(problem["loc"][0])
        message = problem["msg"].removeprefix("Value error, ")
        secret = "SecretStr" in str(Settings.model_fields[name].annotation)
        got = "" if secret else f", got {problem['input']!r:.100}"
        yield f"{name}: {message[:1].lower()}{message[1:]}{got}"
