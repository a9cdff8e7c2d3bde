"""What ``init`` was asked for, checked at the border and completed with defaults."""

import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from fade_client.alerts import Alert, OnAlert, reaction
from fade_client.errors import ConfigError
from fade_client.frames import FORMAT, Header
from fade_client.spool import SUFFIX
from fade_client.wire import jsonable
from fade_core.scheduler import SchedulerConfig

Mode = Literal["observe", "recommend", "control", "local"]

DEFAULT_SERVER = "http://127.0.0.1:8765"
SERVER_VARIABLE = "FADEWATCH_SERVER"
KEY_VARIABLE = "FADEWATCH_API_KEY"
DIRECTORY_VARIABLE = "FADEWATCH_DIR"

_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MAX_NAME = 128


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that a run is opened with.

    Attributes:
        header: The attempt's identity and tuning.
        path: Its spool.
        server: Address of the server, without a path.
        api_key: Bearer token, or None.
        react: Called with each new alert, or None.
    """

    header: Header
    path: Path
    server: str
    api_key: str | None
    react: Callable[[Alert], Any] | None = None


def resolve(
    project: str,
    name: str | None,
    *,
    config: Mapping[str, Any] | None,
    mode: str,
    server: str | None,
    run_id: str | None,
    tags: Iterable[str],
    group: str | None,
    scheduler: SchedulerConfig | None,
    directory: str | os.PathLike[str] | None,
    weights_every: int,
    api_key: str | None,
    on_alert: OnAlert | None = None,
) -> Options:
    """Check the arguments of ``init`` and fill in what was left out; see there.

    Raises:
        ConfigError: An argument cannot be used; the message says what was wanted.
    """
    now = time.time()
    run_id = _generated_id(now) if run_id is None else run_id
    _matching("project", project, _PROJECT, "a letter or digit, then up to 63 more or any of _.-")
    _matching("run_id", run_id, _RUN_ID, "a letter or digit, then up to 63 more or any of _-")
    header = Header(
        format=FORMAT,
        project=project,
        run_id=run_id,
        attempt_key=f"{int(now * 1000):013d}-{secrets.token_hex(6)}",
        name=_text("name", run_id if name is None else name),
        mode=_mode(mode),
        config=plain_config(config),
        tags=_tags(tags),
        group=None if group is None else _text("group", group),
        scheduler=_scheduler(scheduler),
        weights_every=_every(weights_every),
        created_at=now,
    )
    path = spool_directory(directory) / project / run_id / f"{header.attempt_key}{SUFFIX}"
    return Options(header, path, server_address(server), server_key(api_key), reaction(on_alert))


def spool_directory(directory: str | os.PathLike[str] | None) -> Path:
    """Return where spools are: the argument, FADEWATCH_DIR, or ``~/.fadewatch/spool``.

    Raises:
        ConfigError: It is not a path.
    """
    chosen = directory or os.environ.get(DIRECTORY_VARIABLE) or "~/.fadewatch/spool"
    try:
        return Path(chosen).expanduser().absolute()
    except (TypeError, RuntimeError) as error:
        raise ConfigError(f"dir must be a path, got {directory!r}: {error}") from error


def server_address(server: str | None) -> str:
    """Return the server's address: the argument, FADEWATCH_SERVER, or this machine's.

    Raises:
        ConfigError: It is not an http address.
    """
    chosen = server or os.environ.get(SERVER_VARIABLE) or DEFAULT_SERVER
    if not isinstance(chosen, str) or not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", chosen):
        raise ConfigError(f"server must be like {DEFAULT_SERVER}, got {chosen!r}")
    return chosen.rstrip("/")


def server_key(api_key: str | None) -> str | None:
    """Return the API key: the argument, FADEWATCH_API_KEY, or None.

    Raises:
        ConfigError: It cannot be sent in a header.
    """
    chosen = api_key or os.environ.get(KEY_VARIABLE) or None
    if chosen is not None and not (isinstance(chosen, str) and re.fullmatch(r"[!-~]+", chosen)):
        raise ConfigError("api_key must be printable ASCII without spaces")
    return chosen


def _generated_id(now: float) -> str:
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{secrets.token_hex(3)}"


def _matching(what: str, text: str, pattern: re.Pattern[str], wanted: str) -> None:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise ConfigError(f"{what} must be {wanted}; got {text!r}")


def _text(what: str, text: str) -> str:
    if not isinstance(text, str) or not 0 < len(text) <= _MAX_NAME or not text.isprintable():
        raise ConfigError(f"{what} must be 1 to {_MAX_NAME} printable characters, got {text!r}")
    return text


def _mode(mode: str) -> str:
    if mode not in get_args(Mode):
        raise ConfigError(f"mode must be one of {', '.join(get_args(Mode))}; got {mode!r}")
    return mode


def plain_config(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a configuration as plain JSON values; non-finite floats as their strings.

    Raises:
        ConfigError: Something in it is none.
    """
    try:
        plain = jsonable(msgspec.to_builtins(dict(config or {}), str_keys=True))
        msgspec.json.encode(plain)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise ConfigError(f"config must be a dict of JSON values: {error}") from error
    checked: dict[str, Any] = plain
    return checked


def _tags(tags: Iterable[str]) -> tuple[str, ...]:
    if isinstance(tags, str):
        raise ConfigError(f"tags must be a list of texts, got the text {tags!r}")
    try:
        return tuple(_text("a tag", tag) for tag in tags)
    except TypeError as error:
        raise ConfigError(f"tags must be a list of texts, got {tags!r}") from error


def _scheduler(scheduler: SchedulerConfig | None) -> SchedulerConfig:
    if scheduler is None:
        return SchedulerConfig()
    if not isinstance(scheduler, SchedulerConfig):
        raise ConfigError(f"scheduler must be a SchedulerConfig, got {type(scheduler).__name__}")
    return scheduler


def _every(weights_every: int) -> int:
    if isinstance(weights_every, int) and weights_every >= 0:
        return weights_every
    raise ConfigError(f"weights_every must be an integer >= 0 (0: never), got {weights_every!r}")
